// The metrics of a target over a span, as charts one below the other on the same axis. Which metrics come first: those that
// moved most; the others are one choice away.
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useMemo, useState } from "react";
import { ApiError } from "../api/client.ts";
import { queries } from "../api/queries.ts";
import type { SeriesPoint } from "../api/shapes.ts";
import { metricName } from "../format/number.ts";
import type { ChartMark, ChartPoint } from "./chart.tsx";
import { Async, Empty } from "./states.tsx";

const Chart = lazy(() => import("./chart.tsx"));

/** Charts shown before anybody chose; points drawn of one series at most. */
const chartsShown = 3;
const pointsMax = 2_000;
/** The last minutes are held at full resolution; older ones as minutes. */
const rawMs = 10 * 60_000;
/** What most faults show in, when nothing moved more. */
const usual = [
  "lagMsMax",
  "rssBytes",
  "cpuShare",
  "latencyMsP95",
  "errorsPerSecond",
  "requestsPerSecond",
  "heapUsedBytes",
];

let isRawServed = true;

export function Series({
  target,
  from,
  to,
  marks,
  gutter,
  refreshMs,
  shown = chartsShown,
}: {
  readonly target: string;
  readonly from: number;
  readonly to: number;
  readonly marks?: readonly ChartMark[];
  readonly gutter: number;
  /** Asked anew this often, ms; null: never. */
  readonly refreshMs: number | null;
  readonly shown?: number;
}) {
  const [more, setMore] = useState<readonly string[]>([]);
  // Whole minutes in the question, so that answers can be kept.
  const asked = {
    from: new Date(Math.floor(from / 60_000) * 60_000 - 60_000).toISOString(),
    to: new Date(Math.ceil(to / 60_000) * 60_000 + 60_000).toISOString(),
  };
  const minutes = useQuery({
    ...queries.series(target, asked),
    refetchInterval: refreshMs ?? false,
    placeholderData: (before) => before,
  });
  const isRecent = isRawServed && Date.now() - from < rawMs;
  const raw = useQuery({
    ...queries.series(target, { ...asked, resolution: "raw" }),
    enabled: isRecent,
    refetchInterval: refreshMs ?? false,
    placeholderData: (before) => before,
    retry: false,
  });
  // A server that keeps minutes alone refuses the parameter; it is not asked again.
  if (raw.error instanceof ApiError && raw.error.status === 400) isRawServed = false;
  const series = useMemo(() => {
    const all = pointsOf(minutes.data?.items ?? []);
    for (const [metric, points] of Object.entries(pointsOf(raw.data?.items ?? []))) {
      const first = points[0]?.at ?? Number.POSITIVE_INFINITY;
      all[metric] = [...(all[metric] ?? []).filter((point) => point.at < first), ...points];
    }
    // The neighbours outside are kept too, so that the line enters and leaves the picture.
    const pad = (to - from) * 0.05 + 130_000;
    return Object.entries(all)
      .map(([metric, points]) => ({
        metric,
        points: thin(points.filter((point) => point.at >= from - pad && point.at <= to + pad)),
      }))
      .filter(({ points }) => points.length > 0);
  }, [from, minutes.data, raw.data, to]);

  return (
    <Async query={minutes} what="Metrics">
      {() => {
        if (series.length === 0)
          return (
            <Empty title="No metric was kept for this time." icon="minus">
              Minutes are kept for services that report samples; a target that is only checked has none.
            </Empty>
          );
        const order = [...series].sort((a, b) => rank(b) - rank(a));
        const chosen = [...order.slice(0, shown), ...order.slice(shown).filter((each) => more.includes(each.metric))];
        const rest = order.filter((each) => !chosen.includes(each));
        return (
          <div className="stack tight">
            <Suspense fallback={<div className="chart-wait" />}>
              {chosen.map(({ metric, points }) => (
                <Chart
                  key={metric}
                  metric={metric}
                  points={points}
                  from={from}
                  to={to}
                  gutter={gutter}
                  {...(marks === undefined ? {} : { marks })}
                />
              ))}
            </Suspense>
            {rest.length > 0 && (
              <label className="row small muted no-print">
                <span className="nowrap">Add a metric</span>
                <select
                  className="input select"
                  value=""
                  onChange={(event) => setMore((old) => [...old, event.target.value])}
                >
                  <option value="" disabled>
                    {rest.length} more
                  </option>
                  {rest
                    .map((each) => each.metric)
                    .sort()
                    .map((metric) => (
                      <option key={metric} value={metric}>
                        {metricName(metric)}
                      </option>
                    ))}
                </select>
              </label>
            )}
          </div>
        );
      }}
    </Async>
  );
}

/** Both shapes that the server may answer in: flat points, or points by metric. */
function pointsOf(
  items: readonly (
    SeriesPoint | { readonly metric: string; readonly points: readonly Omit<SeriesPoint, "metric">[] }
  )[],
): Record<string, ChartPoint[]> {
  const all: Record<string, ChartPoint[]> = {};
  for (const item of items) {
    const points = "points" in item ? item.points : [item];
    const into = (all[item.metric] ??= []);
    for (const { at, min, mean, max } of points) into.push({ at: Date.parse(at), min, mean, max });
  }
  return all;
}

function thin(points: readonly ChartPoint[]): readonly ChartPoint[] {
  const stride = Math.ceil(points.length / pointsMax);
  return stride <= 1 ? points : points.filter((_, at) => at % stride === 0);
}

/** Swing in relation to size; the usual ones win a tie, constants come last. */
function rank({ metric, points }: { readonly metric: string; readonly points: readonly ChartPoint[] }): number {
  const high = Math.max(...points.map((point) => point.max));
  const low = Math.min(...points.map((point) => point.min));
  const place = usual.indexOf(metric);
  const swing = high === low ? 0 : Math.min(1, (high - low) / (Math.abs(high) + Math.abs(low)));
  return (place === -1 ? 0 : 1 + (usual.length - place) / usual.length) + swing;
}
