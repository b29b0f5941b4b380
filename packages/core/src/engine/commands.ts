// What people ask for: approve, refuse, pause, resolve, snooze and so on. Each is a pure change of a draft; one that does
// not fit the present state is refused with the reason. Two at the same instant cannot both win: decisions follow one
// another, and the second sees what the first did.
import { carryOutAlert, takeOutside, type AlertCommand, type OutsideCommand } from "../alerting/index.ts";
import { bookDrills, boundedRun, type DrillRun, type RemedyProof } from "../drill.ts";
import { ConflictError, InvalidInputError, NotFoundError } from "../errors.ts";
import { dismiss, importClaims, move, type Claim, type ClaimResult, type Issue, type Snooze } from "../issue/index.ts";
import {
  bookVerdict,
  createRepair,
  decline,
  endRepair,
  manualRemedy,
  transition,
  type Repair,
} from "../repair/index.ts";
import type { TargetSpec } from "../signal/index.ts";
import { carryOutToken, type TokenCommand } from "../token.ts";
import type { Draft } from "../world.ts";

export type Command = { readonly by: string } & (
  | { readonly type: "approve" | "refuse" | "cancel"; readonly repair: string; readonly why?: string }
  | { readonly type: "pause"; readonly target: string | null; readonly why: string; readonly forMs: number | null }
  | { readonly type: "resume"; readonly target: string | null }
  | {
      readonly type: "maintenance";
      readonly target: string | null;
      readonly from: number;
      readonly to: number;
      readonly why: string;
    }
  | { readonly type: "end-maintenance"; readonly id: string }
  | { readonly type: "ignore" | "reopen"; readonly issue: string; readonly why: string }
  | {
      readonly type: "resolve";
      readonly issue: string;
      readonly why: string;
      /** Fixed in this release and later ones: events of older releases are no regression. Absent: in all, from now on. */
      readonly release?: string;
    }
  | { readonly type: "snooze"; readonly issue: string; readonly snooze: Snooze; readonly why: string }
  | { readonly type: "assign"; readonly issue: string; readonly assignee: string | null }
  | { readonly type: "comment"; readonly issue: string; readonly text: string }
  | { readonly type: "merge"; readonly issue: string; readonly into: string }
  | { readonly type: "unmerge"; readonly issue: string }
  | { readonly type: "verdict"; readonly incident: string; readonly verdict: "real" | "noise" | null }
  | {
      readonly type: "act";
      readonly target: string;
      readonly action: "restart" | "start" | "stop";
      readonly why: string;
    }
  | { readonly type: "promote"; readonly remedy: string }
  /** Issues of somebody else's report, kept as claims. */
  | { readonly type: "import"; readonly claims: readonly Claim[] }
  | AlertCommand
  | TokenCommand
  | OutsideCommand
  /** A run of a drill has begun or ended; kept as evidence. */
  | { readonly type: "record-drill"; readonly run: DrillRun }
  /** What the scheduled drills say of the remedies that they prove. */
  | { readonly type: "drill-standings"; readonly verdicts: readonly RemedyProof[] }
);

export interface Done {
  /** Id of what was changed or made: an issue, a repair, a maintenance window; "" for the whole system. */
  readonly id: string;
  /** False when the state already was as asked, or there was nothing left to do. */
  readonly changed: boolean;
  readonly message: string;
  /** Of an import: what became of each row, in order. */
  readonly rows?: readonly ClaimResult[];
}

/** Longest text a person may attach, characters. */
export const textMax = 10_000;
/** Maintenance windows kept; past ones are dropped first. */
export const maintenanceMax = 100;

export function carryOut(draft: Draft, command: Command): Done {
  switch (command.type) {
    case "approve":
      return approve(draft, liveRepair(draft, command.repair), command.by);
    case "refuse":
      return refuse(draft, liveRepair(draft, command.repair), command.by, command.why ?? "refused");
    case "cancel":
      return cancel(draft, liveRepair(draft, command.repair), command.by, command.why ?? "cancelled");
    case "pause":
      return pause(draft, command);
    case "resume":
      return resume(draft, command);
    case "maintenance":
      return maintain(draft, command);
    case "end-maintenance": {
      const rest = draft.settings.maintenance.filter((window) => window.id !== command.id);
      if (rest.length === draft.settings.maintenance.length) throw new NotFoundError("maintenance window", command.id);
      draft.putSettings({ ...draft.settings, maintenance: rest });
      draft.noteSystem(command.by, "maintenance", "maintenance-ended", command.id);
      return done(command.id, `maintenance window ${command.id} has ended`);
    }
    case "resolve":
      return resolve(
        draft,
        issueOf(draft, command.issue),
        command.by,
        text(command.why, "why"),
        command.release ?? null,
      );
    case "ignore": {
      const issue = issueOf(draft, command.issue);
      if (issue.status === "ignored") return unchanged(issue.id, "it is ignored already");
      move(draft, issue, "ignored", command.by, text(command.why, "why"), { needsPerson: null });
      return done(issue.id, `${issue.id} is ignored: nobody is paged for it; repairs go on by their own rules`);
    }
    case "reopen": {
      const issue = issueOf(draft, command.issue);
      if (issue.status === "pending" || issue.status === "in-progress")
        return unchanged(issue.id, "it is open already");
      move(draft, issue, "pending", command.by, text(command.why, "why"), { snooze: null, fixedAt: null });
      return done(issue.id, `${issue.id} is open again`);
    }
    case "snooze": {
      const issue = issueOf(draft, command.issue);
      if (issue.status === "fixed") throw new ConflictError(`${issue.id} is fixed; there is nothing to snooze`);
      if (command.snooze.until === "time" && command.snooze.at <= draft.now)
        throw new InvalidInputError("until", "lies in the past", "name a later time");
      move(draft, issue, "snoozed", command.by, text(command.why, "why"), { snooze: command.snooze });
      return done(issue.id, `${issue.id} sleeps until ${describeSnooze(command.snooze)}`);
    }
    case "assign": {
      const issue = issueOf(draft, command.issue);
      draft.putIssue({
        ...issue,
        assignee: command.assignee,
        needsPerson: command.assignee === null ? issue.needsPerson : null,
        // Whoever it is given to has it: the others are not called any more.
        ...(command.assignee === null || issue.needsPerson === null
          ? {}
          : { acknowledged: { by: command.by, at: draft.now, until: null } }),
      });
      draft.transition({
        subject: "issue",
        subjectId: issue.id,
        issue: issue.id,
        incident: issue.incident,
        target: issue.target,
        from: issue.assignee ?? "nobody",
        to: `assigned to ${command.assignee ?? "nobody"}`,
        by: command.by,
        why: "",
      });
      return done(
        issue.id,
        command.assignee === null
          ? `${issue.id} is assigned to nobody`
          : `${issue.id} is assigned to ${command.assignee}`,
      );
    }
    case "comment": {
      const issue = issueOf(draft, command.issue);
      draft.comment({
        id: `C${draft.nextNumber("C")}`,
        issue: issue.id,
        at: draft.now,
        by: command.by,
        text: text(command.text, "text"),
      });
      return done(issue.id, "commented");
    }
    case "merge":
      return merge(draft, issueOf(draft, command.issue), issueOf(draft, command.into), command.by);
    case "unmerge": {
      const issue = issueOf(draft, command.issue);
      if (issue.mergedInto === null) return unchanged(issue.id, "it is not merged");
      draft.putIssue({ ...issue, mergedInto: null });
      draft.transition({
        subject: "issue",
        subjectId: issue.id,
        issue: issue.id,
        incident: null,
        target: issue.target,
        from: `merged into ${issue.mergedInto}`,
        to: issue.status,
        by: command.by,
        why: "unmerged",
      });
      return done(issue.id, `${issue.id} stands for itself again, for good`);
    }
    case "verdict": {
      const incident = draft.incident(command.incident);
      if (incident === undefined) throw new NotFoundError("incident", command.incident);
      bookVerdict(draft, incident, command.verdict);
      draft.putIncident({ ...(draft.incident(incident.id) ?? incident), verdict: command.verdict });
      draft.transition({
        subject: "incident",
        subjectId: incident.id,
        issue: incident.issue,
        incident: incident.id,
        target: incident.target,
        from: incident.verdict,
        to: command.verdict ?? "not judged",
        by: command.by,
        why: "was it real?",
      });
      return done(incident.id, `${incident.id} is judged ${command.verdict ?? "no more"}`);
    }
    case "import": {
      const rows = importClaims(draft, command.claims, command.by);
      const taken = rows.filter((row) => row.taken === "new" || row.taken === "changed").length;
      return { id: "", changed: taken > 0, message: `${taken} of ${rows.length} rows were taken`, rows };
    }
    case "act":
      return act(draft, command);
    case "promote": {
      const standing = draft.standing(command.remedy);
      if (standing.demotedTo === null) return unchanged(command.remedy, "it runs in its configured mode");
      draft.putStanding({ ...standing, demotedTo: null, why: null, at: draft.now });
      draft.noteSystem(command.by, command.remedy, "promoted", "its configured mode holds again");
      return done(command.remedy, `${command.remedy} runs in its configured mode again`);
    }
    case "record-drill": {
      draft.putDrillRun(boundedRun(command.run));
      return done(command.run.id, `${command.run.drill} ${command.run.state}`);
    }
    case "drill-standings":
      return bookDrills(draft, command.verdicts);
    case "silence":
    case "end-silence":
    case "acknowledge":
    case "unacknowledge":
      return carryOutAlert(draft, command);
    case "create-token":
    case "revoke-token":
    case "use-token":
      return carryOutToken(draft, command);
    case "outside":
      return takeOutside(draft, command);
    default:
      return command satisfies never;
  }
}

function approve(draft: Draft, repair: Repair, by: string): Done {
  if (repair.state.name !== "proposed") {
    if (repair.state.name === "ended")
      throw new ConflictError(`${repair.id} has ended (${repair.state.outcome}); it cannot be approved`);
    return unchanged(repair.id, `${repair.id} is under way already (${repair.state.name})`);
  }
  if (draft.now >= repair.state.expiresAt)
    throw new ConflictError(
      `${repair.id} expired at ${new Date(repair.state.expiresAt).toISOString()}; it cannot be approved any more`,
    );
  const incident = repair.incident === null ? undefined : draft.incident(repair.incident);
  if (incident !== undefined && !incident.firing) {
    endRepair(draft, repair, "cancelled", `approved by ${by}, but the fault was gone`);
    return unchanged(repair.id, "the fault is gone; nothing was done");
  }
  const { step } = repair.state;
  const state = { name: "scheduled", at: draft.now, ...(step === undefined ? {} : { step }) } as const;
  const next: Repair = { ...repair, state, approvedBy: by };
  draft.putRepair(next);
  transition(draft, next, "proposed", `approved by ${by}`);
  return done(repair.id, `${repair.id} is approved`);
}

function refuse(draft: Draft, repair: Repair, by: string, why: string): Done {
  if (repair.state.name !== "proposed")
    throw new ConflictError(
      `${repair.id} is ${repair.state.name}; only a proposal can be refused (cancel stops what is scheduled)`,
    );
  decline(draft, repair, "refused", `${by}: ${why}`);
  return done(repair.id, `${repair.id} is refused${undoes(draft, repair)}`);
}

function cancel(draft: Draft, repair: Repair, by: string, why: string): Done {
  if (repair.state.name !== "scheduled" && repair.state.name !== "proposed")
    throw new ConflictError(
      `${repair.id} is ${repair.state.name}: its effect may have happened, so it is brought to its end`,
    );
  decline(draft, repair, "cancelled", `${by}: ${why}`);
  return done(repair.id, `${repair.id} is cancelled${undoes(draft, repair)}`);
}

function undoes(draft: Draft, { id }: Repair): string {
  return draft.repair(id)?.state.name === "undoing" ? ": what it has done so far is undone" : "";
}

function pause(draft: Draft, command: Extract<Command, { type: "pause" }>): Done {
  const entry = { at: draft.now, by: command.by, why: text(command.why, "why") };
  if (command.target === null) {
    draft.putSettings({ ...draft.settings, paused: entry });
    draft.noteSystem(command.by, "repairs", "paused", entry.why);
    return done("", "all new repairs are paused");
  }
  targetOf(draft, command.target);
  const until = command.forMs === null ? null : draft.now + command.forMs;
  draft.putSettings({
    ...draft.settings,
    pausedTargets: { ...draft.settings.pausedTargets, [command.target]: { ...entry, until } },
  });
  draft.noteSystem(command.by, command.target, "paused", entry.why);
  return done(command.target, `new repairs of ${command.target} are paused`);
}

function resume(draft: Draft, command: Extract<Command, { type: "resume" }>): Done {
  const { settings } = draft;
  if (command.target === null) {
    if (settings.paused === null && settings.storm === null) return unchanged("", "repairs are not paused");
    draft.putSettings({ ...settings, paused: null, storm: null });
    draft.noteSystem(command.by, "repairs", "resumed", "");
    return done("", "repairs go on");
  }
  if (settings.pausedTargets[command.target] === undefined)
    return unchanged(command.target, `repairs of ${command.target} are not paused`);
  const rest = Object.fromEntries(Object.entries(settings.pausedTargets).filter(([key]) => key !== command.target));
  draft.putSettings({ ...settings, pausedTargets: rest });
  draft.noteSystem(command.by, command.target, "resumed", "");
  return done(command.target, `repairs of ${command.target} go on`);
}

function maintain(draft: Draft, command: Extract<Command, { type: "maintenance" }>): Done {
  if (command.to <= command.from) throw new InvalidInputError("to", "is not after from", "name a later end");
  if (command.to <= draft.now) throw new InvalidInputError("to", "lies in the past", "name a later end");
  if (command.target !== null) targetOf(draft, command.target);
  const id = `M${draft.nextNumber("M")}`;
  const live = draft.settings.maintenance.filter((window) => window.to > draft.now).slice(-(maintenanceMax - 1));
  draft.putSettings({
    ...draft.settings,
    maintenance: [
      ...live,
      { id, target: command.target, from: command.from, to: command.to, by: command.by, why: text(command.why, "why") },
    ],
  });
  draft.noteSystem(command.by, command.target ?? "everything", "maintenance", command.why);
  return done(id, `maintenance window ${id}`);
}

function resolve(draft: Draft, issue: Issue, by: string, why: string, release: string | null): Done {
  if (issue.status === "fixed") return unchanged(issue.id, "it is fixed already");
  const incident = issue.incident === null ? undefined : draft.incident(issue.incident);
  const acting = draft
    .liveRepairs()
    .find(
      (repair) => repair.issue === issue.id && repair.state.name !== "proposed" && repair.state.name !== "scheduled",
    );
  if (acting !== undefined) throw new ConflictError(`${acting.id} is at work on it; wait for its end`);
  for (const repair of draft.liveRepairs())
    if (repair.issue === issue.id) endRepair(draft, repair, "cancelled", `${by} resolved the issue`);
  if (incident !== undefined && incident.state !== "ended") dismiss(draft, incident, by, why);
  move(draft, draft.issue(issue.id) ?? issue, "fixed", by, why, {
    fixedAt: draft.now,
    needsPerson: null,
    snooze: null,
    resolution: release === null ? { mode: "now", at: draft.now } : { mode: "release", at: draft.now, release },
  });
  return done(issue.id, `${issue.id} is resolved; if the fault is still seen it comes back as regressed`);
}

function merge(draft: Draft, issue: Issue, into: Issue, by: string): Done {
  if (issue.id === into.id) throw new InvalidInputError("into", "is the issue itself", "name another issue");
  if (into.mergedInto !== null)
    throw new ConflictError(`${into.id} is itself merged into ${into.mergedInto}; merge into that one`);
  if (issue.mergedInto === into.id) return unchanged(issue.id, "it is merged already");
  const incident = issue.incident === null ? undefined : draft.incident(issue.incident);
  if (incident !== undefined && incident.state === "open") dismiss(draft, incident, by, `merged into ${into.id}`);
  draft.putIssue({ ...issue, mergedInto: into.id, needsPerson: null });
  draft.putIssue({
    ...into,
    occurrences: into.occurrences + issue.occurrences,
    firstSeen: Math.min(into.firstSeen, issue.firstSeen),
    lastSeen: Math.max(into.lastSeen, issue.lastSeen),
  });
  draft.transition({
    subject: "issue",
    subjectId: issue.id,
    issue: issue.id,
    incident: null,
    target: issue.target,
    from: issue.status,
    to: `merged into ${into.id}`,
    by,
    why: "merged",
  });
  return done(issue.id, `${issue.id} is merged into ${into.id}`);
}

function act(draft: Draft, command: Extract<Command, { type: "act" }>): Done {
  const target = targetOf(draft, command.target);
  if (target.kind !== "service")
    throw new ConflictError(
      `${target.key} is not run by Prunella, so it cannot be ${command.action === "stop" ? "stopped" : `${command.action}ed`} here`,
    );
  const live = draft.liveRepairOf(target.key);
  if (live !== undefined) {
    if (live.state.name !== "scheduled" && live.state.name !== "proposed")
      throw new ConflictError(`${live.id} is at work on ${target.key} (one repair at a time); wait for its end`);
    endRepair(draft, live, "cancelled", `${command.by} took over`);
  }
  const repair = createRepair(
    draft,
    target,
    null,
    manualRemedy(command.action),
    { name: "scheduled", at: draft.now },
    { attempt: 1, disruptive: true, approvedBy: command.by, why: text(command.why, "why") },
  );
  return done(repair.id, `${command.action} of ${target.key} is ordered (${repair.id})`);
}

function liveRepair(draft: Draft, id: string): Repair {
  const repair = draft.repair(id);
  if (repair === undefined) throw new NotFoundError("repair", id);
  return repair;
}

function issueOf(draft: Draft, id: string): Issue {
  const issue = draft.issue(id);
  if (issue === undefined) throw new NotFoundError("issue", id);
  return issue;
}

function targetOf(draft: Draft, key: string): TargetSpec {
  const target = draft.targets.get(key);
  if (target === undefined) throw new NotFoundError("target", key);
  return target;
}

function text(value: string, field: string): string {
  if (value.length > textMax)
    throw new InvalidInputError(field, `is ${value.length} characters long`, `write at most ${textMax}`);
  return value;
}

function describeSnooze(snooze: Snooze): string {
  switch (snooze.until) {
    case "time":
      return new Date(snooze.at).toISOString();
    case "occurrences":
      return `${snooze.occurrences} occurrences`;
    case "worse":
      return "it gets worse";
    default:
      return snooze satisfies never;
  }
}

function done(id: string, message: string): Done {
  return { id, changed: true, message };
}

function unchanged(id: string, message: string): Done {
  return { id, changed: false, message };
}
