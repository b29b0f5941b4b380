// Series made here, with anomalies whose place is known: the fixed small benchmark that a score must not fall under.

export interface MadeSeries {
  readonly name: string;
  readonly intervalMs: number;
  readonly values: readonly number[];
  /** Rows of which one must alarm. */
  readonly windows: readonly (readonly [first: number, last: number])[];
}

/** A small seeded generator (mulberry32): uniform in [0, 1). */
export function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

export function normal(random: () => number): () => number {
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

type Shape = (random: () => number, intervalMs: number) => (row: number) => number;
type Fault = (row: number, first: number, value: number) => number;

const dayMs = 86_400_000;
const day = (row: number, intervalMs: number): number => Math.sin((2 * Math.PI * row * intervalMs) / dayMs);

const shapes: Record<string, Shape> = {
  noise: (random) => {
    const next = normal(random);
    return () => 100 + next();
  },
  daily: (random, intervalMs) => {
    const next = normal(random);
    return (row) => 50 + 30 * day(row, intervalMs) + next();
  },
  bursts: (random) => () => Math.floor(-8 * Math.log(1 - random()) * (random() < 0.02 ? 3 : 1)),
  wander: (random) => {
    const next = normal(random);
    let at = 0;
    return () => {
      at = 0.98 * at + next();
      return at;
    };
  },
  square: (random, intervalMs) => {
    const next = normal(random);
    return (row) => (day(row, intervalMs) > 0 ? 80 : 20) + next();
  },
};

const faults: Record<string, { readonly rows: number; readonly change: Fault }> = {
  spike: { rows: 3, change: (row, first, value) => (row === first ? value + 150 : value) },
  shift: { rows: 20, change: (_row, _first, value) => value + 60 },
  noisier: { rows: 30, change: (row, _first, value) => value + (row % 2 === 0 ? 40 : -40) },
};

/** Every shape with every fault at three intervals: 45 series, one fault each, late enough to have learned a few days. */
export function madeSeries(seed: number): MadeSeries[] {
  const made: MadeSeries[] = [];
  for (const [shapeName, shape] of Object.entries(shapes))
    for (const [faultName, fault] of Object.entries(faults))
      for (const intervalMs of [60_000, 300_000, 3_600_000]) {
        const rows = Math.min(4000, Math.max(700, (4 * dayMs) / intervalMs));
        const next = shape(seeded(seed + made.length), intervalMs);
        const first = Math.floor(rows * 0.85);
        const last = first + fault.rows;
        const values = Array.from({ length: rows }, (_, row) => {
          const value = next(row);
          return row >= first && row < last ? fault.change(row, first, value) : value;
        });
        made.push({ name: `${shapeName} ${faultName} ${intervalMs} ms`, intervalMs, values, windows: [[first, last]] });
      }
  return made;
}
