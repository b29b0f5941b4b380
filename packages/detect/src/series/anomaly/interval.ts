// The usual time between two points: a running median of the gaps on a ratio scale, O(1), deaf to single long gaps.

export interface IntervalSnapshot {
  readonly usualMs: number;
  readonly gaps: number;
}

export class Interval {
  #usualMs: number;
  #gaps: number;

  constructor(from?: IntervalSnapshot) {
    this.#usualMs = from?.usualMs ?? 0;
    this.#gaps = from?.gaps ?? 0;
  }

  /** The usual gap after `gapMs` (more than 0) was seen; 0 before the first gap. */
  observe(gapMs: number): number {
    this.#gaps++;
    if (this.#usualMs === 0) this.#usualMs = gapMs;
    const step = 1 + Math.max(0.01, 0.3 / this.#gaps);
    if (gapMs > this.#usualMs * 1.001) this.#usualMs *= step;
    else if (gapMs < this.#usualMs / 1.001) this.#usualMs /= step;
    return this.#usualMs;
  }

  snapshot(): IntervalSnapshot {
    return { usualMs: this.#usualMs, gaps: this.#gaps };
  }
}
