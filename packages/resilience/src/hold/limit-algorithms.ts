// Rules that find how much concurrency a dependency bears, from latency and drops alone. Pure: a sample in, the new
// limit out. AIMD, Gradient2 and Vegas are those of Netflix/concurrency-limits and give its numbers exactly.

export interface LimitSample {
  /** Time the call took, in ms. */
  readonly rttMs: number;
  /** Calls in flight when it started, itself included. */
  readonly inflight: number;
  /** Whether it was dropped: timed out, refused or shed by the dependency. */
  readonly dropped: boolean;
}

export interface LimitAlgorithm {
  /** Limit before the first sample. */
  readonly initial: number;
  /** The limit after this sample; a whole number. */
  update(sample: LimitSample): number;
}

export interface LimitBounds {
  /** Limit before the first sample (default 20). */
  readonly initial?: number;
  /** Lowest limit (default 4; Vegas: 1). */
  readonly min?: number;
  /** Highest limit (default 200). */
  readonly max?: number;
}

/** A call too quick for the clock counts as this long, in ms: ratios of latencies stay finite. */
const rttMsMin = 0.001;

export interface AimdOptions extends LimitBounds {
  /** Factor after a drop (default 0.9). */
  readonly backoffRatio?: number;
  /** A call slower than this counts as dropped, in ms (default 5,000). */
  readonly timeoutMs?: number;
}

/** Additive increase, multiplicative decrease (Chiu and Jain 1989): +1 while at least half used, x ratio on a drop. */
export function aimd(options: AimdOptions = {}): LimitAlgorithm {
  const { initial = 20, min = 4, max = 200, backoffRatio = 0.9, timeoutMs = 5000 } = options;
  let limit = initial;
  return {
    initial,
    update({ rttMs, inflight, dropped }) {
      if (dropped || rttMs > timeoutMs) limit = Math.trunc(limit * backoffRatio);
      else if (inflight * 2 >= limit) limit += 1;
      limit = Math.min(max, Math.max(min, limit));
      return limit;
    },
  };
}

export interface Gradient2Options extends LimitBounds {
  /** Weight of a new estimate (default 0.2). */
  readonly smoothing?: number;
  /** Queue that is always allowed for, in calls (default 4). */
  readonly queueSize?: number;
  /** Samples in the long average of the latency (default 600). */
  readonly longWindow?: number;
  /** Slow-down that is not yet seen as a queue (default 1.5: half again as slow). */
  readonly tolerance?: number;
  /**
   * Factor after a drop (default 0.9); 1 is the faithful mode, which ignores drops as the original does
   * (concurrency-limits#134: under overload that is refused quickly, ignoring drops lets the limit rise).
   */
  readonly backoffRatio?: number;
}

/** Samples in the plain average with which the long average begins. */
const warmUp = 10;

/** Compares the latency with its own long average: the limit falls as the gradient of the two does. */
export function gradient2(options: Gradient2Options = {}): LimitAlgorithm {
  const { initial = 20, min = 4, max = 200, smoothing = 0.2, queueSize = 4, longWindow = 600 } = options;
  const { tolerance = 1.5, backoffRatio = 0.9 } = options;
  const weight = 2 / (longWindow + 1);
  let limit = initial;
  let samples = 0;
  let sum = 0;
  let longRtt = 0;
  return {
    initial,
    update({ rttMs: measuredMs, inflight, dropped }) {
      const rttMs = Math.max(measuredMs, rttMsMin);
      if (dropped && backoffRatio < 1) {
        // A drop's latency says nothing about the queue: refused calls are quick.
        limit = Math.max(min, limit * backoffRatio);
        return Math.trunc(limit);
      }
      if (samples < warmUp) {
        samples += 1;
        sum += rttMs;
        longRtt = sum / samples;
      } else longRtt = longRtt * (1 - weight) + rttMs * weight;
      const long = longRtt;
      // After a slow time the long average is far too high; let it come down faster than by samples alone.
      if (long / rttMs > 2) longRtt *= 0.95;
      if (inflight < limit / 2) return Math.trunc(limit);
      const gradient = Math.max(0.5, Math.min(1, (tolerance * long) / rttMs));
      const wanted = limit * (1 - smoothing) + (limit * gradient + queueSize) * smoothing;
      limit = Math.max(min, Math.min(max, wanted));
      return Math.trunc(limit);
    },
  };
}

export interface VegasOptions extends LimitBounds {
  /** Weight of a new estimate (default 1). */
  readonly smoothing?: number;
  /** The quickest latency is measured anew after about this many samples per unit of the limit (default 30; Infinity: never). */
  readonly probeMultiplier?: number;
  /** Chance in [0, 1) that spreads the probes of many clients (default: none, 0.5). */
  readonly random?: () => number;
}

/** TCP Vegas (Brakmo and Peterson 1995): estimates the queue from the quickest latency seen. */
export function vegas(options: VegasOptions = {}): LimitAlgorithm {
  const { initial = 20, min = 1, max = 200, smoothing = 1, probeMultiplier = 30, random = () => 0.5 } = options;
  let limit = initial;
  let quickest = 0;
  let sinceProbe = 0;
  let jitter = 0.5 + random() / 2;
  return {
    initial,
    update({ rttMs: measuredMs, inflight, dropped }) {
      const rttMs = Math.max(measuredMs, rttMsMin);
      sinceProbe += 1;
      if (jitter * probeMultiplier * limit <= sinceProbe) {
        jitter = 0.5 + random() / 2;
        sinceProbe = 0;
        quickest = rttMs;
        return Math.trunc(limit);
      }
      if (quickest === 0 || rttMs < quickest) {
        quickest = rttMs;
        return Math.trunc(limit);
      }
      const wanted = next(limit, Math.ceil(limit * (1 - quickest / rttMs)), inflight, dropped);
      if (wanted !== undefined) limit = (1 - smoothing) * limit + smoothing * Math.max(min, Math.min(max, wanted));
      return Math.trunc(limit);
    },
  };
}

/** Vegas: the wanted limit for a queue of that length; undefined to leave it. */
function next(limit: number, queue: number, inflight: number, dropped: boolean): number | undefined {
  const step = Math.max(1, Math.trunc(Math.log10(Math.max(1, Math.trunc(limit)))));
  if (dropped) return limit - step;
  if (inflight * 2 < limit) return undefined;
  if (queue <= step) return limit + 6 * step;
  if (queue < 3 * step) return limit + step;
  if (queue > 6 * step) return limit - step;
  return undefined;
}
