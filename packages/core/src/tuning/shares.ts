// Shares: what each service on one machine gets of it, by need. A service in need (it waits for a processor, is slow, nears its
// memory limit) gets more, step by step within its bounds; when the need has been gone for long, or a neighbour falls ill of it,
// the share goes back the same way. Each change is a repair without an incident: intent first, verified by the need itself,
// undone when it did not help. What a service has now is read from its samples, never remembered.
import type { TargetView } from "../detection/index.ts";
import { actionFacts, createRepair, heldBack, type Objective, type Remedy, type Repair } from "../repair/index.ts";
import { ownTarget, type TargetKey, type TargetSpec, type TimeMs } from "../signal/index.ts";
import { valueOf } from "../verification/index.ts";
import type { Draft } from "../world.ts";
import { endOf, loadOf, looksMax, readable } from "./scaling.ts";
import { isIll } from "./tuning.ts";

export interface ShareRule {
  /** The service; its instances are the targets of that group. */
  readonly service: string;
  readonly resource: "cpu" | "memory";
  /** Its share while it is in no need, and the most it may get: a weight, or bytes. */
  readonly base: number;
  readonly most: number;
  /** What says that it is in need, of an instance on average, and from where on. */
  readonly metric: string;
  readonly target: number;
  /** It must have been in need for this long, ms (default 15,000). */
  readonly upAfterMs: number;
  /** The need must have been gone for this long, ms (default 120,000). */
  readonly downAfterMs: number;
  /** Nothing is changed for this long after a change, ms (default 30,000); a raise that did not help doubles it, as does a return that did not last, up to 64 times. */
  readonly coolDownMs: number;
  /** Services that live on the same machine's shares: one of them ill since the last raise takes it back. */
  readonly neighbours: readonly string[];
}

export const shareDefaults = { upAfterMs: 15_000, downAfterMs: 120_000, coolDownMs: 30_000 } as const;
/** Where need begins when the configuration names only "auto". */
export const needDefaults = { cpuWaitShare: 0.2, memoryUsedShare: 0.9 } as const;

/** One change at most: the double of a weight, a quarter more of memory. */
const factor = { cpu: 2, memory: 1.25 } as const;
/** The need is gone below this share of its threshold. */
const calmShare = 0.5;
/** A raise must lessen the need by this share. */
const marginShare = 0.05;
/** At least this long is measured: a median takes ten samples, and one comes a second, ms. */
const measureMsMin = 12_000;
/** Memory is given out only while this share of the machine's stays free, and is taken back below half of it. */
const freeShareMin = 0.1;
/** Raises and returns are looked back at for this long to tell what does not last, ms. */
const rememberedMs = 3_600_000;

/** Need at each look; lives in memory: after a restart the stretches are watched anew before anything changes. */
export type ShareMemory = Map<
  string,
  { readonly since: TimeMs; readonly looks: { readonly at: TimeMs; readonly load: number }[] }
>;

/** Decides for one rule; creates at most one repair, on the first running instance, and returns that target. */
export function share(
  draft: Draft,
  rule: ShareRule,
  views: ReadonlyMap<TargetKey, TargetView>,
  memory: ShareMemory,
): TargetKey | null {
  const members = [...draft.targets.values()].filter((target) => target.group === rule.service);
  const running = members.filter((target) => views.get(target.key)?.process?.running === true);
  const [first] = running;
  if (first === undefined) return null;
  const view = views.get(first.key);
  const now = shareNow(rule, view);
  const load = loadOf(rule, running, views, draft.now);
  if (view === undefined || now === null || load === null) return null;
  const name = nameOf(rule);
  const known = memory.get(name) ?? { since: draft.now, looks: [] };
  memory.set(name, known);
  known.looks.push({ at: draft.now, load });
  if (known.looks.length > looksMax) known.looks.shift();

  const held = (forMs: number, holds: (load: number) => boolean): boolean =>
    draft.now - known.since >= forMs &&
    known.looks.filter((look) => look.at > draft.now - forMs).every((look) => holds(look.load));
  const higher = stepped(rule, now, 1);
  const lower = stepped(rule, now, -1);
  const runs = runsOf(draft, name);
  const last = runs.at(-1);
  const ill = last === undefined || now <= rule.base ? null : illNeighbour(draft, rule, last.createdAt);
  // A smaller share must still leave what it uses out of need.
  const atLower = rule.resource === "memory" ? now / lower : 1;
  let to = now;
  let why = "";
  if (ill !== null) [to, why] = [lower, `${ill} has fallen ill since ${rule.service} got more`];
  else if (rule.resource === "memory" && now > rule.base && freeShare(views) < freeShareMin / 2)
    [to, why] = [lower, "the machine runs short of memory"];
  else if (held(rule.upAfterMs, (each) => each > rule.target) && hasRoom(rule, higher - now, views))
    [to, why] = [higher, `${rule.metric} is ${readable(load)}, above ${readable(rule.target)}`];
  else if (held(rule.downAfterMs, (each) => each * atLower < rule.target * (rule.resource === "cpu" ? calmShare : 0.9)))
    [to, why] = [lower, `${rule.metric} is ${readable(load)}: no more need`];
  // The kernel rounds a limit to whole pages.
  if (Math.abs(to - now) < 0.01 * now || !mayChange(draft, rule, members, first, runs, to > now)) return null;
  // A target that is ill is repaired, not fed; nor is one fed at the cost of an ill neighbour.
  if (to > now && illNeighbour(draft, rule, 0) !== null) return null;
  if (to > now && members.some((member) => isIll(draft, member.key))) return null;

  const measuredMs = Math.max(measureMsMin, rule.upAfterMs);
  const baseline = to > now ? valueOf(view, rule.metric, draft.now - measuredMs) : null;
  if (to > now && baseline === null) return null;
  const objective: Objective | null =
    baseline === null ? null : { metric: rule.metric, goal: "lower", baseline, marginShare };
  createRepair(
    draft,
    first,
    null,
    remedyOf(rule, to, now, measuredMs, objective),
    { name: "scheduled", at: draft.now },
    {
      attempt: 1,
      disruptive: false,
      approvedBy: "policy",
      why: `${why}: ${spoken(rule, now)} -> ${spoken(rule, to)} for ${rule.service}`,
    },
  );
  return first.key;
}

/** What the service has now, as its newest sample says; null where nothing is shared out. */
function shareNow(rule: ShareRule, view: TargetView | undefined): number | null {
  const metric = rule.resource === "cpu" ? "cpuWeight" : "memoryLimitBytes";
  const value = view?.samples.at(-1)?.values[metric];
  return value === undefined || !(value > 0) ? null : value;
}

function stepped(rule: ShareRule, now: number, direction: 1 | -1): number {
  const to = Math.round(direction === 1 ? now * factor[rule.resource] : now / factor[rule.resource]);
  return Math.min(rule.most, Math.max(rule.base, to));
}

function freeShare(views: ReadonlyMap<TargetKey, TargetView>): number {
  const values = views.get(ownTarget)?.samples.at(-1)?.values;
  const [free, all] = [values?.["machineMemoryFreeBytes"], values?.["machineMemoryBytes"]];
  return free === undefined || all === undefined || !(all > 0) ? 1 : free / all;
}

function hasRoom(rule: ShareRule, moreBytes: number, views: ReadonlyMap<TargetKey, TargetView>): boolean {
  if (rule.resource === "cpu") return true;
  const values = views.get(ownTarget)?.samples.at(-1)?.values;
  const [free, all] = [values?.["machineMemoryFreeBytes"], values?.["machineMemoryBytes"]];
  // What is not known is not given away.
  return free !== undefined && all !== undefined && free - moreBytes >= freeShareMin * all;
}

function illNeighbour(draft: Draft, rule: ShareRule, since: TimeMs): string | null {
  for (const incident of draft.incidents()) {
    const group = draft.targets.get(incident.target)?.group;
    if (group === undefined || !rule.neighbours.includes(group)) continue;
    if (incident.firing && incident.ripe && incident.causedBy === null && incident.detectedAt > since) return group;
  }
  return null;
}

/** This rule's runs that are still looked back at, oldest first. */
function runsOf(draft: Draft, name: string): Repair[] {
  return draft.repairs().filter((repair) => repair.remedy.name === name && repair.createdAt > draft.now - rememberedMs);
}

function mayChange(
  draft: Draft,
  rule: ShareRule,
  members: readonly TargetSpec[],
  first: TargetSpec,
  runs: readonly Repair[],
  up: boolean,
): boolean {
  if (heldBack(draft, first) !== null || draft.settings.storm !== null) return false;
  if (members.some((member) => draft.liveRepairOf(member.key) !== undefined)) return false;
  const last = runs.at(-1);
  return last === undefined || draft.now - endOf(last) >= rule.coolDownMs * 2 ** Math.min(6, inVain(runs, up));
}

/** Raises in a row, to the newest, that did not help; or returns after which more was soon needed again. */
function inVain(runs: readonly Repair[], up: boolean): number {
  if (up) return runs.length - 1 - runs.findLastIndex((run) => !isRaise(run) || !failed(run));
  return runs.filter((run, at) => isRaise(run) && !failed(run) && at > 0 && !isRaise(runs[at - 1]!)).length;
}

const failed = (run: Repair): boolean => run.state.name === "ended" && run.state.outcome !== "verified";
/** Only a raise has to better something. */
const isRaise = (run: Repair): boolean => run.remedy.verify.objective !== undefined;

const nameOf = (rule: ShareRule): string => `share ${rule.resource} ${rule.service}`;

function spoken(rule: ShareRule, value: number): string {
  return rule.resource === "cpu" ? `CPU weight ${value}` : `${Math.round(value / 1e6)} MB of memory`;
}

function remedyOf(rule: ShareRule, to: number, from: number, windowMs: number, objective: Objective | null): Remedy {
  const { resource } = rule;
  return {
    name: nameOf(rule),
    when: { kinds: ["sharing"], target: rule.service, labels: {} },
    steps: [
      {
        action: { type: "share", resource, to },
        timeoutMs: actionFacts.share.timeoutMs,
        undo: { type: "share", resource, to: from },
      },
    ],
    mode: "auto",
    budgets: [{ scope: "remedy", runs: 60, windowMs: 3_600_000 }],
    backoff: { firstMs: 1_000, factor: 2, maxMs: 60_000 },
    verify: {
      windowMs: objective === null ? 10_000 : windowMs,
      withinMs: 60_000 + windowMs,
      ...(objective === null ? {} : { objective }),
    },
    recurrence: { windowMs: 3_600_000, max: 1_000, then: "continue" },
    next: null,
    source: "configuration",
    solution: `${rule.service} gets of the machine what it needs`,
  };
}
