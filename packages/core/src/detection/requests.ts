// Error rate and latency of a target's own requests, per route: all of them, one route, or only the tail. Judged over the last
// five seconds against a promise (slo) or the target's own recent past; raised slowly, taken back quickly.
import type { RouteFacts, TimeMs } from "../signal/index.ts";
import { changesBefore, childrenEnded } from "./changes.ts";
import { failingCalls, slowCalls } from "./calls.ts";
import type { Evidence, Finding } from "./finding.ts";
import type { RouteInterval } from "./gathered.ts";
import { establishes, finding, median, percent, seconds } from "./make.ts";
import { lastValue } from "./growth.ts";
import type { TargetView } from "./view.ts";

/** The stretch that is judged, ms, and the intervals in it that must be bad. */
export const recentMs = 5_000;
const badMin = 3;
/** Requests in the stretch below which nothing is said. */
export const requestsMin = 5;
/** Share of errors that is a fault where nothing else was promised. */
export const errorShareMax = 0.2;
/** Acting on requests' faults is warranted after this long: what passes by itself has passed. */
export const requestsRipeMs = 12_000;
/** Without a promise, latency is judged against its own past: this many times as slow, and at least this much slower, ms. */
const slowerTimes = 4;
const slowerMs = 250;
/** …and where there is no past yet, above this, ms (the catalogue's target). */
export const latencyMsDefault = 3_000;
/** The past that is compared with ends this long ago, ms, so that a fault is not compared with itself. */
const pastEndsMs = 15_000;
const pastIntervalsMin = 5;
/** Requests that have not been answered for this long hang, ms. */
export const hangMs = 10_000;

export function errorRate(view: TargetView, now: TimeMs): Finding[] {
  if (view.process?.running !== true) return [];
  const recent = within(view, now, recentMs);
  const limit = promisedErrors(view) ?? errorShareMax;
  const total = sum(recent, (route) => route.count);
  const errors = sum(recent, (route) => route.errors);
  const isBad = (interval: RouteInterval): boolean =>
    count(interval, (route) => route.errors) > limit * count(interval, (route) => route.count);
  if (total < requestsMin || errors < requestsMin * limit || errors <= limit * total) return [];
  if (recent.filter(isBad).length < badMin || recent.slice(-2).every((interval) => !isBad(interval))) return [];
  const since = sinceWhen(view, now, isBad);
  const share = errors / total;
  const lastedMs = now - since;
  const worst = byRoute(recent)
    .filter((route) => route.errors > 0)
    .sort((a, b) => b.errors - a.errors);
  const [top] = worst;
  const onlyOne = worst.length === 1 && byRoute(recent).length > 1;
  return [
    finding(view, now, {
      kind: "error-rate",
      severity: share >= 0.5 && lastedMs >= requestsRipeMs ? "critical" : "medium",
      summary: `${percent(share)} of the requests to ${view.spec.key}${onlyOne && top !== undefined ? `, all of them to ${top.route},` : ""} fail (allowed: ${percent(limit)})`,
      beganAt: since,
      ripe: lastedMs >= requestsRipeMs,
      evidence: [
        ...causesOfRequests(view, since, now),
        {
          at: now,
          what: "route",
          summary: worst
            .slice(0, 5)
            .map((route) => `${route.route}: ${route.errors} of ${route.count} failed`)
            .join("; "),
        },
      ],
    }),
  ];
}

export function highLatency(view: TargetView, now: TimeMs): Finding[] {
  if (view.process?.running !== true) return [];
  const hanging = requestsHang(view, now);
  if (hanging !== null) return [hanging];
  const recent = within(view, now, recentMs);
  if (sum(recent, (route) => route.count) < requestsMin) return [];
  const slow = byRoute(recent).flatMap((route) => {
    const limit = limitFor(view, route.route, now);
    const isBad = (interval: RouteInterval): boolean =>
      (interval.routes.find((each) => each.route === route.route)?.latencyMsP95 ?? 0) > limit;
    const bad = recent.filter(isBad);
    if (bad.length < badMin || recent.slice(-2).every((interval) => !isBad(interval))) return [];
    const p95 = median(bad.map((interval) => valueOf(interval, route.route, "latencyMsP95")));
    const p50 = median(bad.map((interval) => valueOf(interval, route.route, "latencyMsP50")));
    return [{ route: route.route, limit, p95, p50, tail: p50 <= limit / 2, since: sinceWhen(view, now, isBad) }];
  });
  const [worst] = [...slow].sort((a, b) => b.p95 / b.limit - a.p95 / a.limit);
  if (worst === undefined) return [];
  const all = slow.length === byRoute(recent).length;
  const lastedMs = now - worst.since;
  const which = all && slow.length > 1 ? "all routes" : worst.route;
  return [
    finding(view, now, {
      kind: "high-latency",
      class: "performance",
      severity: "medium",
      summary: `${which} of ${view.spec.key} ${slow.length > 1 ? "answer" : "answers"} slowly: p95 ${Math.round(worst.p95)} ms (${
        promisedLatencyMs(view) === null ? "usually below" : "promised"
      } ${Math.round(worst.limit)} ms)${worst.tail ? `, only the tail: the median is ${Math.round(worst.p50)} ms` : ""}`,
      beganAt: worst.since,
      ripe: lastedMs >= requestsRipeMs,
      evidence: [
        ...causesOfRequests(view, worst.since, now),
        establishes(
          worst.tail ? "tail" : "internal",
          {
            at: now,
            what: "route",
            summary: slow
              .slice(0, 5)
              .map(({ route, p50, p95 }) => `${route}: median ${Math.round(p50)} ms, 95 % below ${Math.round(p95)} ms`)
              .join("; "),
          },
          { all },
        ),
      ],
    }),
  ];
}

/** Requests that are never answered leave no latency behind; the age of the oldest one tells of them. */
function requestsHang(view: TargetView, now: TimeMs): Finding | null {
  const oldestMs = lastValue(view, "oldestRequestMs") ?? 0;
  const waiting = lastValue(view, "requestsInFlight") ?? 0;
  const answered = sum(within(view, now, recentMs), (route) => route.count);
  if (oldestMs < hangMs || waiting < requestsMin || waiting < answered) return null;
  return finding(view, now, {
    kind: "high-latency",
    class: "performance",
    severity: "critical",
    summary: `${waiting} requests to ${view.spec.key} hang, the oldest for ${seconds(oldestMs)}; ${answered} were answered in the last ${seconds(recentMs)}`,
    beganAt: now - oldestMs,
    ripe: oldestMs >= hangMs + requestsRipeMs,
    evidence: [
      ...causesOfRequests(view, now - oldestMs, now),
      { at: now, what: "route", summary: `${waiting} requests are under way, the oldest for ${seconds(oldestMs)}` },
    ],
  });
}

/** Since which change, through which call, with which exception; in the order in which they explain. */
export function causesOfRequests(view: TargetView, since: TimeMs, now: TimeMs): Evidence[] {
  const evidence = [...changesBefore(view, since), ...childrenEnded(view, since)];
  for (const call of failingCalls(view, now)) {
    evidence.push(
      establishes(
        call.isName ? "name-resolution" : "dependency",
        {
          at: now,
          what: "call",
          summary: `calls to ${call.address} fail: ${call.errors} of ${call.count}${call.lastError === null ? "" : ` (${call.lastError})`}`,
        },
        { address: call.address },
      ),
    );
  }
  for (const call of slowCalls(view, now))
    evidence.push(
      establishes(
        "dependency",
        {
          at: now,
          what: "call",
          summary: `the slowest outgoing call is to ${call.address}: 95 % below ${Math.round(call.p95)} ms, before ${Math.round(call.before)} ms`,
        },
        { address: call.address },
      ),
    );
  const error = [...view.errors.values()]
    .filter((each) => each.at >= since - 1_000)
    .sort((a, b) => b.total - a.total)[0];
  if (error !== undefined)
    evidence.push(
      establishes("exception", {
        at: error.at,
        what: "error",
        summary: `${error.error.name}: ${error.error.message}`.slice(0, 300),
        ...(error.error.stack === null ? {} : { text: error.error.stack.slice(0, 8_000) }),
      }),
    );
  return evidence;
}

function limitFor(view: TargetView, route: string, now: TimeMs): number {
  const promised = promisedLatencyMs(view);
  if (promised !== null) return promised;
  const past = view.gathered.requests
    .filter((interval) => interval.at < now - pastEndsMs)
    .flatMap((interval) => interval.routes.filter((each) => each.route === route && each.latencyMsP95 !== null))
    .map((each) => each.latencyMsP95 ?? 0);
  if (past.length < pastIntervalsMin) return latencyMsDefault;
  const usual = median(past);
  return Math.min(latencyMsDefault, Math.max(slowerTimes * usual, usual + slowerMs));
}

/** Start of the row of bad intervals that reaches to now, good ones of up to two in between forgiven. */
function sinceWhen(view: TargetView, now: TimeMs, isBad: (interval: RouteInterval) => boolean): TimeMs {
  let since = now;
  let good = 0;
  for (let at = view.gathered.requests.length - 1; at >= 0; at -= 1) {
    const interval = view.gathered.requests[at]!;
    if (isBad(interval)) {
      since = interval.at - interval.ms;
      good = 0;
    } else if ((good += 1) > 2) break;
  }
  return since;
}

function within(view: TargetView, now: TimeMs, ms: number): RouteInterval[] {
  return view.gathered.requests.filter((interval) => interval.at > now - ms - 500);
}

function byRoute(intervals: readonly RouteInterval[]): { route: string; count: number; errors: number }[] {
  const routes = new Map<string, { route: string; count: number; errors: number }>();
  for (const interval of intervals)
    for (const { route, count: requests, errors } of interval.routes) {
      const known = routes.get(route) ?? { route, count: 0, errors: 0 };
      known.count += requests;
      known.errors += errors;
      routes.set(route, known);
    }
  return [...routes.values()].filter((route) => route.count > 0);
}

function valueOf(interval: RouteInterval, route: string, value: "latencyMsP50" | "latencyMsP95"): number {
  return interval.routes.find((each) => each.route === route)?.[value] ?? 0;
}

function sum(intervals: readonly RouteInterval[], of: (route: RouteFacts) => number): number {
  return intervals.reduce((total, interval) => total + count(interval, of), 0);
}
function count(interval: RouteInterval, of: (route: RouteFacts) => number): number {
  return interval.routes.reduce((total, route) => total + of(route), 0);
}

/** Share of failed requests that the target's objectives allow; null: none was promised, so its own past is the measure. */
function promisedErrors(view: TargetView): number | null {
  const slo = view.spec.slos?.find(({ objective }) => objective === "errors");
  return slo === undefined ? null : 1 - slo.goal;
}

function promisedLatencyMs(view: TargetView): number | null {
  return view.spec.slos?.find(({ objective }) => objective === "p95")?.limit ?? null;
}
