// What a target asks of others, as its probe counts it: calls that fail or have become slow point at a dependency, declared or
// not. Restarting whoever asks would not help, so these findings explain the target's own errors and are not repaired by it.
import type { TimeMs } from "../signal/index.ts";
import type { Finding } from "./finding.ts";
import type { CallInterval } from "./gathered.ts";
import { establishes, finding, median, percent, seconds } from "./make.ts";
import type { TargetView } from "./view.ts";

const recentMs = 5_000;
/** Calls in the stretch that must have failed, and their share. */
const failedMin = 3;
const failedShare = 0.5;
/** A person, or a breaker, is called for after this long: blips pass. */
export const callsRipeMs = 15_000;
export const callsCriticalMs = 30_000;
const slowerTimes = 4;
const slowerMs = 200;
const pastEndsMs = 15_000;

export interface FailingCall {
  readonly address: string;
  readonly count: number;
  readonly errors: number;
  readonly lastError: string | null;
  readonly since: TimeMs;
  readonly isName: boolean;
}

export function failingCalls(view: TargetView, now: TimeMs): FailingCall[] {
  const failing: FailingCall[] = [];
  for (const [address, history] of view.gathered.calls) {
    const recent = history.filter((each) => each.at > now - recentMs);
    const count = recent.reduce((total, each) => total + each.count, 0);
    const errors = recent.reduce((total, each) => total + each.errors, 0);
    if (errors < failedMin || errors < failedShare * count) continue;
    const lastError = recent.findLast((each) => each.lastError !== null)?.lastError ?? null;
    failing.push({
      address,
      count,
      errors,
      lastError,
      since: firstOfRow(history, (each) => each.errors >= failedShare * Math.max(1, each.count))?.at ?? now,
      isName: /ENOTFOUND|EAI_AGAIN|EAI_NODATA/.test(lastError ?? ""),
    });
  }
  return failing.sort((a, b) => b.errors - a.errors);
}

export interface SlowCall {
  readonly address: string;
  readonly p95: number;
  readonly before: number;
  readonly since: TimeMs;
}

export function slowCalls(view: TargetView, now: TimeMs): SlowCall[] {
  const slow: SlowCall[] = [];
  for (const [address, history] of view.gathered.calls) {
    const measured = history.filter((each) => each.latencyMsP95 !== null);
    const past = measured.filter((each) => each.at <= now - pastEndsMs).map((each) => each.latencyMsP95 ?? 0);
    const recent = measured.filter((each) => each.at > now - recentMs);
    if (recent.length < 3 || past.length < 5) continue;
    const before = median(past);
    const limit = Math.max(slowerTimes * before, before + slowerMs);
    const p95 = median(recent.map((each) => each.latencyMsP95 ?? 0));
    if (p95 <= limit) continue;
    slow.push({
      address,
      p95,
      before,
      since: firstOfRow(measured, (each) => (each.latencyMsP95 ?? 0) > limit)?.at ?? now,
    });
  }
  return slow.sort((a, b) => b.p95 / Math.max(1, b.before) - a.p95 / Math.max(1, a.before));
}

export function callsFailing(view: TargetView, now: TimeMs): Finding[] {
  if (view.process?.running !== true) return [];
  return failingCalls(view, now).map((call) => {
    const lastedMs = now - call.since;
    const suffers = [...view.checks.values()].some((check) => check.failing) || errorsShown(view, now);
    const said = call.lastError === null ? "" : `: ${call.lastError}`;
    return finding(view, now, {
      kind: call.isName ? "name-resolution" : "dependency-failing",
      distinguisher: call.address,
      // With a fallback in place the target does without it; only where it suffers is a person called.
      severity: suffers && lastedMs >= callsCriticalMs ? "critical" : "medium",
      summary: call.isName
        ? `${view.spec.key} cannot resolve ${call.address}${said}`
        : `what ${view.spec.key} asks of ${call.address} fails${said}`,
      beganAt: call.since,
      certainty: "witnessed",
      ripe: lastedMs >= callsRipeMs,
      evidence: [
        establishes(
          call.isName ? "name-resolution" : /CERT_|certificate/i.test(said) ? "certificate" : "dependency",
          {
            at: now,
            what: "call",
            summary: `${call.errors} of ${call.count} calls to ${call.address} failed in the last ${seconds(recentMs)} (${percent(call.errors / Math.max(1, call.count))})${said}`,
          },
          { address: call.address },
        ),
      ],
    });
  });
}

export function callsSlow(view: TargetView, now: TimeMs): Finding[] {
  if (view.process?.running !== true) return [];
  return slowCalls(view, now).map((call) =>
    finding(view, now, {
      kind: "dependency-slow",
      distinguisher: call.address,
      class: "performance",
      severity: "medium",
      summary: `${call.address} answers ${view.spec.key} slowly: p95 ${Math.round(call.p95)} ms, before ${Math.round(call.before)} ms`,
      beganAt: call.since,
      certainty: "witnessed",
      ripe: now - call.since >= callsRipeMs,
      evidence: [
        establishes(
          "dependency",
          {
            at: now,
            what: "call",
            summary: `95 % of the calls to ${call.address} took up to ${Math.round(call.p95)} ms, before ${Math.round(call.before)} ms`,
          },
          { address: call.address },
        ),
      ],
    }),
  );
}

/** The first of the unbroken row of bad intervals at the end. */
function firstOfRow(
  history: readonly CallInterval[],
  isBad: (each: CallInterval) => boolean,
): CallInterval | undefined {
  let at = history.length - 1;
  while (at > 0 && isBad(history[at - 1]!)) at -= 1;
  return history[at];
}

function errorsShown(view: TargetView, now: TimeMs): boolean {
  const recent = view.gathered.requests.filter((each) => each.at > now - recentMs).flatMap((each) => each.routes);
  const errors = recent.reduce((total, route) => total + route.errors, 0);
  return errors > 0 && errors >= 0.2 * recent.reduce((total, route) => total + route.count, 0);
}
