// Scaling: how many instances of a service are wanted, from what each has to do. The rule is that of Kubernetes' horizontal
// pod autoscaler (desired = instances x load / target, nothing within a tenth of the target), with its stabilisation: up only
// when every look of the last stretch wanted more, down only when none of a longer one wanted as many. A change of number is
// a repair without an incident: intent first, one at a time, verified, undone when the service gets ill of it.
import type { TargetView } from "../detection/index.ts";
import { actionFacts, createRepair, heldBack, type Remedy, type Repair } from "../repair/index.ts";
import type { TargetKey, TargetSpec, TimeMs } from "../signal/index.ts";
import type { Draft } from "../world.ts";

export interface ScalingRule {
  /** The service; its instances are the targets of that group. */
  readonly service: string;
  /** Instances at least (1 or more) and at most. */
  readonly min: number;
  readonly max: number;
  /** A sample's metric ("cpuShare", "latencyMsP95"), or "queue NAME": items waiting in the gauge of that name. */
  readonly metric: string;
  /** What one instance should have of it. */
  readonly target: number;
  /** More must have been wanted for this long, ms (default 15,000). */
  readonly upAfterMs: number;
  /** Fewer must have sufficed for this long, ms (default 300,000). */
  readonly downAfterMs: number;
  /** Nothing is changed for this long after a change, ms (default 60,000). */
  readonly coolDownMs: number;
}

export const scalingDefaults = { upAfterMs: 15_000, downAfterMs: 300_000, coolDownMs: 60_000 } as const;

/** Within this share of the target nothing changes. */
const tolerance = 0.1;
/** Looks kept per service: one a second for half an hour; the oldest goes. */
export const looksMax = 1_800;

/** What was wanted at each look; lives in memory: after a restart the stretches are watched anew before anything changes. */
export type ScalingMemory = Map<
  string,
  { readonly since: TimeMs; looks: { readonly at: TimeMs; readonly wanted: number }[] }
>;

/** Decides for one rule; creates at most one repair, on the first running instance, and returns that target. */
export function scale(
  draft: Draft,
  rule: ScalingRule,
  views: ReadonlyMap<TargetKey, TargetView>,
  memory: ScalingMemory,
): TargetKey | null {
  const members = [...draft.targets.values()].filter((target) => target.group === rule.service);
  const running = members.filter((target) => views.get(target.key)?.process?.running === true);
  const [first] = running;
  if (first === undefined) return null;
  const load = loadOf(rule, running, views, draft.now);
  if (load === null) return null;
  const known = memory.get(rule.service) ?? { since: draft.now, looks: [] };
  memory.set(rule.service, known);
  known.looks.push({ at: draft.now, wanted: wantedOf(rule, running.length, load) });
  if (known.looks.length > looksMax) known.looks.shift();

  const wanted = (within: number): number[] =>
    known.looks.filter((look) => look.at > draft.now - within).map((look) => look.wanted);
  const watchedMs = draft.now - known.since;
  const up = watchedMs >= rule.upAfterMs ? Math.min(...wanted(rule.upAfterMs)) : 0;
  const down = watchedMs >= rule.downAfterMs ? Math.max(...wanted(rule.downAfterMs)) : Number.POSITIVE_INFINITY;
  // Up at most to the double, down one by one: a wrong look costs little.
  const to = up > running.length ? Math.min(up, 2 * running.length) : down < running.length ? running.length - 1 : null;
  if (to === null || to === running.length || !mayChange(draft, rule, members, first)) return null;
  const remedy = remedyOf(rule, to, running.length);
  const found = `${rule.metric} is ${readable(load)} an instance, ${readable(rule.target)} is wanted`;
  createRepair(
    draft,
    first,
    null,
    remedy,
    { name: "scheduled", at: draft.now },
    {
      attempt: 1,
      disruptive: to < running.length,
      approvedBy: "policy",
      why: `${found}: ${running.length} -> ${to} instances of ${rule.service}`,
    },
  );
  return first.key;
}

/** What one instance has to do on average now; null while too little is known. */
export function loadOf(
  rule: Pick<ScalingRule, "metric">,
  running: readonly TargetSpec[],
  views: ReadonlyMap<TargetKey, TargetView>,
  now: TimeMs,
): number | null {
  const queue = rule.metric.startsWith("queue ") ? rule.metric : null;
  const loads = running.flatMap(({ key }) => {
    const view = views.get(key);
    if (queue !== null) {
      const newest = view?.gathered.gauges.get(queue)?.history.at(-1);
      return newest === undefined || now - newest.at > 5_000 ? [] : [newest.values["size"] ?? 0];
    }
    const recent = view?.samples.filter((sample) => sample.at > now - 5_000) ?? [];
    const values = recent.map((sample) => sample.values[rule.metric]).filter((value) => value !== undefined);
    return values.length === 0 ? [] : [values.reduce((sum, value) => sum + value, 0) / values.length];
  });
  // What an instance does not say is taken to be what the others say; half of them must speak.
  if (loads.length === 0 || loads.length * 2 < running.length) return null;
  const mean = loads.reduce((sum, load) => sum + load, 0) / loads.length;
  return Number.isFinite(mean) ? mean : null;
}

export function wantedOf(rule: Pick<ScalingRule, "min" | "max" | "target">, instances: number, load: number): number {
  const ratio = load / rule.target;
  const wanted = Math.abs(ratio - 1) <= tolerance + 1e-9 ? instances : Math.ceil(instances * ratio);
  return Math.min(rule.max, Math.max(rule.min, 1, wanted));
}

function mayChange(draft: Draft, rule: ScalingRule, members: readonly TargetSpec[], first: TargetSpec): boolean {
  if (heldBack(draft, first) !== null || draft.settings.storm !== null) return false;
  if (members.some((member) => draft.liveRepairOf(member.key) !== undefined)) return false;
  const name = nameOf(rule);
  const last = draft.repairs().findLast((repair) => repair.remedy.name === name);
  return last === undefined || draft.now - endOf(last) >= rule.coolDownMs;
}

export function endOf(repair: Repair): TimeMs {
  return repair.state.name === "ended" ? repair.state.at : repair.createdAt;
}

const nameOf = (rule: ScalingRule): string => `scale ${rule.service}`;

function remedyOf(rule: ScalingRule, to: number, from: number): Remedy {
  const action = (count: number) => ({ type: "scale", to: count, by: 0 }) as const;
  return {
    name: nameOf(rule),
    when: { kinds: ["scaling"], target: rule.service, labels: {} },
    steps: [{ action: action(to), timeoutMs: actionFacts.scale.timeoutMs, undo: action(from) }],
    mode: "auto",
    budgets: [{ scope: "remedy", runs: 60, windowMs: 3_600_000 }],
    backoff: { firstMs: 1_000, factor: 2, maxMs: 60_000 },
    verify: { windowMs: 10_000, withinMs: 60_000 },
    recurrence: { windowMs: 3_600_000, max: 1_000, then: "continue" },
    next: null,
    source: "configuration",
    solution: `${rule.service} runs with as many instances as it needs`,
  };
}

export function readable(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toPrecision(3);
}
