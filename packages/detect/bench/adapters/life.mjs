// Scorer interface: train(rows) -> model; predict(model, rows) -> cycles left per unit, in the order of the units' first
// rows. A row is the file's line as numbers: [unit, cycle, readings...]. See README.md.
import { detect } from "./detect.mjs";

const SEED = 20_240_101;

const lifeRows = (rows) => rows.map(([unit, cycle, ...values]) => ({ unit, cycle, values }));

export function train(rows) {
  return detect.trainLife(lifeRows(rows), mulberry32(SEED));
}

export function predict(model, rows) {
  return detect.remainingLife(model, lifeRows(rows)).map(({ cycles }) => cycles);
}

function mulberry32(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
