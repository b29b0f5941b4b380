// One streaming anomaly detector with one configuration for every series: it learns what a series does and scores what
// it never did. Strictly causal, bounded memory (about 11 kB of numbers per series), no options to tune. Method,
// measurements, limits: docs/detect/anomaly.md.
import { Counter, type CounterSnapshot } from "./anomaly/counter.ts";
import { Interval, type IntervalSnapshot } from "./anomaly/interval.ts";
import { Judge, evidenceKinds, type JudgeSnapshot, type Judgement } from "./anomaly/judge.ts";
import { tailWarmUp } from "./anomaly/tail.ts";
import { readable, type Sample } from "./sample.ts";

/** One kind of evidence that spoke against a value being ordinary. */
export interface AnomalyEvidence {
  readonly kind: (typeof evidenceKinds)[number][0];
  /** -ln of the chance of something so unlike the past, nats: 2.3 is 1 in 10, 6.9 is 1 in 1000. At most 20. */
  readonly surprise: number;
  /** The kind in words. */
  readonly meaning: string;
}

export interface AnomalyVerdict {
  /**
   * 0 to 1, the same meaning on every series: from 0.5 on a person should look. 0 for what is no more unusual than
   * something of the last half day (already reported, or noise), for ignored samples and during the start.
   */
  readonly score: number;
  /** `score >= 0.5`. */
  readonly anomalous: boolean;
  /**
   * How unlike the past this value is, whatever came shortly before: the mean surprise of all evidence and half of what
   * one exceeds 8 by; nats, 0 to 26.
   */
  readonly surprise: number;
  /** What was judged: the sample's value, or a counter's rate per second. */
  readonly value: number;
  /** The range of values near the recent level. A value inside can still be unusual, see `evidence`. */
  readonly expected: readonly [low: number, high: number];
  /** What spoke against it (more than 1 in 10), strongest first. */
  readonly evidence: readonly AnomalyEvidence[];
  /** One sentence for a person; empty when there is nothing to say. */
  readonly why: string;
  /** `starting` for the first 31 points, `ignored` for a sample that changed nothing. */
  readonly status: "judged" | "starting" | "ignored";
}

/** Plain JSON; give it to `anomaly()` to go on exactly where it was taken. */
export interface AnomalySnapshot {
  readonly version: 1;
  readonly lastAt: number | null;
  readonly interval: IntervalSnapshot;
  readonly counter: CounterSnapshot;
  readonly judge: JudgeSnapshot;
  readonly ignored: { readonly notFinite: number; readonly notLater: number };
}

export interface AnomalyDetector {
  /**
   * Judges one sample by what came before, then learns it. Samples whose time is not after the last accepted one, and
   * values that are not finite, are counted and change nothing. Gaps are allowed; the caller keeps bogus times from the
   * future out, because time does not go backwards here.
   */
  update(sample: Sample): AnomalyVerdict;
  snapshot(): AnomalySnapshot;
}

/** A new detector, or one that goes on from a snapshot. Throws a RangeError for a snapshot of another version. */
export function anomaly(from?: AnomalySnapshot): AnomalyDetector {
  return new StreamingAnomaly(from);
}

const evidenceSurpriseMin = Math.LN10;

/** A class and not a closure: ten thousand of them share one set of functions. */
class StreamingAnomaly implements AnomalyDetector {
  #lastAt: number | null;
  #intervalMs: number;
  #notFinite: number;
  #notLater: number;
  readonly #interval: Interval;
  readonly #counter: Counter;
  #judge: Judge;

  constructor(from?: AnomalySnapshot) {
    if (from !== undefined && from.version !== 1)
      throw new RangeError(`snapshot.version must be 1, not ${String(from.version)}: start a new detector instead`);
    this.#lastAt = from?.lastAt ?? null;
    this.#interval = new Interval(from?.interval);
    this.#intervalMs = from?.interval.usualMs ?? 0;
    this.#counter = new Counter(from?.counter);
    this.#judge = new Judge(from?.judge);
    this.#notFinite = from?.ignored.notFinite ?? 0;
    this.#notLater = from?.ignored.notLater ?? 0;
  }

  update({ at, value }: Sample): AnomalyVerdict {
    if (!Number.isFinite(value) || !Number.isFinite(at)) {
      this.#notFinite++;
      return ignored(value, "ignored: the time or the value is not a finite number");
    }
    if (this.#lastAt !== null && at <= this.#lastAt) {
      this.#notLater++;
      return ignored(value, "ignored: not later than the sample before it");
    }
    if (this.#lastAt !== null) this.#intervalMs = this.#interval.observe(at - this.#lastAt);
    this.#lastAt = at;
    // + 0 makes 0 of -0, which JSON does not know.
    const reading = this.#counter.observe(at, value + 0);
    if (reading.restarted) this.#judge = new Judge();
    const judgement = this.#judge.judge(at, reading.value, this.#intervalMs);
    return verdict(reading.value, judgement, this.#judge.seen <= tailWarmUp + 1);
  }

  snapshot(): AnomalySnapshot {
    return {
      version: 1,
      lastAt: this.#lastAt,
      interval: this.#interval.snapshot(),
      counter: this.#counter.snapshot(),
      judge: this.#judge.snapshot(),
      ignored: { notFinite: this.#notFinite, notLater: this.#notLater },
    };
  }
}

function verdict(value: number, judgement: Judgement, starting: boolean): AnomalyVerdict {
  const { score, surprise, expected } = judgement;
  const anomalous = score >= 0.5;
  const evidence = judgement.surprise > 0 ? evidenceOf(judgement.surprises) : [];
  const why = anomalous ? explain(value, expected, evidence) : "";
  return { score, anomalous, surprise, value, expected, evidence, why, status: starting ? "starting" : "judged" };
}

function evidenceOf(surprises: Float64Array): AnomalyEvidence[] {
  const evidence: AnomalyEvidence[] = [];
  for (const [i, [kind, meaning]] of evidenceKinds.entries()) {
    const surprise = surprises[i]!;
    if (surprise > evidenceSurpriseMin) evidence.push({ kind, surprise, meaning });
  }
  return evidence.length > 1 ? evidence.toSorted((a, b) => b.surprise - a.surprise) : evidence;
}

function explain(value: number, [low, high]: readonly [number, number], evidence: readonly AnomalyEvidence[]): string {
  const where = value < low ? "below" : value > high ? "above" : "inside";
  const range = `${readable(value)} is ${where} the recent range ${readable(low)} to ${readable(high)}`;
  return evidence.length === 0 ? range : `${range}; ${evidence.map(({ meaning }) => meaning).join("; ")}`;
}

function ignored(value: number, why: string): AnomalyVerdict {
  const expected = [Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY] as const;
  return { score: 0, anomalous: false, surprise: 0, value, expected, evidence: [], why, status: "ignored" };
}
