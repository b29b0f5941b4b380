// A declared configuration file, or the release in use, that is not as it was when the target last ran well, while the target
// runs badly. It explains what looks like other faults (a wrong host name looks like a dependency that is down).
import type { TimeMs } from "../signal/index.ts";
import { failingCalls } from "./calls.ts";
import { fileEvidence, suspectFiles } from "./changes.ts";
import type { Evidence, Finding } from "./finding.ts";
import { finding, percent } from "./make.ts";
import { errorRate, highLatency } from "./requests.ts";
import type { TargetView } from "./view.ts";
import { heartbeatMissed } from "./work.ts";

export function configBad(view: TargetView, now: TimeMs): Finding[] {
  if (view.process?.running !== true) return [];
  const [file] = suspectFiles(view, now);
  if (file === undefined) return [];
  const symptoms = symptomsSince(view, file.changedAt, now);
  const what = file.role === "release" ? `the release ${file.path}` : file.path;
  if (symptoms.length === 0) {
    // It would not start with it again; but nothing is wrong yet, and somebody may be in the middle of an edit.
    return file.syntax === null
      ? []
      : [
          finding(view, now, {
            kind: "config-bad",
            distinguisher: file.path,
            severity: "low",
            summary: `${what} of ${view.spec.key} cannot be read: ${file.syntax}`,
            beganAt: file.changedAt,
            certainty: "witnessed",
            ripe: false,
            evidence: [fileEvidence(file)],
          }),
        ];
  }
  return [
    finding(view, now, {
      kind: "config-bad",
      distinguisher: file.path,
      severity: "critical",
      summary: `since ${what} changed, ${view.spec.key} runs badly: ${symptoms[0]?.summary ?? ""}`,
      beganAt: file.changedAt,
      evidence: [fileEvidence(file), ...symptoms],
    }),
  ];
}

/** What is wrong with the target now and was not before the change. */
function symptomsSince(view: TargetView, changedAt: TimeMs, now: TimeMs): Evidence[] {
  const after = (at: TimeMs | null): boolean => (at ?? now) >= changedAt - 1_500;
  const symptoms: Evidence[] = [];
  for (const check of view.checks.values())
    if (check.failing && after(check.failingSince))
      symptoms.push({ at: check.at, what: "check", summary: `${check.name} fails: ${check.message}` });
  for (const found of [...errorRate(view, now), ...heartbeatMissed(view, now), ...highLatency(view, now)])
    if (after(found.beganAt)) symptoms.push({ at: now, what: "note", summary: found.summary });
  for (const call of failingCalls(view, now))
    if (after(call.since))
      symptoms.push({
        at: now,
        what: "call",
        summary: `calls to ${call.address} fail (${percent(call.errors / Math.max(1, call.count))}${call.lastError === null ? "" : `: ${call.lastError}`})`,
      });
  return symptoms;
}
