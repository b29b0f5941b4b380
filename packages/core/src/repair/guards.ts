// The guards: may this remedy run on this target now? One function answers for everybody (loops, people, dry runs), names
// the guard that says no, and when to look again. Invariants 3 to 6 and 8 are kept here and nowhere else.
import type { Incident, RepairId } from "../issue/index.ts";
import type { TargetKey, TargetSpec, TimeMs } from "../signal/index.ts";
import type { Draft } from "../world.ts";
import type { Remedy } from "./remedy.ts";
import type { Repair } from "./repair.ts";

export interface Safety {
  /** Runs that disturb something running, over all targets and remedies, in any hour. Default 10. */
  readonly globalPerHour: number;
  /** Runs that only start what is down, over all targets, in any hour. Default 200. */
  readonly startsPerHour: number;
  /** Share of a group that may be under repair or down at once; at least one member always may. Default 0.5. */
  readonly blastRadius: number;
  /** More distinct targets than this going bad by inference within the window hold repairs. Default 5 in 5 min. */
  readonly stormTargets: number;
  readonly stormWindowMs: number;
  /** Nobody answered for this long: the answer is no, and a person is called. Default 30 min. */
  readonly approvalTimeoutMs: number;
  /** Effects under way at once. Default 32. */
  readonly effectsMax: number;
}

export const defaultSafety: Safety = {
  globalPerHour: 10,
  startsPerHour: 200,
  blastRadius: 0.5,
  stormTargets: 5,
  stormWindowMs: 300_000,
  approvalTimeoutMs: 1_800_000,
  effectsMax: 32,
};

export type Guard =
  | "pause"
  | "target-pause"
  | "maintenance"
  | "busy"
  | "cause"
  | "ripeness"
  | "budget"
  | "global-budget"
  | "blast-radius"
  | "storm"
  | "recurrence"
  | "effects";

export type Verdict =
  | { readonly allowed: true }
  /** `until`: when to look again; null: when something changes. `final`: waiting will not help, a person must. */
  | {
      readonly allowed: false;
      readonly guard: Guard;
      readonly reason: string;
      readonly until: TimeMs | null;
      readonly final: boolean;
    };

export interface Case {
  readonly incident: Incident;
  readonly target: TargetSpec;
  readonly remedy: Remedy;
  readonly disruptive: boolean;
  readonly safety: Safety;
  /** Members of the target's group that are meant to be up: what a share of the group is a share of. */
  readonly members: ReadonlySet<TargetKey>;
  /** The run that asks for itself right before it acts; it does not stand in its own way. */
  readonly self: RepairId | null;
}

const hourMs = 3_600_000;
const yes: Verdict = { allowed: true };

/** Every guard in turn; the first that refuses is the answer. */
export function mayRepair(draft: Draft, of: Case): Verdict {
  for (const guard of guards) {
    const verdict = guard(draft, of);
    if (!verdict.allowed) return verdict;
  }
  return yes;
}

const guards: readonly ((draft: Draft, of: Case) => Verdict)[] = [
  notPaused,
  notInMaintenance,
  notCaused,
  ripe,
  notBusy,
  noStorm,
  notRecurring,
  withinBudgets,
  withinGlobalBudget,
  withinBlastRadius,
];

function no(guard: Guard, reason: string, until: TimeMs | null = null, final = false): Verdict {
  return { allowed: false, guard, reason, until, final };
}

/** Why nothing may be started on a target right now, whatever the remedy (invariant 8); null when nothing forbids it. */
export function heldBack(
  draft: Draft,
  target: TargetSpec,
): { readonly guard: Guard; readonly reason: string; readonly until: TimeMs | null } | null {
  const verdict = [notPaused(draft, { target }), notInMaintenance(draft, { target })].find((each) => !each.allowed);
  return verdict === undefined || verdict.allowed ? null : verdict;
}

function notPaused(draft: Draft, { target }: Pick<Case, "target">): Verdict {
  const { paused, pausedTargets } = draft.settings;
  if (paused !== null) return no("pause", `repairs are paused by ${paused.by}: ${paused.why}`);
  const own = pausedTargets[target.key] ?? pausedTargets[target.group];
  if (own !== undefined && (own.until === null || own.until > draft.now))
    return no("target-pause", `repairs of ${target.key} are paused by ${own.by}: ${own.why}`, own.until);
  return yes;
}

function notInMaintenance(draft: Draft, { target }: Pick<Case, "target">): Verdict {
  const window = draft.settings.maintenance.find(
    (each) =>
      each.from <= draft.now &&
      draft.now < each.to &&
      (each.target === null || each.target === target.key || each.target === target.group),
  );
  return window === undefined ? yes : no("maintenance", `maintenance by ${window.by}: ${window.why}`, window.to);
}

function notCaused(draft: Draft, { incident }: Case): Verdict {
  const cause = incident.causedBy === null ? undefined : draft.incident(incident.causedBy);
  return cause === undefined || !cause.firing ? yes : no("cause", `explained by ${cause.id}: ${cause.summary}`);
}

/** What was an effect gets this long to pass after its cause has gone, ms. */
export const effectGraceMs = 6_000;

function ripe(draft: Draft, { incident }: Case): Verdict {
  const orphanedMs = draft.now - incident.standsSince;
  if (!incident.down && incident.standsSince > incident.detectedAt && orphanedMs < effectGraceMs) {
    return no("ripeness", "its cause has just gone; it gets time to pass", incident.standsSince + effectGraceMs);
  }
  return incident.ripe ? yes : no("ripeness", "it may still pass by itself");
}

function notBusy(draft: Draft, { target, self }: Case): Verdict {
  const live = draft.liveRepairOf(target.key);
  return live === undefined || live.id === self ? yes : no("busy", `${live.id} is at work on ${target.key}`);
}

/** What the kernel told us itself cannot be an error of observation; only inferred faults are held back by a storm. */
function noStorm(draft: Draft, { incident, disruptive }: Case): Verdict {
  const storm = draft.settings.storm;
  return storm === null || (incident.certainty === "witnessed" && !disruptive) ? yes : no("storm", storm.why);
}

function notRecurring(draft: Draft, { target, remedy }: Case): Verdict {
  if (remedy.recurrence.then === "continue") return yes;
  const returns = returnsOf(draft, target, remedy);
  return returns < remedy.recurrence.max
    ? yes
    : no(
        "recurrence",
        `${remedy.name} was verified and the fault came back ${returns} times in ${minutes(remedy.recurrence.windowMs)}`,
        null,
        true,
      );
}

/** Verified runs of a remedy on a target whose fault came back within the recurrence window, as of now. */
export function returnsOf(draft: Draft, target: Pick<TargetSpec, "key">, remedy: Remedy): number {
  return draft
    .repairs()
    .filter(
      (repair) =>
        repair.target === target.key &&
        repair.remedy.name === remedy.name &&
        repair.recurredAt !== null &&
        repair.recurredAt > draft.now - remedy.recurrence.windowMs,
    ).length;
}

function withinBudgets(draft: Draft, { target, remedy }: Case): Verdict {
  for (const budget of remedy.budgets) {
    const runs = started(
      draft,
      draft.now - budget.windowMs,
      (repair) => repair.remedy.name === remedy.name && (budget.scope === "remedy" || repair.target === target.key),
    );
    if (runs.length < budget.runs) continue;
    return no(
      "budget",
      `${remedy.name} has had its ${budget.runs} runs in ${minutes(budget.windowMs)}${budget.scope === "target" ? ` on ${target.key}` : ""}`,
      oldest(runs) + budget.windowMs,
      true,
    );
  }
  return yes;
}

function withinGlobalBudget(draft: Draft, { disruptive, safety }: Case): Verdict {
  const runs = started(draft, draft.now - hourMs, (repair) => repair.disruptive === disruptive && !isManual(repair));
  const max = disruptive ? safety.globalPerHour : safety.startsPerHour;
  return runs.length < max
    ? yes
    : no(
        "global-budget",
        `${max} repairs in an hour over all targets; more means a wider problem that needs people`,
        oldest(runs) + hourMs,
        true,
      );
}

function withinBlastRadius(draft: Draft, { target, disruptive, safety, members }: Case): Verdict {
  if (!disruptive) return yes;
  const allowed = blastAllowed(members.size, safety.blastRadius);
  const out = new Set<string>();
  for (const repair of draft.liveRepairs())
    if (repair.group === target.group && (repair.state.name === "acting" || repair.state.name === "verifying"))
      out.add(repair.target);
  for (const incident of draft.incidents())
    if (incident.firing && incident.down && draft.targets.get(incident.target)?.group === target.group)
      out.add(incident.target);
  out.delete(target.key);
  return out.size < allowed
    ? yes
    : no(
        "blast-radius",
        `${out.size} of ${members.size} members of ${target.group} are out already, ${allowed} may be`,
      );
}

/** Members that may be out at once: the share rounded down, at least one (a single service may always be repaired). */
export function blastAllowed(members: number, share: number): number {
  return Math.max(1, Math.floor(members * share));
}

function started(draft: Draft, since: TimeMs, matching: (repair: Repair) => boolean): Repair[] {
  return draft.repairs().filter((repair) => repair.startedAt !== null && repair.startedAt > since && matching(repair));
}

function isManual(repair: Repair): boolean {
  return repair.remedy.when.kinds.includes("manual");
}

function oldest(runs: readonly Repair[]): TimeMs {
  return Math.min(...runs.map((repair) => repair.startedAt ?? Number.POSITIVE_INFINITY));
}

function minutes(ms: number): string {
  if (ms % hourMs === 0) return `${ms / hourMs} h`;
  return ms >= 60_000 ? `${Math.round(ms / 60_000)} min` : `${Math.round(ms / 1000)} s`;
}
