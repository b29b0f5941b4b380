// C-MAPSS FD001 and the way it is judged: engines cut off some time before they failed, root mean square error of the
// cycles left, capped at 125, and the PHM08 score, which punishes promises that were too long.
import path from "node:path";
import { trainLife, remainingLife, type LifeOptions, type LifeRow } from "@prunella/detect";
import { linesOf, seeded } from "./data.ts";

export const cyclesMax = 125;

export function engines(folder: string): LifeRow[] {
  return linesOf(path.join(folder, "train_FD001.txt")).map((line) => {
    const [unit, cycle, ...values] = line.trim().split(/\s+/).map(Number) as [number, number, ...number[]];
    return { unit, cycle, values };
  });
}

export interface Cut {
  readonly rows: readonly LifeRow[];
  readonly left: number;
}

/** Each engine cut at random places, 7 to 144 cycles before its end and not before its 31st cycle. */
export function cuts(rows: readonly LifeRow[], perUnit: number): Cut[] {
  const units = [...new Set(rows.map(({ unit }) => unit))];
  return units.flatMap((unit) => {
    const own = rows.filter((row) => row.unit === unit);
    const random = seeded(Number(unit));
    return Array.from({ length: perUnit }, () => 7 + Math.floor(random() * 138))
      .filter((left) => own.length - left >= 31)
      .map((left) => ({ rows: own.slice(0, own.length - left), left }));
  });
}

export interface LifeScore {
  readonly rmse: number;
  /** PHM08 score for a hundred engines. */
  readonly score: number;
  /** Share of truths between the low and the high estimate. */
  readonly inside: number;
}

/** Cross-validation by engine: no engine is judged by a model that has seen it. */
export function crossValidate(rows: readonly LifeRow[], folds: number, options: LifeOptions = {}): LifeScore {
  let [squares, score, inside, count] = [0, 0, 0, 0];
  for (let fold = 0; fold < folds; fold++) {
    const isHeld = ({ unit }: LifeRow): boolean => Number(unit) % folds === fold;
    const model = trainLife(
      rows.filter((row) => !isHeld(row)),
      seeded(fold + 1),
      { cyclesMax, ...options },
    );
    for (const cut of cuts(rows.filter(isHeld), 20)) {
      const said = remainingLife(model, cut.rows)[0];
      if (said === undefined) continue;
      const truth = Math.min(cyclesMax, cut.left);
      const error = said.cycles - truth;
      squares += error ** 2;
      score += Math.exp(error < 0 ? -error / 13 : error / 10) - 1;
      inside += said.low <= truth && truth <= said.high ? 1 : 0;
      count++;
    }
  }
  return { rmse: Math.sqrt(squares / count), score: (100 * score) / count, inside: inside / count };
}
