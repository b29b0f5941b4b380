// Windows over which a breaker judges by rates instead of by failures in a row. Totals are kept beside the window, so a
// record costs the same whatever its length; after a pause longer than a time window nothing old is left (semantics of
// resilience4j's sliding windows).
import { BadOptionError } from "../errors.ts";
import type { System } from "../system.ts";

/** What one breaker has counted. */
export interface Tally {
  /** Counts a call; returns why the breaker should open ("failure-rate", "slow-rate"), or undefined. */
  record(failure: boolean, slow: boolean, system: System): string | undefined;
  reset(): void;
}

/** A rule that a breaker follows; may be given to many breakers, each counts for itself. */
export interface BreakerWindow {
  /** Calls at least this long, in ms, are slow; undefined when durations do not matter. */
  readonly slowMs?: number | undefined;
  start(): Tally;
}

export interface WindowRates {
  /** Share of failed calls, above 0 up to 1, that opens the breaker (default 0.5). */
  readonly failureRate?: number;
  /** Share of slow calls, above 0 up to 1, that opens it (default 1). Only with `slowMs`. */
  readonly slowRate?: number;
  /** Calls that take at least this long are slow, in ms (default: durations are not measured). */
  readonly slowMs?: number;
  /** Calls in the window below which nothing is decided (default: 10, or `calls` if that is fewer). */
  readonly callsMin?: number;
}

export interface CountWindowOptions extends WindowRates {
  /** The last so many calls are judged (default 100, at most 1,000,000). One byte each. */
  readonly calls?: number;
}

export interface TimeWindowOptions extends WindowRates {
  /** Calls of the last so many ms are judged (default 60,000). */
  readonly windowMs?: number;
  /** Buckets that the window is cut into (default 10, at most 1,000): old calls leave a bucket at a time. */
  readonly buckets?: number;
}

/** Judges the last `calls` calls. */
export function countWindow(options: CountWindowOptions = {}): BreakerWindow {
  const size = ranged("calls", options.calls ?? 100, 1, 1_000_000, true);
  const rule = rates(options, Math.min(10, size), size);
  return { slowMs: options.slowMs, start: () => countTally(size, rule) };
}

/** Judges the calls of the last `windowMs`. */
export function timeWindow(options: TimeWindowOptions = {}): BreakerWindow {
  const windowMs = ranged("windowMs", options.windowMs ?? 60_000, 1, Number.MAX_SAFE_INTEGER);
  const buckets = ranged("buckets", options.buckets ?? 10, 1, 1000, true);
  const rule = rates(options, 10, Number.MAX_SAFE_INTEGER);
  return { slowMs: options.slowMs, start: () => timeTally(windowMs / buckets, buckets, rule) };
}

interface Totals {
  calls: number;
  failures: number;
  slow: number;
}
type Rule = (totals: Totals) => string | undefined;

function rates(options: WindowRates, callsMinDefault: number, callsMinMax: number): Rule {
  const failureRate = ranged("failureRate", options.failureRate ?? 0.5, Number.MIN_VALUE, 1);
  const slowRate = ranged("slowRate", options.slowRate ?? 1, Number.MIN_VALUE, 1);
  const callsMin = ranged("callsMin", options.callsMin ?? callsMinDefault, 1, callsMinMax);
  const judgesSlow = options.slowMs !== undefined;
  if (judgesSlow) ranged("slowMs", options.slowMs, 0, Number.MAX_SAFE_INTEGER);
  return ({ calls, failures, slow }) => {
    if (calls < callsMin) return undefined;
    if (failures >= failureRate * calls) return "failure-rate";
    return judgesSlow && slow >= slowRate * calls ? "slow-rate" : undefined;
  };
}

const failureBit = 1;
const slowBit = 2;

function countTally(size: number, rule: Rule): Tally {
  const ring = new Uint8Array(size);
  const totals: Totals = { calls: 0, failures: 0, slow: 0 };
  let at = 0;
  return {
    record(failure, slow) {
      if (totals.calls < size) totals.calls += 1;
      else {
        const old = ring[at] ?? 0;
        totals.failures -= old & failureBit;
        totals.slow -= (old & slowBit) >> 1;
      }
      ring[at] = (failure ? failureBit : 0) | (slow ? slowBit : 0);
      totals.failures += Number(failure);
      totals.slow += Number(slow);
      at = at + 1 === size ? 0 : at + 1;
      return rule(totals);
    },
    reset() {
      totals.calls = totals.failures = totals.slow = at = 0;
    },
  };
}

function timeTally(bucketMs: number, buckets: number, rule: Rule): Tally {
  const ring: Totals[] = Array.from({ length: buckets }, () => ({ calls: 0, failures: 0, slow: 0 }));
  const totals: Totals = { calls: 0, failures: 0, slow: 0 };
  let current = 0;
  const forget = (bucket: Totals): void => {
    totals.calls -= bucket.calls;
    totals.failures -= bucket.failures;
    totals.slow -= bucket.slow;
    bucket.calls = bucket.failures = bucket.slow = 0;
  };
  return {
    record(failure, slow, system) {
      const now = Math.floor(system.now() / bucketMs);
      for (let gone = Math.min(now - current, buckets); gone > 0; gone -= 1) {
        forget(ring[(now - gone + 1) % buckets] as Totals);
      }
      current = now;
      const bucket = ring[now % buckets] as Totals;
      for (const each of [bucket, totals]) {
        each.calls += 1;
        each.failures += Number(failure);
        each.slow += Number(slow);
      }
      return rule(totals);
    },
    reset() {
      for (const bucket of ring) forget(bucket);
    },
  };
}

function ranged(field: string, value: unknown, min: number, max: number, whole = false): number {
  if (typeof value !== "number" || !(value >= min && value <= max) || (whole && !Number.isInteger(value)))
    throw new BadOptionError("breaker window", field, value, `a ${whole ? "whole " : ""}number from ${min} to ${max}`);
  return value;
}
