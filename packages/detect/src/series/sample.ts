// The input every detector of this folder takes: one number at one time. What a series measures is the caller's affair.

/** One observation of a series. */
export interface Sample {
  /** When it was measured, ms since the epoch. Samples at or before the last accepted one are ignored and counted. */
  readonly at: number;
  /** What was measured. Anything that is not a finite number is ignored and counted. */
  readonly value: number;
}

/** Throws a RangeError that names the option, the rule and what it was; for the options of a detector. */
export function requireOption(holds: boolean, option: string, rule: string, actual: unknown): void {
  if (!holds) throw new RangeError(`${option} must be ${rule}, not ${String(actual)}: correct the detector's options`);
}

/** A number as a person reads it: at most five significant digits. */
export function readable(value: number): string {
  return String(Number(value.toPrecision(5)));
}
