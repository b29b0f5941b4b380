// An incident as one story on one time axis: its marks in order, the stretches between them, and the span worth showing.
// Pure. Stages come from the API with each stored change; nothing is concluded here that the records do not say.
import type { Incident, Repair, Transition } from "@prunella/contract";

export interface Mark {
  readonly at: number;
  readonly stage: Transition["stage"];
  readonly label: string;
  readonly detail: string;
  readonly by: string | null;
}

/** What a stretch of the axis was: from sight to end, in the order of the loop. */
export interface Stretch {
  readonly from: number;
  /** Null: it lasts still. */
  readonly to: number | null;
  readonly name: "unseen" | "diagnosis" | "waiting" | "repair" | "verification" | "handed over";
}

export interface Story {
  readonly start: number;
  /** Null while it goes on. */
  readonly end: number | null;
  readonly marks: readonly Mark[];
  readonly stretches: readonly Stretch[];
}

const at = (time: string): number => Date.parse(time);

export function storyOf(incident: Incident, repairs: readonly Repair[], transitions: readonly Transition[]): Story {
  const own = repairs.filter((repair) => repair.incident === incident.id);
  const start = Math.min(at(incident.beganAt), at(incident.detectedAt));
  const end = incident.endedAt === null ? null : at(incident.endedAt);
  const marks: Mark[] = [
    {
      at: start,
      stage: "signal",
      label: "began",
      detail: "the last moment at which it was seen good, or when a drill broke it",
      by: null,
    },
    ...transitions
      .filter(
        (each) => each.incident === incident.id || (each.issue === incident.issue && within(at(each.at), start, end)),
      )
      .map((each) => ({
        at: at(each.at),
        stage: each.stage,
        label: labelOf(each),
        detail: each.why,
        by: each.by,
      })),
    ...own.flatMap((repair) =>
      repair.steps.flatMap((step) =>
        step.doneAt === null
          ? []
          : [
              {
                at: at(step.doneAt),
                stage: "repair" as const,
                label: `${step.undo ? "undo " : ""}${step.outcome ?? "done"}: ${step.action}`,
                detail: step.detail ?? "",
                by: null,
              },
            ],
      ),
    ),
    ...(incident.recoveredAt === null
      ? []
      : [
          {
            at: at(incident.recoveredAt),
            stage: "verification" as const,
            label: "healthy again",
            detail: "from here on it was watched healthy to the end of the window",
            by: null,
          },
        ]),
  ];
  const stageOrder = ["signal", "finding", "issue", "diagnosis", "repair", "verification", "report"];
  marks.sort((a, b) => a.at - b.at || stageOrder.indexOf(a.stage) - stageOrder.indexOf(b.stage));
  return { start, end, marks, stretches: stretchesOf(incident, own, start, end) };
}

function within(time: number, start: number, end: number | null): boolean {
  return time >= start - 1_000 && (end === null || time <= end + 1_000);
}

/** The words of a stored change, short enough for an axis. */
function labelOf(change: Transition): string {
  if (change.subject === "issue" && change.from === null) return "filed";
  if (change.subject === "incident" && change.from === null) return "detected";
  if (change.subject === "issue") return `issue ${change.to}`;
  if (change.subject === "repair") return `${change.subjectId} ${change.to}`;
  return change.to;
}

function stretchesOf(incident: Incident, repairs: readonly Repair[], start: number, end: number | null): Stretch[] {
  const all: Stretch[] = [];
  const detected = at(incident.detectedAt);
  if (detected > start) all.push({ from: start, to: detected, name: "unseen" });
  const diagnosed = incident.diagnosedAt === null ? null : at(incident.diagnosedAt);
  if (diagnosed !== null && diagnosed > detected) all.push({ from: detected, to: diagnosed, name: "diagnosis" });
  const begun = repairs
    .filter((repair) => repair.startedAt !== null)
    .sort((a, b) => at(a.startedAt ?? "") - at(b.startedAt ?? ""));
  let free = diagnosed ?? detected;
  for (const repair of begun) {
    const from = at(repair.startedAt ?? "");
    if (from > free) all.push({ from: free, to: from, name: "waiting" });
    const stopped = repair.endedAt === null ? null : at(repair.endedAt);
    const done = repair.steps.length > 0 && repair.steps.every((step) => step.doneAt !== null);
    const acted = done ? Math.max(...repair.steps.map((step) => at(step.doneAt ?? ""))) : stopped;
    all.push({ from, to: acted, name: "repair" });
    const wasWatched =
      repair.state === "verifying" || ["verified", "unverified", "failed"].includes(repair.outcome ?? "");
    if (acted !== null && wasWatched && (stopped === null || stopped > acted))
      all.push({ from: acted, to: stopped, name: "verification" });
    free = stopped ?? Number.POSITIVE_INFINITY;
  }
  const last = end ?? null;
  if (Number.isFinite(free) && (last === null || last > free))
    all.push({ from: free, to: last, name: incident.state === "handed-over" ? "handed over" : "waiting" });
  return all;
}

export type Scale = "incident" | "minutes" | "hour";

/** What the axis spans: the incident with a margin, or more around it. Never shorter than 10 s, never beyond the present. */
export function spanOf(story: Story, scale: Scale, now: number): { readonly from: number; readonly to: number } {
  const end = story.end ?? now;
  const length = Math.max(10_000, end - story.start);
  const margin = scale === "incident" ? Math.max(3_000, length * 0.12) : scale === "minutes" ? 5 * 60_000 : 60 * 60_000;
  const to = Math.min(end + margin, Math.max(now, end + Math.min(margin, 3_000)));
  return { from: story.start - margin, to };
}

/**
 * Levels for labels, so that none covers another: each takes the lowest level that is free at its place. From the right to
 * the left, so that the line of a mark, which stands at the left of its label, never crosses the label of a later one.
 */
export function levelsOf(
  labels: readonly { readonly x: number; readonly width: number }[],
  levelsMax: number,
): readonly (number | null)[] {
  const free = Array.from({ length: levelsMax }, () => Number.POSITIVE_INFINITY);
  const levels: (number | null)[] = [];
  for (let at = labels.length - 1; at >= 0; at -= 1) {
    const { x, width } = labels[at] ?? { x: 0, width: 0 };
    const level = free.findIndex((start) => x + width + 8 <= start);
    levels[at] = level === -1 ? null : level;
    if (level !== -1) free[level] = x;
  }
  return levels;
}
