// Service level objectives of one target: what counts as good and bad, and whether the error budget is being spent too fast
// (multi-window, multi-burn-rate). Budgets over the whole window are the report's; here only the last three days matter.
import { burnRate, burnRules, type Burn, type BurnRate, type BurnRule } from "@prunella/detect";
import { slowerThan, type LatencyCounts, type SloObjective, type SloSpec, type TimeMs } from "../signal/index.ts";
import type { Finding } from "./finding.ts";
import type { TargetView } from "./view.ts";

/** Counts are given to the windows, and the windows are judged, this often at most, ms. */
const judgedEveryMs = 10_000;
const minuteMs = 60_000;
/** Minutes of counts held until they are written; beyond it the oldest is dropped (its windows have it already). */
const minutesMax = 120;
/** How far back counts are read after a restart, ms: the longest window. */
export const sloMemoryMs = 3 * 86_400_000;
/** A rule's factor is at most this share of the rate at which a budget can be spent at all; beyond it the rule is lowered. */
const factorShareMax = 0.8;

export interface SloCount {
  readonly objective: SloObjective;
  /** Start of the minute. */
  readonly at: TimeMs;
  /** Seconds for availability, requests for errors and p95, samples for memory and cpu. */
  readonly good: number;
  readonly bad: number;
}

export interface SloState {
  readonly spec: SloSpec;
  readonly burns: readonly Burn[];
  readonly firing: boolean;
  readonly why: string;
  /** When something was last counted; null: never. */
  readonly seenAt: TimeMs | null;
}

export interface SloTrackers {
  readonly specs: readonly SloSpec[];
  traffic(of: {
    readonly at: TimeMs;
    readonly requests: number;
    readonly errors: number;
    readonly latency: LatencyCounts;
  }): void;
  sample(at: TimeMs, values: Readonly<Record<string, number>>): void;
  /** Time passed, with the target good or not. */
  watched(now: TimeMs, passedMs: number, good: boolean): void;
  states(now: TimeMs): readonly SloState[];
  /** Whole minutes counted since they were last taken, to be written down. */
  take(now: TimeMs): SloCount[];
  /** Counts written down before a restart. */
  restore(counts: readonly SloCount[]): void;
}

interface Tracker {
  readonly spec: SloSpec;
  readonly burn: BurnRate;
  good: number;
  bad: number;
  seenAt: TimeMs | null;
  state: SloState | null;
}

/** @param known trackers of the same target before its specification changed; objectives that stay the same keep their counts. */
export function sloTrackers(specs: readonly SloSpec[], known: SloTrackers | null = null): SloTrackers {
  if (known !== null && JSON.stringify(known.specs) === JSON.stringify(specs)) return known;
  const trackers = specs.map((spec): Tracker => ({
    spec,
    burn: burnRate({ objective: spec.goal, periodMs: spec.windowMs, rules: burnRulesFor(spec) }),
    good: 0,
    bad: 0,
    seenAt: null,
    state: null,
  }));
  const minutes = new Map<string, { objective: SloObjective; at: TimeMs; good: number; bad: number }>();
  let judgedAt = Number.NEGATIVE_INFINITY;

  function count(objective: SloObjective, at: TimeMs, good: number, bad: number): void {
    const tracker = trackers.find(({ spec }) => spec.objective === objective);
    if (tracker === undefined || good + bad <= 0) return;
    tracker.good += good;
    tracker.bad += bad;
    tracker.seenAt = at;
    const minute = Math.floor(at / minuteMs) * minuteMs;
    const key = `${objective} ${minute}`;
    const sum = minutes.get(key);
    if (sum === undefined) minutes.set(key, { objective, at: minute, good, bad });
    else {
      sum.good += good;
      sum.bad += bad;
    }
    for (const oldest of minutes.keys()) {
      if (minutes.size <= minutesMax * Math.max(1, trackers.length)) break;
      minutes.delete(oldest);
    }
  }

  return {
    specs,
    traffic({ at, requests, errors, latency }) {
      if (requests <= 0) return;
      const failed = Math.min(requests, errors);
      count("errors", at, requests - failed, failed);
      const limit = specs.find((spec) => spec.objective === "p95")?.limit;
      if (limit === undefined || limit === null) return;
      const slow = Math.min(requests, slowerThan(latency, limit));
      count("p95", at, requests - slow, slow);
    },
    sample(at, values) {
      for (const { spec } of trackers) {
        const value =
          spec.objective === "memory" ? values["rssBytes"] : spec.objective === "cpu" ? values["cpuShare"] : undefined;
        if (value === undefined || spec.limit === null) continue;
        const isGood = value <= spec.limit;
        count(spec.objective, at, isGood ? 1 : 0, isGood ? 0 : 1);
      }
    },
    watched(now, passedMs, good) {
      const seconds = Math.max(0, passedMs) / 1_000;
      count("availability", now, good ? seconds : 0, good ? 0 : seconds);
    },
    states(now) {
      const due = now - judgedAt >= judgedEveryMs || now < judgedAt;
      if (due) judgedAt = now;
      return trackers.map((tracker) => {
        if (!due && tracker.state !== null) return tracker.state;
        const { firing, burns, why } = tracker.burn.update({ at: now, good: tracker.good, bad: tracker.bad });
        tracker.good = 0;
        tracker.bad = 0;
        tracker.state = { spec: tracker.spec, burns, firing, why, seenAt: tracker.seenAt };
        return tracker.state;
      });
    },
    take(now) {
      const whole = [...minutes].filter(([, minute]) => minute.at + minuteMs <= now);
      for (const [key] of whole) minutes.delete(key);
      return whole.map(([, minute]) => minute);
    },
    restore(counts) {
      for (const { objective, at, good, bad } of [...counts].sort((a, b) => a.at - b.at)) {
        const tracker = trackers.find(({ spec }) => spec.objective === objective);
        tracker?.burn.update({ at, good, bad });
        if (tracker !== undefined && good + bad > 0) tracker.seenAt = at;
      }
    },
  };
}

/**
 * The workbook's rules. If everything fails, a budget is spent 1 / (1 - goal) times too fast: for a goal below 93.1 % the
 * first rule's 14.4 could never be reached, so its factor is lowered to 80 % of what can be.
 */
export function burnRulesFor(spec: Pick<SloSpec, "goal" | "windowMs">): readonly BurnRule[] {
  const factorMax = factorShareMax / (1 - spec.goal);
  return burnRules.map((rule) => ({
    ...rule,
    longMs: Math.min(rule.longMs, spec.windowMs),
    shortMs: Math.min(rule.shortMs, spec.windowMs),
    budget: Math.min(rule.budget, (factorMax * rule.longMs) / spec.windowMs, 1),
  }));
}

/** Budgets that are being spent too fast now. A "page" is worth a person; a "ticket" is shown and may pass. */
export function slosBurning(view: TargetView, now: TimeMs): Finding[] {
  return view.slos.states(now).flatMap((state): Finding[] => {
    if (!state.firing) return [];
    const worst = state.burns.find(({ firing }) => firing);
    const isPage = worst?.rule.name === "page";
    const { objective } = state.spec;
    return [
      {
        target: view.spec.key,
        kind: "slo-burn",
        distinguisher: objective,
        severity: isPage ? "critical" : "medium",
        class: objective === "availability" || objective === "errors" ? "fault" : "performance",
        summary: `${view.spec.key}: ${describeSlo(state.spec)}: ${state.why}`,
        beganAt: now - (worst?.rule.shortMs ?? 0),
        detectedAt: now,
        certainty: "witnessed",
        down: false,
        ripe: isPage,
        events: 0,
        evidence: [
          {
            at: now,
            what: "sample",
            summary: state.why,
            data: state.burns.map(({ rule, factor, longBurn, shortBurn, bad, firing }) => ({
              rule: rule.name,
              longMs: rule.longMs,
              shortMs: rule.shortMs,
              factor,
              longBurn,
              shortBurn,
              bad,
              firing,
            })),
          },
        ],
      },
    ];
  });
}

/** "availability 99.9 %", "95 % of requests within 3 s", … */
export function describeSlo(spec: SloSpec): string {
  const share = `${Number((spec.goal * 100).toFixed(4))} %`;
  switch (spec.objective) {
    case "availability":
      return `available ${share} of the time`;
    case "errors":
      return `${share} of requests without error`;
    case "p95":
      return `${share} of requests within ${spec.limit ?? 0} ms`;
    case "memory":
      return `memory within ${((spec.limit ?? 0) / 1e6).toFixed(0)} MB ${share} of the time`;
    case "cpu":
      return `CPU within ${Number(((spec.limit ?? 0) * 100).toFixed(2))} % ${share} of the time`;
    default:
      return spec.objective satisfies never;
  }
}
