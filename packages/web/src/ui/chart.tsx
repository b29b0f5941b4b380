// A line chart with its values as a table behind it. Drawn by uPlot on a canvas, in the colours of the theme, with the marks
// of an incident as vertical lines; the caption says in words what the line shows. Loaded when first needed.
import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { metricName, metricValue } from "../format/number.ts";
import { clock } from "../format/time.ts";
import { useTheme } from "../shell/theme.ts";

export interface ChartPoint {
  readonly at: number;
  readonly min: number;
  readonly mean: number;
  readonly max: number;
}
export interface ChartMark {
  readonly at: number;
  readonly label: string;
  readonly stage: string;
}

/** Rows of the table behind a chart at most; longer series are thinned and say so. */
const rowsMax = 240;

export default function Chart({
  metric,
  points,
  from,
  to,
  marks = [],
  gutter,
  height = 112,
}: {
  readonly metric: string;
  readonly points: readonly ChartPoint[];
  readonly from: number;
  readonly to: number;
  readonly marks?: readonly ChartMark[];
  readonly gutter: number;
  readonly height?: number;
}) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const state = useRef({ marks, from, to });
  state.current = { marks, from, to };
  const theme = useTheme();
  const data = dataOf(points);
  const held = useRef(data);
  held.current = data;

  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const draw = (): void => {
      plot.current?.destroy();
      const look = colours(element);
      plot.current = new uPlot(
        {
          width: element.clientWidth,
          height,
          ms: 1,
          legend: { show: false },
          cursor: { y: false, points: { size: 6 } },
          padding: [8, 12, 8, 0],
          scales: {
            x: { time: true, range: () => [state.current.from, state.current.to] },
            // Over all values, those beside the picture too: the line that enters it must not leave it above.
            y: { range: () => rangeOf(held.current) },
          },
          axes: [
            { show: false },
            {
              size: gutter,
              stroke: look.faint,
              font: `11px ${look.font}`,
              grid: { stroke: look.line, width: 1 },
              ticks: { show: false },
              splits: (_plot, _axis, low, high) => [low, (low + high) / 2, high],
              values: (_plot, splits) => splits.map((value) => metricValue(metric, value)),
            },
          ],
          series: [
            {},
            { stroke: "transparent", points: { show: false } },
            { stroke: "transparent", points: { show: false } },
            { stroke: look.text, width: 1.5, points: { show: points.length < 3, size: 4, fill: look.text } },
          ],
          bands: [{ series: [1, 2], fill: look.band }],
          hooks: {
            draw: [(of) => drawMarks(of, state.current.marks, element)],
            setCursor: [(of) => tell(of, element, metric)],
          },
        },
        held.current,
        element.querySelector<HTMLElement>(".chart-canvas") ?? element,
      );
    };
    draw();
    const observer = new ResizeObserver(() => plot.current?.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    const scheme = window.matchMedia("(prefers-color-scheme: dark)");
    scheme.addEventListener("change", draw);
    return () => {
      observer.disconnect();
      scheme.removeEventListener("change", draw);
      plot.current?.destroy();
      plot.current = null;
    };
    // The plot is made anew only when its look changes; new values go into the one that is there.
  }, [metric, theme, gutter, height, points.length < 3]);
  useEffect(() => {
    plot.current?.setData(held.current);
  }, [points, from, to, marks]);

  const means = points.map((point) => point.mean);
  const last = points.at(-1);
  const summary =
    last === undefined
      ? "no values"
      : `lowest ${metricValue(metric, Math.min(...points.map((point) => point.min)))}, highest ${metricValue(
          metric,
          Math.max(...points.map((point) => point.max)),
        )}, last ${metricValue(metric, last.mean)}`;
  const stride = Math.max(1, Math.ceil(points.length / rowsMax));
  return (
    <figure className="chart">
      <figcaption className="chart-caption">
        <span className="small">{metricName(metric)}</span>
        <span className="tiny faint chart-value">{last === undefined ? "" : metricValue(metric, last.mean)}</span>
      </figcaption>
      <div
        ref={box}
        className="chart-box"
        role="img"
        aria-label={`${metricName(metric)} from ${clock(from)} to ${clock(to)}: ${summary}`}
      >
        <div className="chart-canvas" />
        <div className="chart-tip tiny" aria-hidden="true" hidden />
      </div>
      {means.length > 0 && (
        <details className="chart-table">
          <summary className="tiny">Values of {metricName(metric)}</summary>
          <div className="chart-rows" tabIndex={0} role="group" aria-label={`Values of ${metricName(metric)}`}>
            <table className="table">
              <thead>
                <tr>
                  <th scope="col">Time</th>
                  <th scope="col" className="number">
                    Lowest
                  </th>
                  <th scope="col" className="number">
                    Mean
                  </th>
                  <th scope="col" className="number">
                    Highest
                  </th>
                </tr>
              </thead>
              <tbody>
                {points
                  .filter((_, at) => at % stride === 0)
                  .map((point) => (
                    <tr key={point.at}>
                      <td>{clock(point.at)}</td>
                      <td className="number">{metricValue(metric, point.min)}</td>
                      <td className="number">{metricValue(metric, point.mean)}</td>
                      <td className="number">{metricValue(metric, point.max)}</td>
                    </tr>
                  ))}
              </tbody>
            </table>
            {stride > 1 && (
              <p className="hint">
                Every {stride}th of {points.length} values.
              </p>
            )}
          </div>
        </details>
      )}
    </figure>
  );
}

function dataOf(points: readonly ChartPoint[]): uPlot.AlignedData {
  return [
    points.map((point) => point.at),
    points.map((point) => point.max),
    points.map((point) => point.min),
    points.map((point) => point.mean),
  ];
}

/** From zero unless the values lie close together far above it. */
function rangeOf(data: uPlot.AlignedData): [number, number] {
  const of = (list: uPlot.AlignedData[number] | undefined): number[] =>
    [...(list ?? [])].filter((value): value is number => typeof value === "number");
  const highs = of(data[1]);
  const lows = of(data[2]);
  if (highs.length === 0 || lows.length === 0) return [0, 1];
  const high = highs.reduce((a, b) => Math.max(a, b));
  const low = lows.reduce((a, b) => Math.min(a, b));
  const bottom = low >= 0 && low < high * 0.6 ? 0 : low;
  const room = (high - bottom || Math.abs(high) || 1) * 0.1;
  return [bottom === 0 ? 0 : bottom - room, high + room];
}

function colours(element: HTMLElement) {
  const style = getComputedStyle(element);
  const of = (name: string): string => {
    // light-dark() is resolved only where it is used as a colour.
    const probe = document.createElement("i");
    probe.className = "colour-probe";
    probe.style.color = `var(${name})`;
    element.append(probe);
    const colour = getComputedStyle(probe).color;
    probe.remove();
    return colour;
  };
  return {
    text: of("--text-2"),
    faint: of("--text-3"),
    line: of("--line"),
    band: of("--surface-3"),
    font: style.fontFamily,
  };
}

const markColours: Readonly<Record<string, string>> = {
  signal: "--text-3",
  finding: "--bad",
  diagnosis: "--warn",
  repair: "--heal",
  verification: "--ok",
  report: "--ok",
};

function drawMarks(of: uPlot, marks: readonly ChartMark[], element: HTMLElement): void {
  const { ctx, bbox } = of;
  ctx.save();
  for (const mark of marks) {
    const at = of.valToPos(mark.at, "x", true);
    if (at < bbox.left || at > bbox.left + bbox.width) continue;
    const probe = document.createElement("i");
    probe.className = "colour-probe";
    probe.style.color = `var(${markColours[mark.stage] ?? "--line-strong"})`;
    element.append(probe);
    ctx.strokeStyle = getComputedStyle(probe).color;
    probe.remove();
    ctx.globalAlpha = 0.55;
    ctx.lineWidth = window.devicePixelRatio;
    ctx.setLineDash([3 * window.devicePixelRatio, 3 * window.devicePixelRatio]);
    ctx.beginPath();
    ctx.moveTo(at, bbox.top);
    ctx.lineTo(at, bbox.top + bbox.height);
    ctx.stroke();
  }
  ctx.restore();
}

function tell(of: uPlot, element: HTMLElement, metric: string): void {
  const tip = element.querySelector<HTMLElement>(".chart-tip");
  const index = of.cursor.idx;
  if (tip === null) return;
  const at = index === null || index === undefined ? undefined : of.data[0][index];
  const value = index === null || index === undefined ? undefined : of.data[3]?.[index];
  tip.hidden = at === undefined || value === undefined || value === null;
  if (at === undefined || value === undefined || value === null) return;
  tip.textContent = `${clock(at)} · ${metricValue(metric, value)}`;
  const x = of.valToPos(at, "x") + (of.bbox.left / window.devicePixelRatio || 0);
  tip.style.left = `${Math.min(x + 8, element.clientWidth - tip.offsetWidth - 4)}px`;
}
