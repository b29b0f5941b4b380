// Two levels with hysteresis: fires beyond one, clears behind the other.
import { readable, requireOption } from "./sample.ts";

export interface Bounds {
  /** Fires above this. Give `above` or `below`, or both for a band that must not be left. */
  readonly above?: number;
  /** Fires below this. */
  readonly below?: number;
  /** Clears only at or under this (default `above`); between the two the alarm stays as it is. */
  readonly clearAbove?: number;
  /** Clears only at or over this (default `below`). */
  readonly clearBelow?: number;
}

export function requireBounds(bounds: Bounds): void {
  const { above, below, clearAbove = above, clearBelow = below } = bounds;
  requireOption(above !== undefined || below !== undefined, "above or below", "given", undefined);
  for (const [name, level] of Object.entries({ above, below, clearAbove, clearBelow }))
    requireOption(level === undefined || Number.isFinite(level), name, "a finite number", level);
  if (clearAbove !== undefined)
    requireOption(above !== undefined && clearAbove <= above, "clearAbove", "at most `above`", clearAbove);
  if (clearBelow !== undefined)
    requireOption(below !== undefined && clearBelow >= below, "clearBelow", "at least `below`", clearBelow);
  if (above !== undefined && below !== undefined) requireOption(below < above, "below", "less than `above`", below);
}

export function compare(
  value: number,
  { above = Infinity, below = -Infinity, clearAbove = above, clearBelow = below }: Bounds,
) {
  const fires = value > above || value < below;
  return { fires, clears: !fires && value <= clearAbove && value >= clearBelow };
}

/** "12 is above 10", "3 is within its bounds". */
export function describe(value: number, { above, below }: Bounds, what = ""): string {
  const measured = `${what}${readable(value)}`;
  if (above !== undefined && value > above) return `${measured} is above ${readable(above)}`;
  if (below !== undefined && value < below) return `${measured} is below ${readable(below)}`;
  return `${measured} is within its bounds`;
}
