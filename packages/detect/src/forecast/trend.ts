// Straight and bent lines through every suffix of a timeline, and what each of them says about a limit ahead.
// Least squares from running sums: all suffixes together cost one pass. Knows nothing of alerts; exhaustion.ts decides.
import type { Bin } from "./timeline.ts";

/** The most recent stretch of a series from `start` until now, and how well a trend describes it. */
export interface Trend {
  readonly start: number;
  readonly age: number;
  /** Number of bins before the stretch. */
  readonly before: number;
  /** Share of the variance that a straight line explains, and that a parabola explains: 0 to 1. */
  readonly straight: number;
  readonly bent: number;
  /** Value now by the parabola, rise over the stretch by the line, standard deviation around the parabola. */
  readonly level: number;
  readonly rise: number;
  readonly deviation: number;
  /** Time until the fitted curve, plus an envelope of `envelope` deviations, meets the limit; Infinity if it never does. */
  readonly timeToLimit: number;
}

export interface TrendOptions {
  readonly limit: number;
  readonly ageMin: number;
  /** Deviations above the curve at which the limit counts as met: noise reaches it before the curve does. */
  readonly envelope: number;
}

const BINS_MIN = 8;

/** All suffixes of at least 8 bins and `ageMin`, the shortest first. `now` is the time of the newest sample. */
export function trends(bins: readonly Bin[], now: number, options: TrendOptions): Trend[] {
  const newest = bins.at(-1);
  const oldest = bins[0];
  if (newest === undefined || oldest === undefined) return [];
  const found: Trend[] = [];
  const span = Math.max(now - oldest.time, 1e-9);
  const origin = newest.mean;
  const sums = new Float64Array(9);
  for (let at = bins.length - 1; at >= 0; at--) {
    const { time, mean, count } = bins[at] as Bin;
    const x = (time - now) / span;
    add(sums, x, mean - origin, count);
    const age = now - time;
    if (bins.length - at < BINS_MIN || age < options.ageMin) continue;
    const curve = fit(sums, age / span);
    if (curve === null) continue;
    const deviation = Math.sqrt(curve.errors / (sums[0] as number));
    const reach = timeUntil(curve, options.limit - origin - options.envelope * deviation);
    found.push({
      start: time,
      age,
      before: at,
      straight: curve.straight,
      bent: curve.bent,
      level: origin + (curve.line.value + curve.parabola.value) / 2,
      rise: (curve.line.slope * age) / span,
      deviation,
      timeToLimit: reach * span,
    });
  }
  return found;
}

interface Curve {
  /** Length of the stretch, in units of the whole span; now is 0, the stretch begins at -length. */
  readonly length: number;
  readonly line: { readonly value: number; readonly slope: number };
  readonly parabola: { readonly value: number; readonly slope: number; readonly bend: number };
  readonly straight: number;
  readonly bent: number;
  readonly errors: number;
}

function add(sums: Float64Array, x: number, y: number, weight: number): void {
  const [wx, wy] = [weight * x, weight * y];
  const wxx = wx * x;
  const terms = [weight, wx, wxx, wxx * x, wxx * x * x, wy, wx * y, wxx * y, wy * y];
  terms.forEach((term, at) => (sums[at] = (sums[at] as number) + term));
}

function fit(sums: Float64Array, length: number): Curve | null {
  const [s0, s1, s2, s3, s4, y0, y1, y2, yy] = sums as unknown as Sums;
  const total = yy - (y0 * y0) / s0;
  const spread = s0 * s2 - s1 * s1;
  const minor = s2 * s4 - s3 * s3;
  const determinant = s0 * minor - s1 * (s1 * s4 - s2 * s3) + s2 * (s1 * s3 - s2 * s2);
  if (!(total > 0) || !(spread > 0) || !(determinant > 0)) return null;
  const slope = (s0 * y1 - s1 * y0) / spread;
  const line = { value: (y0 - slope * s1) / s0, slope };
  const parabola = {
    value: (y0 * minor - s1 * (y1 * s4 - y2 * s3) + s2 * (y1 * s3 - y2 * s2)) / determinant,
    slope: (s0 * (y1 * s4 - y2 * s3) - y0 * (s1 * s4 - s2 * s3) + s2 * (s1 * y2 - s2 * y1)) / determinant,
    bend: (s0 * (s2 * y2 - s3 * y1) - s1 * (s1 * y2 - s2 * y1) + y0 * (s1 * s3 - s2 * s2)) / determinant,
  };
  const lineErrors = Math.max(0, yy - line.value * y0 - slope * y1);
  const errors = Math.max(1e-12 * total, yy - parabola.value * y0 - parabola.slope * y1 - parabola.bend * y2);
  return { length, line, parabola, straight: 1 - lineErrors / total, bent: 1 - errors / total, errors };
}

type Sums = [number, number, number, number, number, number, number, number, number];

// Share of the variance a bend must explain before the straight line is given up.
const BEND_SHARE_MIN = 0.003;
const BEND_GAIN_MIN = 0.3;
// Below this ratio of the second half's rise to the first half's, the curve counts as levelling off.
const LEVELLING_RATIO = 0.97;

/** Time, in the curve's units, until the value meets `limit`. */
function timeUntil(curve: Curve, limit: number): number {
  const { line, parabola, length } = curve;
  if (curve.bent - curve.straight < BEND_GAIN_MIN * (1 - curve.bent) + BEND_SHARE_MIN)
    return line.slope > 0 ? Math.max(0, (limit - line.value) / line.slope) : Infinity;
  const gap = limit - parabola.value;
  if (gap <= 0) return 0;
  const half = length / 2;
  const lateRise = half * (parabola.slope - parabola.bend * half);
  const earlyRise = half * (parabola.slope - 3 * parabola.bend * half);
  if (lateRise <= 0) return Infinity;
  const ratio = earlyRise > 0 ? lateRise / earlyRise : Infinity;
  if (ratio < LEVELLING_RATIO) return levellingOff(lateRise, ratio, half, gap);
  if (parabola.bend <= 1e-12 * Math.abs(parabola.slope)) return gap / parabola.slope;
  const root = Math.sqrt(parabola.slope ** 2 + 4 * parabola.bend * gap);
  return (2 * gap) / (parabola.slope + root);
}

/** An exponential approach: each further half rises `ratio` times the one before, so the rest has a sum, maybe too small. */
function levellingOff(lateRise: number, ratio: number, half: number, gap: number): number {
  const rest = (lateRise * ratio) / (1 - ratio);
  return rest <= gap ? Infinity : (half * Math.log(1 - gap / rest)) / Math.log(ratio);
}
