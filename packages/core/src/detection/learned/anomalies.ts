// Every metric of every target through the streaming anomaly detector: all values, as means of ten seconds (a second's
// spike still shows in them, and the noise of single seconds does not). What is unusual becomes one finding per target:
// worth a look, never a repair, at most medium. Counters are recognised by the detector. docs/detection.md has the figures.
import { anomaly, type AnomalyDetector, type AnomalySnapshot } from "@prunella/detect";
import type { Learned } from "../../ports.ts";
import type { TargetKey, TimeMs } from "../../signal/index.ts";
import type { Evidence, Finding } from "../finding.ts";
import { familyOf, felt } from "./families.ts";
import { metricsMax, seriesMax } from "./history.ts";
import { restored, type Saver, type Unit } from "./saving.ts";

/** Values of so many ms are judged as their mean. */
export const bucketMs = 10_000;
/** From this score on one family of metrics is a finding by itself; with a second family 0.5 is enough. */
export const aloneScore = 0.9;
/** An alarm goes on while values stay this surprising (nats: 1 in 20), and for `calmMs` after. */
const surpriseKept = 3;
const calmMs = 60_000;
/** One family alone must stay unusual for so many means: a blip of one metric is no news. */
const runMin = 2;
/** A value this near to the expected range, as a share of its level, is not worth a word however rare. */
const distanceShareMin = 0.1;
/** Then it counts as usual, whatever the values, ms. */
export const alarmMsMax = 900_000;
/** Evidence in one finding. */
const evidenceMax = 6;

export interface Anomalies {
  /** Values of one target at one time; `settled` false (it just started) lets them pass unlearned. */
  take(target: TargetKey, at: TimeMs, values: Readonly<Record<string, number>>, settled: boolean): void;
  /** What is unusual about the target now, as at most one finding. */
  findings(target: TargetKey, now: TimeMs): Finding[];
  /** The alarms that `findings` counted are in a commit. */
  taken(): void;
  forget(target: TargetKey): void;
  readonly series: number;
  /** Series beyond the bounds, not learned. */
  readonly refused: number;
  /** Means judged so far. */
  readonly judged: number;
}

interface Alarm {
  readonly at: TimeMs;
  unusualAt: TimeMs;
  readonly score: number;
  readonly value: number;
  /** The value farthest from what was expected so far: the first mean may hold only the beginning of it. */
  farthest: number;
  /** Means in a row, the first included, that were unusual. */
  run: number;
  readonly expected: readonly [number, number];
  readonly why: string;
}

interface Series extends Unit {
  readonly metric: string;
  readonly family: string;
  /** Spreads the ends of buckets, so that ten thousand series do not come due in one instant. */
  readonly phaseMs: number;
  readonly detector: AnomalyDetector;
  firstAt: TimeMs;
  bucket: number;
  sum: number;
  count: number;
  alarm: Alarm | null;
}

interface Saved {
  readonly firstAt: TimeMs;
  readonly detector: AnomalySnapshot;
}

export function newAnomalies(
  options: { readonly learnMs: () => number; readonly seriesMax?: number },
  saver: Saver,
  saved: ReadonlyMap<string, Learned>,
): Anomalies {
  const targets = new Map<TargetKey, Map<string, Series>>();
  const fresh = new Map<TargetKey, number>();
  const most = options.seriesMax ?? seriesMax;
  let series = 0;
  let refused = 0;
  let judged = 0;

  function make(target: TargetKey, metric: string, at: TimeMs): Series {
    const id = `metric ${target} ${metric}`;
    const known = saved.get(id)?.state;
    const { firstAt, detector } = restored<{ firstAt: TimeMs; detector: AnomalyDetector }>(
      known,
      (state: Saved) => ({ firstAt: state.firstAt, detector: anomaly(state.detector) }),
      () => ({ firstAt: at, detector: anomaly() }),
    );
    return {
      id,
      metric,
      family: familyOf(metric),
      phaseMs: phaseOf(id),
      detector,
      firstAt,
      bucket: Number.NEGATIVE_INFINITY,
      sum: 0,
      count: 0,
      alarm: null,
      state: (): Saved => ({ firstAt, detector: detector.snapshot() }),
    };
  }

  function judge(target: TargetKey, each: Series): void {
    const at = each.bucket * bucketMs + each.phaseMs + bucketMs;
    const verdict = each.detector.update({ at, value: each.sum / each.count });
    each.sum = 0;
    each.count = 0;
    judged += 1;
    saver.changed(each);
    const alarm = each.alarm;
    if (alarm !== null) {
      if (verdict.surprise >= surpriseKept) {
        if (at - alarm.unusualAt <= bucketMs) alarm.run += 1;
        alarm.unusualAt = at;
        alarm.farthest = farther(alarm, verdict.value);
      }
      if (at - alarm.unusualAt > calmMs || at - alarm.at > alarmMsMax) each.alarm = null;
    }
    if (!verdict.anomalous || at - each.firstAt < options.learnMs()) return;
    const { score, value, expected, why } = verdict;
    if (!isWorthAWord(each.family, value, expected)) return;
    // The first alarm of a run says best what changed; a later one of the same run only keeps it going.
    if (each.alarm === null || score > each.alarm.score) {
      if (each.alarm === null) fresh.set(target, (fresh.get(target) ?? 0) + 1);
      each.alarm = { at, unusualAt: at, score, value, farthest: value, run: 1, expected, why };
    }
  }

  return {
    take(target, at, values, settled) {
      const own = targets.get(target) ?? new Map<string, Series>();
      targets.set(target, own);
      for (const metric of Object.keys(values)) {
        const value = values[metric]!;
        if (!Number.isFinite(value)) continue;
        let each = own.get(metric);
        if (each === undefined) {
          if (own.size >= metricsMax || series >= most) {
            refused += 1;
            continue;
          }
          each = make(target, metric, at);
          own.set(metric, each);
          series += 1;
        }
        const bucket = Math.floor((at - each.phaseMs) / bucketMs);
        if (bucket > each.bucket) {
          if (each.count > 0) judge(target, each);
          each.bucket = bucket;
        }
        if (!settled) {
          each.sum = 0;
          each.count = 0;
          each.alarm = null;
          continue;
        }
        each.sum += value;
        each.count += 1;
      }
    },
    findings(target, now) {
      const firing: Series[] = [];
      for (const each of targets.get(target)?.values() ?? [])
        // A series that stopped coming is no longer unusual, it is unknown.
        if (each.alarm !== null && now - each.alarm.unusualAt <= calmMs + 2 * bucketMs) firing.push(each);
      const finding = found(target, now, firing);
      return finding === null ? [] : [{ ...finding, events: fresh.get(target) ?? 0 }];
    },
    taken: () => fresh.clear(),
    forget(target) {
      for (const each of targets.get(target)?.values() ?? []) saver.forget(each.id);
      series -= targets.get(target)?.size ?? 0;
      targets.delete(target);
      fresh.delete(target);
    },
    get series() {
      return series;
    },
    get refused() {
      return refused;
    },
    get judged() {
      return judged;
    },
  };
}

function found(target: TargetKey, now: TimeMs, firing: readonly Series[]): Finding | null {
  const alarms = firing
    .flatMap((each) => (each.alarm === null ? [] : [{ ...each.alarm, metric: each.metric, family: each.family }]))
    .sort((a, b) => b.score - a.score || a.at - b.at);
  const strongest = alarms[0];
  if (strongest === undefined) return null;
  const best = new Map<string, number>();
  for (const { family, score } of alarms) best.set(family, Math.max(score, best.get(family) ?? 0));
  if (best.size < 2 && !alarms.some((alarm) => alarm.score >= aloneScore && alarm.run >= runMin)) return null;
  const certain = [...best.values()].filter((score) => score >= aloneScore).length;
  const isFelt = [...best].some(([family, score]) => felt.has(family) && score >= aloneScore);
  const others = alarms.length - 1;
  return {
    target,
    kind: "anomaly",
    distinguisher: "",
    // Corroboration raises it, and never above medium: a false alarm costs a look.
    severity: certain >= 3 || (certain >= 2 && isFelt) ? "medium" : "low",
    class: "fault",
    summary: `${strongest.metric} of ${target} is unusual: ${described(strongest)}${others === 0 ? "" : `; and ${others} more metric${others === 1 ? "" : "s"}`}`,
    beganAt: Math.min(...alarms.map((alarm) => alarm.at)) - bucketMs,
    detectedAt: now,
    certainty: "inferred",
    down: false,
    ripe: false,
    events: 0,
    evidence: alarms.slice(0, evidenceMax).map((alarm): Evidence => ({
      at: alarm.at,
      what: "sample",
      summary: `${alarm.metric}: ${alarm.why}`.slice(0, 300),
      data: {
        metric: alarm.metric,
        value: alarm.value,
        farthest: alarm.farthest,
        expected: [...alarm.expected],
        score: alarm.score,
      },
    })),
  };
}

/** Less of these than ever is good news. */
const betterLow: ReadonlySet<string> = new Set([...felt, "memory", "handles"]);

/** Good news is none; a difference that nobody would see is none. */
function isWorthAWord(family: string, value: number, [low, high]: readonly [number, number]): boolean {
  if (betterLow.has(family) && value <= high) return false;
  const distance = value > high ? value - high : value < low ? low - value : 0;
  // Inside the range it is its course or its time of day that is unusual.
  return distance === 0 || distance >= distanceShareMin * Math.max(Math.abs(low), Math.abs(high));
}

function described({ farthest, expected: [low, high] }: Pick<Alarm, "farthest" | "expected">): string {
  return `${readable(farthest)} where ${readable(low)} to ${readable(high)} is usual`;
}

function farther({ farthest, expected: [low, high] }: Alarm, value: number): number {
  const middle = (low + high) / 2;
  return Math.abs(value - middle) > Math.abs(farthest - middle) ? value : farthest;
}

export function readable(value: number): string {
  return String(Number(value.toPrecision(4)));
}

/** A stable number below `bucketMs` from a text. */
function phaseOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return (hash >>> 0) % bucketMs;
}
