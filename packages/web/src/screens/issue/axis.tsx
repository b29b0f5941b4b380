// The time axis of an incident: the stretches as a bar, the marks above it with their names, times below. The list beneath
// tells the same to everybody who does not see it.
import { useLayoutEffect, useRef, useState } from "react";
import { axisMarks, clock, duration } from "../../format/time.ts";
import { clipped } from "../../format/text.ts";
import { levelsOf, type Mark, type Story } from "./story.ts";

/** Levels of names above the bar; a mark that finds no room keeps its tick and is named in the list. */
const levelsMax = 5;
const levelPx = 20;
const barPx = 20;
/** Width of a character of a name, px: near enough to keep names apart. */
const characterPx = 6.6;

/** Marks worth a name on the axis; the list holds them all. */
function named(marks: readonly Mark[]): readonly Mark[] {
  return marks.filter((mark) => mark.stage !== "issue" && !/^(REP-\d+ )(scheduled|acting|verifying)$/.test(mark.label));
}

export function useWidth(): readonly [React.RefObject<HTMLDivElement | null>, number] {
  const box = useRef<HTMLDivElement>(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    setWidth(element.clientWidth);
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  return [box, width];
}

/** Longest name of a mark, characters, and what stands around it, px. */
const labelMax = 38;
const labelPaddingPx = 12;
const widthOf = (text: string): number => text.length * characterPx + labelPaddingPx;

/** Space at the left for the charts' scales, px, shared so that axis and charts line up. */
export const gutterPx = 64;

export function Axis({
  story,
  from,
  to,
  now,
}: {
  readonly story: Story;
  readonly from: number;
  readonly to: number;
  readonly now: number;
}) {
  const [box, width] = useWidth();
  const left = width < 560 ? 8 : gutterPx;
  const span = Math.max(1, width - left - 12);
  const x = (at: number): number => left + ((Math.min(Math.max(at, from), to) - from) / (to - from)) * span;
  const marks = named(story.marks).filter((mark) => mark.at >= from && mark.at <= to);
  const placed = marks.map((mark) => {
    const at = x(mark.at);
    // A name that does not fit to the right of its mark is written to the left where there is more room, and cut to the room.
    const flip = at + widthOf(clipped(mark.label, labelMax)) > width && at > width / 2;
    const room = Math.floor(((flip ? at : width - at) - labelPaddingPx) / characterPx);
    const text = clipped(mark.label, Math.max(1, Math.min(labelMax, room - 1)));
    return { x: at, flip, text, start: flip ? at - widthOf(text) : at, width: widthOf(text) };
  });
  const levels = levelsOf(
    placed.map(({ start, width: w }) => ({ x: start, width: w })),
    levelsMax,
  );
  const used = Math.max(1, ...levels.map((level) => (level ?? -1) + 1));
  const barTop = used * levelPx + 8;
  const height = barTop + barPx + 28;
  return (
    <div className="axis" ref={box}>
      {width > 0 && (
        <svg width={width} height={height} viewBox={`0 0 ${width} ${height}`} aria-hidden="true">
          {story.stretches.map((stretch) => {
            const start = x(stretch.from);
            const end = x(stretch.to ?? now);
            const text = `${stretch.name} ${duration((stretch.to ?? now) - stretch.from)}`;
            // Where a mark would go through the words they stand at the other end.
            const isCrossed = placed.some((mark) => mark.x > start + 2 && mark.x < start + widthOf(text));
            return (
              <g key={`${stretch.name}-${stretch.from}`}>
                <rect
                  className={`stretch stretch-${stretch.name.replace(" ", "-")}`}
                  x={start}
                  y={barTop}
                  width={Math.max(2, end - start)}
                  height={barPx}
                >
                  <title>{text}</title>
                </rect>
                {end - start > text.length * characterPx + 8 && (
                  <text
                    className="stretch-text"
                    x={isCrossed ? end - 6 : start + 6}
                    y={barTop + 14}
                    textAnchor={isCrossed ? "end" : "start"}
                  >
                    {text}
                  </text>
                )}
              </g>
            );
          })}
          {marks.map((mark, index) => {
            const place = placed[index];
            const level = levels[index] ?? null;
            if (place === undefined) return null;
            const y = level === null ? barTop - 4 : barTop - 8 - level * levelPx;
            return (
              <g key={`${mark.at}-${mark.label}-${index}`} className={`mark mark-${mark.stage}`}>
                <line x1={place.x} x2={place.x} y1={level === null ? barTop - 4 : y - 10} y2={barTop + barPx} />
                {level !== null && (
                  <text x={place.flip ? place.x - 5 : place.x + 5} y={y} textAnchor={place.flip ? "end" : "start"}>
                    {place.text}
                  </text>
                )}
                <title>{`${clock(mark.at)} ${mark.label}`}</title>
              </g>
            );
          })}
          {axisMarks(from, to, Math.max(2, Math.floor(span / 110))).map((at) => (
            <g key={at} className="tick">
              <line x1={x(at)} x2={x(at)} y1={barTop + barPx} y2={barTop + barPx + 5} />
              <text x={x(at)} y={barTop + barPx + 18} textAnchor="middle">
                {clock(at)}
              </text>
            </g>
          ))}
        </svg>
      )}
    </div>
  );
}

/** The same story in words, in order. */
export function MarkList({ story }: { readonly story: Story }) {
  return (
    <ol className="marks">
      {story.marks.map((mark, index) => (
        <li key={`${mark.at}-${index}`}>
          <time dateTime={new Date(mark.at).toISOString()} className="mono faint nowrap" title={clock(mark.at)}>
            +{duration(Math.max(0, mark.at - story.start))}
          </time>
          <span className={`stage-name mark-${mark.stage}`}>{mark.stage}</span>
          <span className="wrap">
            <strong>{clipped(mark.label, 160)}</strong>
            {mark.detail !== "" && <span className="muted"> {clipped(mark.detail, 400)}</span>}
          </span>
        </li>
      ))}
    </ol>
  );
}
