// NAB's score (Lavin and Ahmad, "Evaluating real-time anomaly detection algorithms", 2015, arXiv 1510.03336): a window
// earns for its earliest alarm, an alarm outside costs, nothing is counted in the probation; 0 is silence, 100 perfection.
import type { LabelledSeries } from "./nab-data.ts";

export interface Profile {
  readonly falseAlarm: number;
  readonly missed: number;
}
export const profiles = {
  standard: { falseAlarm: 0.11, missed: 1 },
  "low false positives": { falseAlarm: 0.22, missed: 1 },
  "low false negatives": { falseAlarm: 0.11, missed: 2 },
} as const satisfies Record<string, Profile>;

export interface Scored {
  readonly series: LabelledSeries;
  readonly scores: Float64Array;
}

const curve = (y: number): number => (y > 3 ? -1 : 2 / (1 + Math.exp(5 * y)) - 1);

interface Row {
  readonly score: number;
  readonly series: number;
  /** Number of the window, or -1. */
  readonly window: number;
  /** 0 to 1 inside a window, 0 to -1 outside. */
  readonly credit: number;
}

function rowsOf({ series, scores }: Scored, index: number): Row[] {
  const rows: Row[] = [];
  const count = series.values.length;
  const probation = Math.min(Math.floor(0.15 * count), 0.15 * 5000);
  let next = 0;
  for (let i = 0; i < count; i++) {
    while (next < series.windows.length && i > series.windows[next]![1]) next++;
    const window = series.windows[next];
    const before = series.windows[next - 1];
    const inside = window !== undefined && i >= window[0];
    let credit = -1;
    if (inside) credit = curve(-(window[1] - i + 1) / (window[1] - window[0] + 1)) / curve(-1);
    else if (before !== undefined) credit = curve((i - before[1]) / (before[1] - before[0]));
    if (i >= probation && scores[i]! > 0)
      rows.push({ score: scores[i]!, series: index, window: inside ? next : -1, credit });
  }
  return rows;
}

/** Score at every threshold from the highest down, in one pass; `best` and the one at `fixed`. */
export function nabScore(all: readonly Scored[], profile: Profile, fixed = 0.5) {
  const windows = all.reduce((sum, { series }) => sum + series.windows.length, 0);
  const rows = all.flatMap((each, i) => rowsOf(each, i)).toSorted((a, b) => b.score - a.score);
  const earned = new Map<string, number>();
  let raw = -profile.missed * windows;
  let best = { score: 0, threshold: Infinity };
  let at = { score: 0, found: 0, falseAlarms: 0 };
  let falseAlarms = 0;
  const normalise = (): number => (100 * (raw + profile.missed * windows)) / (windows * (1 + profile.missed));
  for (const [i, row] of rows.entries()) {
    if (row.window >= 0) {
      const key = `${row.series}/${row.window}`;
      const before = earned.get(key) ?? -profile.missed;
      if (row.credit > before) {
        earned.set(key, row.credit);
        raw += row.credit - before;
      }
    } else {
      raw += profile.falseAlarm * row.credit;
      falseAlarms++;
    }
    if (rows[i + 1]?.score === row.score) continue;
    if (normalise() > best.score) best = { score: normalise(), threshold: row.score };
    if (row.score >= fixed) at = { score: normalise(), found: earned.size, falseAlarms };
  }
  return { best, fixed: at, windows };
}
