// The plain detectors that people write themselves: threshold, rate of change, absence, ratio, quantile, burn rate, unlike
// siblings. Each rule holds for a target or for each member of a group; its state is small, saved, and rebuilt when the
// configuration changes. A rule without a kind of its own is shown and never repaired.
import {
  absence,
  burnRate,
  burnRules,
  changeRate,
  peers,
  quantileSketch,
  ratio,
  threshold,
  type AbsenceSnapshot,
  type AlarmVerdict,
  type BurnRateSnapshot,
  type BurnRule,
  type ChangeRateSnapshot,
  type PeersSnapshot,
  type QuantileSketch,
  type QuantileSketchSnapshot,
  type RatioSnapshot,
  type ThresholdSnapshot,
} from "@prunella/detect";
import type { Learned } from "../../ports.ts";
import type { TargetKey, TargetSpec, TimeMs } from "../../signal/index.ts";
import type { Finding } from "../finding.ts";
import type { DetectRule, RuleHow } from "./config.ts";
import { newSaver, restored, type Saver, type Unit } from "./saving.ts";

export interface Rules {
  configure(rules: readonly DetectRule[], targets: readonly TargetSpec[]): void;
  take(target: TargetKey, at: TimeMs, values: Readonly<Record<string, number>>): void;
  findings(target: TargetKey, now: TimeMs): Finding[];
  /** For forecasts: the share of each error budget that is left, by rule; 1 while nothing was spent. */
  budgets(target: TargetKey): ReadonlyMap<string, number>;
  readonly size: number;
}

/** One rule on one target. */
interface Watch extends Unit {
  readonly rule: DetectRule;
  take(at: TimeMs, values: Readonly<Record<string, number>>): void;
  /** Lets time pass; null: it does not fire. */
  verdict(now: TimeMs): { readonly since: TimeMs; readonly why: string } | null;
  budgetLeft?(): number;
}

/** Longest gap between two values over which their rate is summed, ms. */
const gapMsMax = 10_000;
/** Values of the two halves of a quantile's window; below this there is no verdict. */
const quantileCountMin = 20;

export function newRules(saver: Saver, saved: ReadonlyMap<string, Learned>): Rules {
  let byTarget = new Map<TargetKey, Watch[]>();
  let shared: GroupWatch[] = [];

  return {
    configure(rules, targets) {
      const before = new Map([...byTarget.values()].flat().map((watch) => [watch.id, watch]));
      byTarget = new Map();
      const groups = new Map(shared.map((watch) => [watch.id, watch]));
      shared = [];
      for (const rule of rules) {
        const members = targets.filter((target) => target.key === rule.target || target.group === rule.target);
        if (rule.how.type === "peers") {
          const id = idOf(rule, rule.target);
          shared.push(groups.get(id) ?? groupWatch(id, rule, saver, saved));
          continue;
        }
        for (const { key } of members) {
          const id = idOf(rule, key);
          const watch = before.get(id) ?? watchOf(id, rule, saver, saved.get(id)?.state);
          byTarget.set(key, [...(byTarget.get(key) ?? []), watch]);
        }
      }
      const kept = new Set([...[...byTarget.values()].flat(), ...shared].map((watch) => watch.id));
      for (const id of [...before.keys(), ...groups.keys()]) if (!kept.has(id)) saver.forget(id);
    },
    take(target, at, values) {
      for (const watch of byTarget.get(target) ?? []) watch.take(at, values);
      for (const watch of shared) watch.take(target, at, values);
    },
    findings(target, now) {
      const own = (byTarget.get(target) ?? []).flatMap((watch) => {
        const verdict = watch.verdict(now);
        return verdict === null ? [] : [findingOf(target, now, watch.rule, verdict)];
      });
      const unlike = shared.flatMap((watch) => {
        const verdict = watch.verdict(target, now);
        return verdict === null ? [] : [findingOf(target, now, watch.rule, verdict)];
      });
      return [...own, ...unlike];
    },
    budgets(target) {
      const left = new Map<string, number>();
      for (const watch of byTarget.get(target) ?? [])
        if (watch.budgetLeft !== undefined) left.set(watch.rule.name, watch.budgetLeft());
      return left;
    },
    get size() {
      return [...byTarget.values()].reduce((sum, watches) => sum + watches.length, shared.length);
    },
  };
}

/** The rule's text is part of its identity: what a changed rule had learned is let go. */
function idOf(rule: DetectRule, target: TargetKey): string {
  return `rule ${target} ${rule.name} ${rule.metric} ${JSON.stringify(rule.how)}`;
}

function findingOf(
  target: TargetKey,
  now: TimeMs,
  rule: DetectRule,
  verdict: { readonly since: TimeMs; readonly why: string },
): Finding {
  return {
    target,
    kind: rule.kind,
    distinguisher: rule.name,
    severity: rule.severity,
    class: "fault",
    summary: `${rule.name}: ${rule.metric} of ${target}: ${verdict.why}`,
    beganAt: verdict.since,
    detectedAt: now,
    certainty: "inferred",
    down: false,
    ripe: true,
    events: 0,
    evidence: [{ at: now, what: "sample", summary: `${rule.metric}: ${verdict.why}` }],
  };
}

function watchOf(id: string, rule: DetectRule, saver: Saver, state: unknown): Watch {
  const { how, metric } = rule;
  let last: { readonly firing: boolean; readonly since: TimeMs | null; readonly why: string } | null = null;
  const firing = (): { since: TimeMs; why: string } | null =>
    last?.firing === true ? { since: last.since ?? 0, why: last.why } : null;
  switch (how.type) {
    case "threshold": {
      const detector = restored(
        state,
        (from: ThresholdSnapshot) => threshold(how, from),
        () => threshold(how),
      );
      const watch: Watch = {
        id,
        rule,
        state: () => detector.snapshot(),
        take(at, values) {
          const value = values[metric];
          if (value === undefined) return;
          last = detector.update({ at, value });
          saver.changed(watch);
        },
        verdict: firing,
      };
      return watch;
    }
    case "change-rate": {
      const detector = restored(
        state,
        (from: ChangeRateSnapshot) => changeRate(how, from),
        () => changeRate(how),
      );
      const watch: Watch = {
        id,
        rule,
        state: () => detector.snapshot(),
        take(at, values) {
          const value = values[metric];
          if (value === undefined) return;
          last = detector.update({ at, value });
          saver.changed(watch);
        },
        verdict: firing,
      };
      return watch;
    }
    case "absence": {
      const options = how.afterMs === null ? {} : { afterMs: how.afterMs };
      const detector = restored(
        state,
        (from: AbsenceSnapshot) => absence(options, from),
        () => absence(options),
      );
      const watch: Watch = {
        id,
        rule,
        state: () => detector.snapshot(),
        take(at, values) {
          if (values[metric] === undefined) return;
          detector.update({ at });
          saver.changed(watch);
        },
        verdict(now) {
          const { absent, silentMs, why } = detector.check(now);
          return absent ? { since: now - (silentMs ?? 0), why } : null;
        },
      };
      return watch;
    }
    case "ratio": {
      const detector = restored(
        state,
        (from: RatioSnapshot) => ratio(how, from),
        () => ratio(how),
      );
      const counts = rates();
      const watch: Watch = {
        id,
        rule,
        state: () => detector.snapshot(),
        take(at, values) {
          const [part, total] = [values[metric], values[how.of]];
          const seconds = counts.seconds(at);
          if (part === undefined || total === undefined || seconds === 0) return;
          last = detector.update({ at, part: part * seconds, total: total * seconds });
          saver.changed(watch);
        },
        verdict: firing,
      };
      return watch;
    }
    case "quantile": {
      const halves = restored(
        state,
        (from: QuantileState) => quantileHalves(how, from),
        () => quantileHalves(how),
      );
      const watch: Watch = {
        id,
        rule,
        state: () => halves.state(),
        take(at, values) {
          const value = values[metric];
          if (value === undefined) return;
          last = halves.update(at, value);
          saver.changed(watch);
        },
        verdict: firing,
      };
      return watch;
    }
    case "burn-rate": {
      const detector = restored(
        state,
        (from: BudgetState) => burnRate({ ...how, rules: burnRulesFor(how) }, from.burn),
        () => burnRate({ ...how, rules: burnRulesFor(how) }),
      );
      const spent = restored(
        state,
        (from: BudgetState) => budgetOf(how.objective, how.periodMs, from.spent),
        () => budgetOf(how.objective, how.periodMs),
      );
      const counts = rates();
      const watch: Watch = {
        id,
        rule,
        state: (): BudgetState => ({ burn: detector.snapshot(), spent: spent.state() }),
        take(at, values) {
          const [bad, all] = [values[metric], values[how.of]];
          const seconds = counts.seconds(at);
          if (bad === undefined || all === undefined || seconds === 0) return;
          const sample = { at, bad: bad * seconds, good: Math.max(0, all - bad) * seconds };
          const { firing: fires, why } = detector.update(sample);
          spent.add(at, sample.good, sample.bad);
          last = { firing: fires, since: last?.firing === true ? last.since : at, why };
          saver.changed(watch);
        },
        verdict(now) {
          if (last?.firing !== true) return null;
          const { firing: fires, why } = detector.check(now);
          last = { ...last, firing: fires, why: fires ? why : last.why };
          return firing();
        },
        budgetLeft: () => spent.left(),
      };
      return watch;
    }
    case "peers":
      throw new RangeError("a rule on peers watches a group, not one target");
    default:
      return how satisfies never;
  }
}

/** The workbook's rules, without those that could never fire for this promise or are longer than its period. */
function burnRulesFor({ objective, periodMs }: { readonly objective: number; readonly periodMs: number }): BurnRule[] {
  return burnRules.filter(
    ({ budget, longMs }) => longMs <= periodMs && (budget * periodMs) / longMs < 1 / (1 - objective),
  );
}

/** Throws a RangeError that names the option when a rule cannot work; for whoever reads a configuration. */
export function checkRule(rule: DetectRule): void {
  if (rule.how.type === "peers") peers({ ...rule.how, membersMin: 3 });
  else watchOf("", rule, newSaver(), undefined);
}

/** Metrics are rates per second; sums need to know for how long each holds. */
function rates(): { seconds(at: TimeMs): number } {
  let lastAt: TimeMs | null = null;
  return {
    seconds(at) {
      const passed = lastAt === null ? 0 : Math.max(0, Math.min(gapMsMax, at - lastAt));
      lastAt = Math.max(at, lastAt ?? at);
      return passed / 1_000;
    },
  };
}

interface QuantileState {
  readonly began: TimeMs;
  readonly old: QuantileSketchSnapshot;
  readonly young: QuantileSketchSnapshot;
  readonly level: ThresholdSnapshot;
}

/** A quantile of about the last window: two sketches, each of half a window; the older one goes when the younger is full. */
function quantileHalves(how: Extract<RuleHow, { type: "quantile" }>, from?: QuantileState) {
  let began = from?.began ?? 0;
  let old: QuantileSketch = quantileSketch({}, from?.old);
  let young: QuantileSketch = quantileSketch({}, from?.young);
  const level = threshold(how, from?.level);
  let said: { readonly at: TimeMs; readonly verdict: AlarmVerdict | null } | null = null;
  return {
    update(at: TimeMs, value: number) {
      if (at - began >= how.windowMs / 2) {
        old = at - began >= how.windowMs ? quantileSketch() : young;
        young = quantileSketch();
        began = at;
      }
      young.add(value);
      // Joining two sketches costs more than adding a value: sixty looks a window are enough.
      if (said !== null && at - said.at < how.windowMs / 60) return said.verdict;
      const both = quantileSketch({}, old.snapshot());
      both.merge(young.snapshot());
      const verdict = both.count < quantileCountMin ? null : level.update({ at, value: both.quantile(how.share) });
      said = {
        at,
        verdict: verdict === null ? null : { ...verdict, why: `${how.share * 100} % quantile: ${verdict.why}` },
      };
      return said.verdict;
    },
    state: (): QuantileState => ({ began, old: old.snapshot(), young: young.snapshot(), level: level.snapshot() }),
  };
}

interface BudgetState {
  readonly burn: BurnRateSnapshot;
  readonly spent: readonly (readonly [slot: number, good: number, bad: number])[];
}

const budgetSlots = 60;

/** What is left of the budget of a sliding period, in sixty slots: 1 untouched, 0 spent, below 0 overspent. */
function budgetOf(objective: number, periodMs: number, from: BudgetState["spent"] = []) {
  const slots = new Map<number, [number, number]>(from.map(([slot, good, bad]) => [slot, [good, bad]]));
  return {
    add(at: TimeMs, good: number, bad: number): void {
      const slot = Math.floor((at * budgetSlots) / periodMs);
      const known = slots.get(slot) ?? [0, 0];
      slots.set(slot, [known[0] + good, known[1] + bad]);
      for (const old of slots.keys()) if (old <= slot - budgetSlots) slots.delete(old);
    },
    left(): number {
      let [goods, bads] = [0, 0];
      for (const [good, bad] of slots.values()) {
        goods += good;
        bads += bad;
      }
      const allowed = (goods + bads) * (1 - objective);
      return allowed === 0 ? 1 : 1 - bads / allowed;
    },
    state: (): BudgetState["spent"] => Array.from(slots, ([slot, [good, bad]]) => [slot, good, bad] as const),
  };
}

/** One rule on a group: who of it is unlike the others. */
interface GroupWatch extends Unit {
  readonly rule: DetectRule;
  take(target: TargetKey, at: TimeMs, values: Readonly<Record<string, number>>): void;
  verdict(target: TargetKey, now: TimeMs): { readonly since: TimeMs; readonly why: string } | null;
}

/** Members are compared this often, ms; a value older than twice that is not compared. */
const peersEveryMs = 10_000;

function groupWatch(id: string, rule: DetectRule, saver: Saver, saved: ReadonlyMap<string, Learned>): GroupWatch {
  const how = rule.how as Extract<RuleHow, { type: "peers" }>;
  const options = { ...how, membersMin: 3 };
  const detector = restored(
    saved.get(id)?.state,
    (from: PeersSnapshot) => peers(options, from),
    () => peers(options),
  );
  const values = new Map<TargetKey, { readonly at: TimeMs; readonly value: number }>();
  let comparedAt = 0;
  let outliers = new Map<TargetKey, { readonly since: TimeMs; readonly why: string }>();
  const watch: GroupWatch = {
    id,
    rule,
    state: () => detector.snapshot(),
    take(target, at, given) {
      const value = given[rule.metric];
      if (value === undefined || (target !== rule.target && target.split("/")[0] !== rule.target)) return;
      values.set(target, { at, value });
    },
    verdict(target, now) {
      if (now - comparedAt >= peersEveryMs) {
        comparedAt = now;
        for (const [key, { at }] of values) if (now - at > 2 * peersEveryMs) values.delete(key);
        const sample = Object.fromEntries(Array.from(values, ([key, { value }]) => [key, value]));
        const verdict = detector.update({ at: now, values: sample });
        outliers = new Map(verdict.outliers.map(({ member, since, why }) => [member, { since: since ?? now, why }]));
        saver.changed(watch);
      }
      return outliers.get(target) ?? null;
    },
  };
  return watch;
}
