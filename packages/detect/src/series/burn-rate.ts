// How fast an error budget is being spent: multi-window, multi-burn-rate alerts (Google, "The Site Reliability Workbook",
// chapter 5). A rule fires when the bad share exceeds factor * (1 - objective) in its long and in its short window: the
// long one says that it matters, the short one that it is still going on.
import { readable, requireOption } from "./sample.ts";
import { WindowSum, type WindowSumSnapshot } from "./window-sum.ts";

export interface BurnRule {
  readonly name: string;
  /** Share of the period's budget that, when spent in the long window, is worth an alarm: 0.02 is 2 %. */
  readonly budget: number;
  readonly longMs: number;
  readonly shortMs: number;
}

const minuteMs = 60_000;
const hourMs = 3_600_000;
const dayMs = 86_400_000;

/** The workbook's table; over 30 days its factors are 14.4, 6, 3 and 1. */
export const burnRules: readonly BurnRule[] = [
  { name: "page", budget: 0.02, longMs: hourMs, shortMs: 5 * minuteMs },
  { name: "page", budget: 0.05, longMs: 6 * hourMs, shortMs: 30 * minuteMs },
  { name: "ticket", budget: 0.1, longMs: dayMs, shortMs: 2 * hourMs },
  { name: "ticket", budget: 0.1, longMs: 3 * dayMs, shortMs: 6 * hourMs },
];

export interface BurnRateOptions {
  /** Share of events that must be good: 0.999. */
  readonly objective: number;
  /** The time the budget is for, ms. Default 30 days. */
  readonly periodMs?: number;
  /** Default `burnRules`. At most 8. */
  readonly rules?: readonly BurnRule[];
  /** A rule needs this many bad events in its long window, so that one failure of one request is no page. Default 5. */
  readonly badMin?: number;
}

/** Counts since the last sample, not running totals. */
export interface BurnSample {
  readonly at: number;
  readonly good: number;
  readonly bad: number;
}

export interface BurnRateSnapshot {
  readonly windows: readonly (readonly [long: WindowSumSnapshot, short: WindowSumSnapshot])[];
}

/** One rule's state: burn rates are multiples of the rate that would spend the budget exactly over the period. */
export interface Burn {
  readonly rule: BurnRule;
  readonly factor: number;
  readonly longBurn: number;
  readonly shortBurn: number;
  readonly bad: number;
  readonly firing: boolean;
}

export interface BurnRateVerdict {
  readonly firing: boolean;
  /** One per rule, in the order of the rules. */
  readonly burns: readonly Burn[];
  /** For the first firing rule; empty when none fires. */
  readonly why: string;
}

export interface BurnRate {
  /** Counts that are not finite or negative change nothing; late ones are added where they belong. */
  update(sample: BurnSample): BurnRateVerdict;
  /** Lets time pass without events: what is older than a window leaves it. */
  check(now: number): BurnRateVerdict;
  snapshot(): BurnRateSnapshot;
}

/**
 * Throws a RangeError for bad options, among them a rule that can never fire: if everything fails, the burn rate is
 * 1 / (1 - objective), and a rule whose factor is not below that is refused. State: 240 numbers per rule.
 */
export function burnRate(options: BurnRateOptions, from?: BurnRateSnapshot): BurnRate {
  const { objective, periodMs = 30 * dayMs, rules = burnRules, badMin = 5 } = options;
  requireOption(objective > 0 && objective < 1, "objective", "between 0 and 1 (0.999 for 99.9 %)", objective);
  requireOption(periodMs > 0 && Number.isFinite(periodMs), "periodMs", "more than 0", periodMs);
  requireOption(rules.length > 0 && rules.length <= 8, "rules", "1 to 8 rules", rules.length);
  requireOption(badMin >= 1, "badMin", "1 or more", badMin);
  const states = rules.map((rule, i) => {
    const factor = requireRule(rule, periodMs, objective);
    const [long, short] = from?.windows[i] ?? [];
    return { rule, factor, long: new WindowSum(rule.longMs, long), short: new WindowSum(rule.shortMs, short) };
  });

  const burnOf = ([good, bad]: readonly [number, number]): number =>
    good + bad === 0 ? 0 : bad / (good + bad) / (1 - objective);

  function verdict(): BurnRateVerdict {
    const burns = states.map(({ rule, factor, long, short }): Burn => {
      const longSums = long.sums();
      const [longBurn, shortBurn] = [burnOf(longSums), burnOf(short.sums())];
      const firing = longBurn > factor && shortBurn > factor && longSums[1] >= badMin;
      return { rule, factor, longBurn, shortBurn, bad: longSums[1], firing };
    });
    const worst = burns.find(({ firing }) => firing);
    return { firing: worst !== undefined, burns, why: worst === undefined ? "" : explain(worst) };
  }

  return {
    update({ at, good, bad }) {
      // What cannot be counted exactly is no count; sums of counts then stay finite.
      if (Number.isFinite(at) && good >= 0 && bad >= 0 && good + bad <= Number.MAX_SAFE_INTEGER)
        for (const { long, short } of states) {
          long.add(at, good, bad);
          short.add(at, good, bad);
        }
      return verdict();
    },
    check(now) {
      if (Number.isFinite(now))
        for (const { long, short } of states) {
          long.moveTo(now);
          short.moveTo(now);
        }
      return verdict();
    },
    snapshot: () => ({ windows: states.map(({ long, short }) => [long.snapshot(), short.snapshot()] as const) }),
  };
}

function requireRule(rule: BurnRule, periodMs: number, objective: number): number {
  const { name, budget, longMs, shortMs } = rule;
  requireOption(budget > 0 && budget <= 1, `rules (${name}).budget`, "more than 0 and at most 1", budget);
  requireOption(longMs > 0 && longMs <= periodMs, `rules (${name}).longMs`, "at most periodMs", longMs);
  requireOption(shortMs > 0 && shortMs <= longMs, `rules (${name}).shortMs`, "at most longMs", shortMs);
  const factor = (budget * periodMs) / longMs;
  const burnMax = 1 / (1 - objective);
  if (factor >= burnMax)
    throw new RangeError(
      `rules (${name}, ${longMs / hourMs} h) can never fire: its factor ${readable(factor)} is not below ` +
        `${readable(burnMax)}, the burn rate when everything fails; lower its budget below ` +
        `${readable((burnMax * longMs) / periodMs)} or raise the objective above ${readable(1 - 1 / factor)}`,
    );
  return factor;
}

function explain({ rule, factor, longBurn, shortBurn }: Burn): string {
  const spent = `${readable(longBurn)} times too fast over ${readable(rule.longMs / hourMs)} h`;
  const now = `${readable(shortBurn)} times over ${readable(rule.shortMs / minuteMs)} min`;
  return `${rule.name}: the error budget is spent ${spent} and ${now}, the limit is ${readable(factor)}`;
}
