// What will end at a known time (certificates, tokens), and a clock that disagrees with those of others. Told well before; what
// to do about it is declared, or a person's business.
import type { TimeMs } from "../signal/index.ts";
import type { Finding, Severity } from "./finding.ts";
import { establishes, finding, seconds } from "./make.ts";
import type { TargetView } from "./view.ts";

const dayMs = 86_400_000;
/** A certificate is spoken of this long before it ends, and is urgent in the last day. */
export const certificateWarnMs = 14 * dayMs;
const urgentMs = dayMs;
/** A token without a warning time of its own is spoken of in its last hour. */
export const tokenWarnMs = 3_600_000;
/** Clocks that differ by more than this are a fault: signed requests and sessions fail from about a minute on. */
export const skewMsMax = 5_000;
const skewBadMs = 30_000;
/** Facts of a check older than this are not used any more. */
const staleMs = 120_000;

export function expiring(view: TargetView, now: TimeMs): Finding[] {
  const findings: Finding[] = [];
  for (const [check, { at, facts }] of view.gathered.checkFacts) {
    if (now - at > staleMs) continue;
    const certificate = facts.certificateEndsAt;
    if (certificate !== undefined && certificate - now < (facts.warnMs ?? certificateWarnMs))
      findings.push(ending(view, now, "certificate-expiring", check, certificate, "certificate"));
    const token = facts.tokenEndsAt;
    if (token !== undefined && token - now < (facts.warnMs ?? tokenWarnMs))
      findings.push(ending(view, now, "token-expiring", check, token, "token"));
  }
  return findings;
}

function ending(view: TargetView, now: TimeMs, kind: string, check: string, endsAt: TimeMs, what: string): Finding {
  const leftMs = endsAt - now;
  const severity: Severity =
    leftMs <= 0 || (what === "certificate" && leftMs < urgentMs)
      ? "critical"
      : leftMs < 3 * urgentMs
        ? "medium"
        : "low";
  const summary =
    leftMs <= 0
      ? `the ${what} of ${view.spec.key} ended ${seconds(-leftMs)} ago`
      : `the ${what} of ${view.spec.key} ends in ${seconds(leftMs)}`;
  return finding(view, now, {
    kind,
    distinguisher: check,
    severity,
    summary,
    beganAt: now,
    certainty: "witnessed",
    evidence: [
      establishes("certificate", {
        at: now,
        what: "check",
        summary: `${check} shows a ${what} that ends at ${new Date(endsAt).toISOString()}`,
      }),
    ],
  });
}

export function clockSkew(view: TargetView, now: TimeMs): Finding[] {
  for (const [check, { at, facts }] of view.gathered.checkFacts) {
    const skew = facts.clockSkewMs;
    if (skew === undefined || now - at > staleMs || Math.abs(skew) < skewMsMax) continue;
    return [
      finding(view, now, {
        kind: "clock-skew",
        severity: Math.abs(skew) >= skewBadMs ? "medium" : "low",
        summary: `the clock of ${view.spec.key} is ${seconds(Math.abs(skew))} ${skew > 0 ? "ahead of" : "behind"} this machine's`,
        beganAt: now,
        certainty: "witnessed",
        evidence: [
          {
            at,
            what: "check",
            summary: `the answer to ${check} carried a time ${seconds(Math.abs(skew))} ${skew > 0 ? "ahead" : "behind"}; one of the two clocks is wrong`,
          },
        ],
      }),
    ];
  }
  return [];
}
