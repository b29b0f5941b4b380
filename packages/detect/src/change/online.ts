// Change points of a stream: tells, a few samples after it happened, when a series moved to another level for good.
// Two-sided CUSUM (Page 1954) over clipped residuals of a robust baseline, then the most likely split of the recent
// samples says when. Bounded memory, no clock. A spike is no change: it comes back before the sum is high enough.

export interface StreamChangeOptions {
  /** Samples that make a baseline, at the start and after each change. Default 40. */
  readonly baseline?: number;
  /** Recent samples kept to place a change. Default 240: a change that takes longer to confirm is placed at their start. */
  readonly window?: number;
  /** Height of the CUSUM in deviations. Default 12: about 5 samples of a large change, more of a small one. */
  readonly threshold?: number;
  /** Smallest change worth telling, as a share of the baseline's level. Default 0: any that stands out from the noise. */
  readonly shareMin?: number;
}

/** The series moved: `atMs` is the first sample of the new level, `toldMs` the sample that confirmed it. */
export interface StreamChange {
  readonly atMs: number;
  readonly toldMs: number;
  readonly direction: "rose" | "fell";
  readonly before: number;
  readonly after: number;
  /** Size of the move in deviations of the baseline. */
  readonly deviations: number;
}

interface Sample {
  readonly timeMs: number;
  readonly value: number;
}

export interface StreamChangeSnapshot {
  readonly version: 1;
  readonly recent: readonly Sample[];
  readonly baseline: Baseline | null;
  readonly up: number;
  readonly down: number;
  readonly learned: number;
  readonly lastMs: number | null;
  readonly ignored: number;
}

interface Baseline {
  readonly level: number;
  readonly deviation: number;
  /** Correlation of neighbouring residuals; the threshold grows with it. */
  readonly echo: number;
  readonly lastResidual: number;
}

export interface StreamChangeDetector {
  /** The change that this sample confirms, or null. Samples that are not finite or not newer are counted and ignored. */
  update(timeMs: number, value: number): StreamChange | null;
  ignored(): number;
  snapshot(): StreamChangeSnapshot;
}

const CLIP = 4;
const ALLOWANCE = 0.75;
const FORGETTING = 0.01;
// A residual deviation below this share of the level is rounding, not noise.
const DEVIATION_SHARE_MIN = 1e-3;
const ECHO_MAX = 0.9;
// With fewer samples left from before the change, the baseline says where it came from.
const BEFORE_MIN = 8;

export function streamChanges(options: StreamChangeOptions = {}, from?: StreamChangeSnapshot): StreamChangeDetector {
  const { baseline: learn = 40, window = 240, threshold = 12, shareMin = 0 } = options;
  if (!(learn >= 8)) throw new RangeError(`baseline must be at least 8 samples, not ${learn}`);
  if (!(window >= learn))
    throw new RangeError(`window must be at least the baseline's ${learn} samples, not ${window}`);
  if (!(threshold > 0)) throw new RangeError(`threshold must be above 0, not ${threshold}`);
  let recent: Sample[] = from === undefined ? [] : [...from.recent];
  let { baseline, up, down, learned, lastMs, ignored } = from ?? {
    baseline: null,
    up: 0,
    down: 0,
    learned: 0,
    lastMs: null,
    ignored: 0,
  };

  function confirmed(known: Baseline, toldMs: number): StreamChange | null {
    const values = recent.map((sample) => sample.value);
    const split = likeliestSplit(values, known.level, up >= down);
    const after = median(values.slice(split));
    const before = split >= BEFORE_MIN ? median(values.slice(0, split)) : known.level;
    // Learning starts again from the samples of the new level, whether or not the move is worth telling.
    recent = recent.slice(split);
    learned = recent.length;
    [baseline, up, down] = [null, 0, 0];
    const move = Math.abs(after - before);
    if (move < shareMin * Math.abs(before) || move < known.deviation) return null;
    return {
      atMs: (recent[0] as Sample).timeMs,
      toldMs,
      direction: after > before ? "rose" : "fell",
      before,
      after,
      deviations: move / known.deviation,
    };
  }

  return {
    update(timeMs, value) {
      if (!Number.isFinite(timeMs) || !Number.isFinite(value) || (lastMs !== null && timeMs <= lastMs)) {
        ignored++;
        return null;
      }
      lastMs = timeMs;
      recent.push({ timeMs, value });
      if (recent.length > window) recent.shift();
      learned++;
      if (baseline === null) {
        if (learned >= learn) baseline = baselineOf(recent.map((sample) => sample.value));
        return null;
      }
      const residual = Math.max(-CLIP, Math.min(CLIP, (value - baseline.level) / baseline.deviation));
      up = Math.max(0, up + residual - ALLOWANCE);
      down = Math.max(0, down - residual - ALLOWANCE);
      const echo = Math.max(0, Math.min(ECHO_MAX, baseline.echo));
      if (Math.max(up, down) >= (threshold * (1 + echo)) / (1 - echo)) return confirmed(baseline, timeMs);
      baseline = learnedFrom(baseline, residual);
      return null;
    },
    ignored: () => ignored,
    snapshot: () => ({ version: 1, recent: [...recent], baseline, up, down, learned, lastMs, ignored }),
  };
}

function baselineOf(values: readonly number[]): Baseline {
  const level = median(values);
  const spread = median(values.map((value) => Math.abs(value - level))) * 1.4826;
  const whole = Math.max(...values.map((value) => Math.abs(value - level)));
  // Mostly equal values have no spread; a few that differ still say what is usual.
  const deviation = Math.max(spread, whole / 6, DEVIATION_SHARE_MIN * Math.abs(level), Number.MIN_VALUE * 1e9);
  const residuals = values.map((value) => Math.max(-CLIP, Math.min(CLIP, (value - level) / deviation)));
  const power = residuals.reduce((sum, residual) => sum + residual * residual, 0);
  const product = residuals.reduce((sum, residual, i) => sum + residual * (residuals[i - 1] ?? 0), 0);
  return { level, deviation, echo: power === 0 ? 0 : product / power, lastResidual: residuals.at(-1) ?? 0 };
}

/** The baseline follows slow drift; a residual beyond the clip teaches no more than one at the clip. */
function learnedFrom(known: Baseline, residual: number): Baseline {
  const clipped = known.level + residual * known.deviation;
  const deviation = known.deviation + FORGETTING * (1.2533 * Math.abs(clipped - known.level) - known.deviation);
  return {
    level: known.level + FORGETTING * (clipped - known.level),
    deviation: Math.max(deviation, DEVIATION_SHARE_MIN * Math.abs(known.level), Number.MIN_VALUE * 1e9),
    echo: known.echo + FORGETTING * (Math.max(-1, Math.min(1, residual * known.lastResidual)) - known.echo),
    lastResidual: residual,
  };
}

/** The split after which the values lie furthest, and longest, on the far side of the old level. */
function likeliestSplit(values: readonly number[], level: number, rose: boolean): number {
  let [sum, best, split] = [0, 0, values.length - 1];
  for (let at = values.length - 1; at > 0; at--) {
    sum += (rose ? 1 : -1) * ((values[at] as number) - level);
    const count = values.length - at;
    const gain = sum <= 0 ? 0 : (sum * sum) / count;
    if (gain > best) [best, split] = [gain, at];
  }
  return split;
}

function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] as number;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] as number) + upper) / 2;
}
