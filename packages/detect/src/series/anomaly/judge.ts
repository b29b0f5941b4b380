// Six questions about one value, each "was this seen before?", their answers as surprise, and one score. Works on
// (value - first value) / |first change|, so that neither the unit nor the offset of a series matters. Knows nothing of
// counters or bad input: the detector around it gives it finite numbers at rising times.
import { DaySlots, type DaySlotsSnapshot } from "./day-slots.ts";
import { NoveltySet, type NoveltySetSnapshot } from "./novelty-set.ts";
import { Records, type RecordsSnapshot } from "./records.ts";
import { Shapes, type ShapesSnapshot } from "./shapes.ts";
import { Tail, type TailSnapshot } from "./tail.ts";

/** What each kind of evidence asks; the order is that of `surprises`. */
export const evidenceKinds = [
  ["value", "a value never seen before"],
  ["level", "a distance from the recent level never seen before"],
  ["step", "a step never seen before"],
  ["shape", "a course of the last few points never seen before"],
  ["long-shape", "a course of the last dozen points never seen before"],
  ["time-of-day", "a value not seen at this time of day"],
] as const;

/** Representatives kept of values, of distances to the level, of steps. */
const setSize = 64;
const levelStep = 0.1;
const deviationStep = 0.02;
const rangeDeviations = 4;
/** From this surprise on (nats; 1 in 3000) one evidence speaks for itself, with half of what is beyond. */
const aloneSurprise = 8;
const aloneShare = 0.5;
/** Surprise (nats) that alarms at one point an hour; see `frequencyShare`. */
const alarmSurprise = 2.3;
/** How much of a series' rate of points is charged, so that alarms are rare in time, not in points: nats per ln(rate). */
const frequencyShare = 0.6;
/** What recent alarms of this series (half forgotten after a day) cost the next one: nats per ln(1 + recent alarms). */
const habituation = 1;
const habituationHalfLifeMs = 86_400_000;
const dayMs = 86_400_000;
const hourMs = 3_600_000;
const magnitudeMax = 1e15;

export interface JudgeSnapshot {
  readonly origin: number;
  readonly unit: number;
  readonly seen: number;
  readonly level: number;
  readonly deviation: number;
  readonly last: number;
  readonly sets: readonly NoveltySetSnapshot[];
  readonly tails: readonly TailSnapshot[];
  readonly shapes: ShapesSnapshot;
  readonly slots: DaySlotsSnapshot;
  readonly records: RecordsSnapshot;
  readonly recentAlarms: number;
  readonly recentAlarmsAt: number;
}

export interface Judgement {
  readonly score: number;
  /** Mean of `surprises`, and more if one is extreme, nats. */
  readonly surprise: number;
  readonly expected: readonly [low: number, high: number];
  /** One for each of `evidenceKinds`; the array is reused by the next call. */
  readonly surprises: Float64Array;
}

export class Judge {
  #origin: number;
  #unit: number;
  #seen: number;
  #level: number;
  #deviation: number;
  #last: number;
  readonly #sets: readonly [NoveltySet, NoveltySet, NoveltySet];
  readonly #tails: readonly Tail[];
  readonly #shapes: Shapes;
  readonly #slots: DaySlots;
  readonly #records: Records;
  #recentAlarms: number;
  #recentAlarmsAt: number;
  readonly #surprises = new Float64Array(evidenceKinds.length);

  constructor(from?: JudgeSnapshot) {
    this.#origin = from?.origin ?? 0;
    this.#unit = from?.unit ?? 0;
    this.#seen = from?.seen ?? 0;
    this.#level = from?.level ?? 0;
    this.#deviation = from?.deviation ?? 0;
    this.#last = from?.last ?? 0;
    const set = (which: number): NoveltySet => new NoveltySet(setSize, from?.sets[which]);
    this.#sets = [set(0), set(1), set(2)];
    this.#tails = evidenceKinds.map((_, which) => new Tail(from?.tails[which]));
    this.#shapes = new Shapes(from?.shapes);
    this.#slots = new DaySlots(from?.slots);
    this.#records = new Records(from?.records);
    this.#recentAlarms = from?.recentAlarms ?? 0;
    this.#recentAlarmsAt = from?.recentAlarmsAt ?? 0;
  }

  get seen(): number {
    return this.#seen;
  }

  judge(at: number, raw: number, intervalMs: number): Judgement {
    const value = this.#normalise(raw);
    const margin = rangeDeviations * this.#deviation;
    const expected = [this.#denormalise(this.#level - margin), this.#denormalise(this.#level + margin)] as const;
    const surprise = this.#gather(at, value, intervalMs);
    this.#follow(value);
    return { score: this.#score(at, surprise, intervalMs), surprise, expected, surprises: this.#surprises };
  }

  #gather(at: number, value: number, intervalMs: number): number {
    this.#shapes.observe(value);
    const day = at / dayMs;
    const [values, levels, steps] = this.#sets;
    const distances = [
      values.observe(value, day),
      levels.observe(value - this.#level, day),
      steps.observe(value - this.#last, day),
      this.#shapes.short,
      this.#shapes.long,
      this.#slots.observe(at, value, intervalMs),
    ];
    let sum = 0;
    let strongest = 0;
    for (let i = 0; i < distances.length; i++) {
      const surprise = this.#tails[i]!.observe(distances[i] ?? null);
      this.#surprises[i] = surprise;
      sum += surprise;
      strongest = Math.max(strongest, surprise);
    }
    return sum / distances.length + aloneShare * Math.max(0, strongest - aloneSurprise);
  }

  #follow(value: number): void {
    this.#seen++;
    const distance = Math.abs(value - this.#level);
    const step = Math.max(deviationStep, 1 / this.#seen);
    const bounded = this.#seen > 10 ? Math.min(distance, 10 * this.#deviation + Number.MIN_VALUE) : distance;
    this.#deviation += step * ((this.#deviation === 0 ? distance : bounded) - this.#deviation);
    this.#level += Math.max(levelStep, 1 / this.#seen) * (value - this.#level);
    this.#last = value;
  }

  /** Logistic in nats; exactly 0 for what does not exceed the last half day. */
  #score(at: number, surprise: number, intervalMs: number): number {
    this.#recentAlarms *= 0.5 ** ((at - this.#recentAlarmsAt) / habituationHalfLifeMs);
    this.#recentAlarmsAt = at;
    if (!this.#records.observe(at, surprise)) return 0;
    const rarity = surprise + frequencyShare * Math.log(Math.max(1000, intervalMs) / hourMs);
    const score = 1 / (1 + Math.exp(alarmSurprise - rarity + habituation * Math.log1p(this.#recentAlarms)));
    if (score >= 0.5) this.#recentAlarms++;
    return score;
  }

  #normalise(raw: number): number {
    if (this.#seen === 0) {
      this.#origin = raw;
      return 0;
    }
    const difference = raw - this.#origin;
    if (this.#unit === 0 && difference !== 0) this.#unit = 1 / Math.min(1e300, Math.max(1e-300, Math.abs(difference)));
    return Math.min(magnitudeMax, Math.max(-magnitudeMax, difference * this.#unit)) + 0;
  }

  #denormalise(value: number): number {
    return this.#unit === 0 ? this.#origin : this.#origin + value / this.#unit;
  }

  snapshot(): JudgeSnapshot {
    return {
      origin: this.#origin,
      unit: this.#unit,
      seen: this.#seen,
      level: this.#level,
      deviation: this.#deviation,
      last: this.#last,
      sets: this.#sets.map((set) => set.snapshot()),
      tails: this.#tails.map((tail) => tail.snapshot()),
      shapes: this.#shapes.snapshot(),
      slots: this.#slots.snapshot(),
      records: this.#records.snapshot(),
      recentAlarms: this.#recentAlarms,
      recentAlarmsAt: this.#recentAlarmsAt,
    };
  }
}
