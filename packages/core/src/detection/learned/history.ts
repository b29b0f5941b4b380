// The recent past of every metric, in memory: ten minutes as they came and two hours by minute. For charts, change points
// and causes. One column of times per source, so a number costs eight bytes; a series about 5 kB when full. Bounded by
// targets, metrics per target, and `seriesMax` over all.
import type { TargetKey, TimeMs } from "../../signal/index.ts";

/** Points kept as they came: ten minutes at one a second. */
export const rawPointsMax = 600;
export const minutesMax = 120;
/** Metrics kept per target; later names are not. */
export const metricsMax = 80;
/** Series over all targets; later ones are not kept and counted. */
export const seriesMax = 10_000;
const minuteMs = 60_000;

export interface Point {
  readonly at: TimeMs;
  readonly value: number;
}

export interface History {
  /** One source's values at one time; a source is "sample" or one check. Late ones are left out. */
  take(target: TargetKey, source: string, at: TimeMs, values: Readonly<Record<string, number>>): void;
  metrics(target: TargetKey): string[];
  /** As they came, oldest first, from <= at < to. */
  raw(target: TargetKey, metric: string, from: TimeMs, to: TimeMs): Point[];
  /** Means of whole minutes, oldest first, from <= at < to. */
  minutes(target: TargetKey, metric: string, from: TimeMs, to: TimeMs): Point[];
  forget(target: TargetKey): void;
  readonly series: number;
  readonly refused: number;
}

interface Source {
  readonly raw: Table;
  readonly minutes: Table;
  minute: TimeMs;
  readonly sums: Map<string, { sum: number; count: number }>;
}

export function newHistory(): History {
  const targets = new Map<TargetKey, Map<string, Source>>();
  const homes = new Map<TargetKey, Map<string, Source>>();
  let series = 0;
  let refused = 0;

  function admitted(target: TargetKey, source: Source, metric: string): boolean {
    const home = homes.get(target) ?? new Map<string, Source>();
    homes.set(target, home);
    const known = home.get(metric);
    if (known !== undefined) return known === source;
    if (home.size >= metricsMax || series >= seriesMax) {
      refused += 1;
      return false;
    }
    home.set(metric, source);
    series += 1;
    return true;
  }

  return {
    take(target, name, at, values) {
      const sources = targets.get(target) ?? new Map<string, Source>();
      targets.set(target, sources);
      let source = sources.get(name);
      if (source === undefined) {
        source = { raw: new Table(rawPointsMax), minutes: new Table(minutesMax), minute: 0, sums: new Map() };
        sources.set(name, source);
      }
      const minute = Math.floor(at / minuteMs) * minuteMs;
      if (minute > source.minute) {
        if (source.sums.size > 0)
          source.minutes.push(
            source.minute,
            [...source.sums].map(([metric, { sum, count }]) => [metric, sum / count] as const),
          );
        source.sums.clear();
        source.minute = minute;
      }
      const kept: (readonly [string, number])[] = [];
      for (const metric of Object.keys(values)) {
        const value = values[metric]!;
        if (!Number.isFinite(value) || !admitted(target, source, metric)) continue;
        kept.push([metric, value]);
        const running = source.sums.get(metric);
        if (running === undefined) source.sums.set(metric, { sum: value, count: 1 });
        else {
          running.sum += value;
          running.count += 1;
        }
      }
      source.raw.push(at, kept);
    },
    metrics: (target) => [...(homes.get(target)?.keys() ?? [])],
    raw: (target, metric, from, to) => homes.get(target)?.get(metric)?.raw.points(metric, from, to) ?? [],
    minutes: (target, metric, from, to) => homes.get(target)?.get(metric)?.minutes.points(metric, from, to) ?? [],
    forget(target) {
      series -= homes.get(target)?.size ?? 0;
      homes.delete(target);
      targets.delete(target);
    },
    get series() {
      return series;
    },
    get refused() {
      return refused;
    },
  };
}

/** A ring of rows: one column of times, one column per metric, NaN where a row does not have it. Grows up to its bound. */
class Table {
  readonly #rowsMax: number;
  #rows = 0;
  #next = 0;
  #times: Float64Array;
  readonly #columns = new Map<string, Float64Array>();
  #lastAt = -Infinity;

  constructor(rowsMax: number) {
    this.#rowsMax = rowsMax;
    this.#times = new Float64Array(Math.min(32, rowsMax));
  }

  push(at: TimeMs, row: readonly (readonly [metric: string, value: number])[]): void {
    if (at <= this.#lastAt || row.length === 0) return;
    this.#lastAt = at;
    if (this.#next === this.#times.length && this.#times.length < this.#rowsMax) this.#grow();
    const slot = this.#next % this.#times.length;
    this.#next = slot + 1;
    this.#rows = Math.min(this.#times.length, this.#rows + 1);
    this.#times[slot] = at;
    for (const column of this.#columns.values()) column[slot] = Number.NaN;
    for (const [metric, value] of row) {
      let column = this.#columns.get(metric);
      if (column === undefined) {
        column = new Float64Array(this.#times.length).fill(Number.NaN);
        this.#columns.set(metric, column);
      }
      column[slot] = value;
    }
  }

  points(metric: string, from: TimeMs, to: TimeMs): Point[] {
    const column = this.#columns.get(metric);
    if (column === undefined) return [];
    const size = this.#times.length;
    const first = this.#rows < size ? 0 : this.#next % size;
    const points: Point[] = [];
    for (let at = 0; at < this.#rows; at += 1) {
      const slot = (first + at) % size;
      const time = this.#times[slot]!;
      const value = column[slot]!;
      if (time >= from && time < to && !Number.isNaN(value)) points.push({ at: time, value });
    }
    return points;
  }

  /** Called only while the ring has not wrapped yet, so rows keep their places. */
  #grow(): void {
    const size = Math.min(this.#rowsMax, this.#times.length * 2);
    const wider = (old: Float64Array): Float64Array => {
      const fresh = new Float64Array(size).fill(Number.NaN);
      fresh.set(old);
      return fresh;
    };
    this.#times = wider(this.#times);
    for (const [metric, column] of this.#columns) this.#columns.set(metric, wider(column));
  }
}
