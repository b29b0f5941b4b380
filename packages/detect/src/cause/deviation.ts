// How unusual a series is during an incident, against its own normal values: robust, and comparable between series of
// any unit. And what kind of thing a series measures, from its name, unless the caller says so.

/**
 * What a series measures. `duration`: time the node takes, higher is worse. `outgoing`: time its calls to others take.
 * `failure` and `success`: share of calls in 0..1 or percent. `volume`: number of calls. `resource`: a part that can be
 * used up (processor, memory). `other`: not used.
 */
export type Role = "duration" | "outgoing" | "failure" | "success" | "volume" | "resource" | "other";

const PATTERNS: readonly (readonly [RegExp, Role])[] = [
  [
    /(latenc|duration|response.?time|elapsed).*(client|outgoing)|(client|outgoing).*(latenc|duration|response.?time|elapsed)/,
    "outgoing",
  ],
  [/latenc|duration|response.?time|elapsed/, "duration"],
  [/error|fail|exception/, "failure"],
  [/success|availab/, "success"],
  [/request|workload|throughput|calls/, "volume"],
  [/^(?!node).*(cpu|mem)/, "resource"],
];

/** The role that a metric's name suggests. */
export function roleOf(metric: string): Role {
  const name = metric.toLowerCase();
  return PATTERNS.find(([pattern]) => pattern.test(name))?.[1] ?? "other";
}

export type Series = readonly (number | null)[];

/** A series during an incident against normal: `score` counts robust deviations above the usual level. */
export interface Deviation {
  readonly usual: number;
  readonly now: number;
  readonly spread: number;
  readonly score: number;
}

const NORMAL_MIN = 5;
// A change below this share of the level is not worth calling a deviation however quiet the series.
const SPREAD_SHARE_MIN = 0.02;

/** null when normal has fewer than 5 values or the incident none. A series without any spread scores 0. */
export function deviationOf(normal: Series, incident: Series): Deviation | null {
  const known = finite(normal).toSorted((a, b) => a - b);
  const during = finite(incident);
  if (known.length < NORMAL_MIN || during.length === 0) return null;
  const usual = quantile(known, 0.5);
  const away = known.map((value) => Math.abs(value - usual)).toSorted((a, b) => a - b);
  // 1.4826 and 3.3 make both equal the standard deviation of a normal distribution.
  const spread = Math.max(
    1.4826 * quantile(away, 0.5),
    (quantile(known, 0.95) - quantile(known, 0.05)) / 3.3,
    SPREAD_SHARE_MIN * Math.abs(usual),
  );
  const now = mean(during);
  return { usual, now, spread, score: bounded((now - usual) / spread) };
}

/** Failures more than the usual share explains, in deviations of a Poisson count; one failure more is never enough. */
export function failureExcess(
  normal: Series,
  incident: Series,
  isSuccess: boolean,
  callsPerSample: number | null,
): Deviation | null {
  const [known, during] = [finite(normal), finite(incident)];
  if (known.length < NORMAL_MIN || during.length === 0) return null;
  const scale = Math.max(...known, ...during) > 1.5 ? 100 : 1;
  const share = (values: readonly number[]): number => (isSuccess ? 1 - mean(values) / scale : mean(values) / scale);
  const [usual, now] = [share(known), share(during)];
  const calls = callsPerSample === null ? CALLS_UNKNOWN : callsPerSample * during.length;
  return { usual, now, spread: 0, score: bounded((calls * (now - usual)) / Math.sqrt(Math.max(0, calls * usual) + 1)) };
}

const CALLS_UNKNOWN = 100;
const SCORE_MAX = 1e9;

/** No spread, or numbers too large to count with, are no evidence. */
function bounded(score: number): number {
  return Number.isFinite(score) ? Math.max(-SCORE_MAX, Math.min(SCORE_MAX, score)) : 0;
}

export function finite(series: Series): number[] {
  return series.filter((value): value is number => value !== null && Number.isFinite(value));
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value / values.length, 0);
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted[Math.round(share * (sorted.length - 1))] as number;
}
