// "Since which change?" What differs from when the target last ran well and was changed before a fault began: a declared
// configuration file, the release in use, else the newest change anybody told of.
import type { FileFacts, TimeMs } from "../signal/index.ts";
import type { Evidence } from "./finding.ts";
import { establishes, seconds } from "./make.ts";
import type { TargetView } from "./view.ts";

/** A change that is only told of (not tied to a file) is suspected of faults that begin this soon after it, ms. */
export const suspectMs = 120_000;
/** Clocks of file systems and of processes differ by less than this, ms. */
const slackMs = 1_500;

/** Files that are not as they were when the target last ran well, worst first: bad syntax, missing, changed. */
export function suspectFiles(view: TargetView, onset: TimeMs): FileFacts[] {
  return (view.gathered.files?.files ?? [])
    .filter(
      (file) =>
        (file.state === "changed" || file.state === "missing" || file.syntax !== null) &&
        file.changedAt <= onset + slackMs,
    )
    .sort((a, b) => weight(b) - weight(a) || b.changedAt - a.changedAt);
}

function weight(file: FileFacts): number {
  return (file.syntax !== null ? 4 : 0) + (file.state === "missing" ? 2 : 0) + (file.role === "config" ? 1 : 0);
}

/** Evidence of what changed before `onset`; empty when nothing did. */
export function changesBefore(view: TargetView, onset: TimeMs): Evidence[] {
  const files = suspectFiles(view, onset).slice(0, 3).map(fileEvidence);
  if (files.length > 0) return files;
  const last = view.changes.findLast(
    (change) => change.what !== "restart" && change.at <= onset + slackMs && change.at >= onset - suspectMs,
  );
  return last === undefined
    ? []
    : [
        establishes(
          "recent-change",
          {
            at: last.at,
            what: "change",
            summary: `${last.summary} (${seconds(Math.max(0, onset - last.at))} before it began)`,
          },
          { what: last.what },
        ),
      ];
}

/** A process that the service had started ended this soon before, or while it began, ms. */
const childMs = 10_000;

/** A child of the service that ended about when a fault began, while the service itself went on. */
export function childrenEnded(view: TargetView, onset: TimeMs): Evidence[] {
  for (let at = view.samples.length - 1; at > 0; at -= 1) {
    const [before, after] = [view.samples[at - 1], view.samples[at]];
    if (before === undefined || after === undefined || after.at < onset - childMs) break;
    const [had, has] = [before.values["processes"], after.values["processes"]];
    if (had === undefined || has === undefined || has >= had || after.at > onset + childMs) continue;
    return [
      {
        at: after.at,
        what: "sample",
        summary: `${had - has} of its ${had} processes ended about then, and the service itself went on`,
      },
    ];
  }
  return [];
}

export function fileEvidence(file: FileFacts): Evidence {
  const cause = file.role === "release" ? "release-changed" : file.syntax !== null ? "config-syntax" : "config-changed";
  const what = file.role === "release" ? `the release ${file.path}` : file.path;
  const how =
    file.syntax !== null
      ? `cannot be read: ${file.syntax}`
      : file.state === "missing"
        ? "is missing"
        : "differs from when it last ran well";
  return establishes(
    cause,
    {
      at: file.changedAt,
      what: "change",
      summary: `${what} ${how}${file.difference === "" || file.syntax !== null ? "" : `: ${firstDifference(file.difference)}`}`,
      ...(file.difference === "" ? {} : { text: file.difference }),
    },
    { path: file.path, role: file.role, restorable: file.restorable },
  );
}

function firstDifference(text: string): string {
  return text
    .split("\n")
    .filter((line) => /^[-+]/.test(line))
    .slice(0, 2)
    .join(" ")
    .slice(0, 160);
}
