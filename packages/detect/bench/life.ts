// Remaining life: `node packages/detect/bench/life.ts [folds]`. C-MAPSS FD001, cross-validated by engine on the train
// file. The peer in the same run knows only the mean of the training targets.
import process from "node:process";
import { trainLife, remainingLife } from "@prunella/detect";
import { judged, row, seeded, withDataSet } from "./data.ts";
import { crossValidate, cuts, cyclesMax, engines } from "./life-data.ts";

withDataSet("cmapss", (at) => {
  const rows = engines(at);
  const own = crossValidate(rows, Number(process.argv[2] ?? 5));
  row("extra trees (default)", { ...own });
  row("extra trees, 30 trees", { ...crossValidate(rows, Number(process.argv[2] ?? 5), { trees: 30 }) });
  const held = cuts(rows, 20).map(({ left }) => Math.min(cyclesMax, left));
  const mean = held.reduce((sum, left) => sum + left, 0) / held.length;
  row("always the mean", { rmse: Math.sqrt(held.reduce((sum, left) => sum + (left - mean) ** 2, 0) / held.length) });
  let began = performance.now();
  const model = trainLife(rows, seeded(1));
  const trained = performance.now() - began;
  began = performance.now();
  remainingLife(model, rows);
  console.log(
    `training ${rows.length} rows ${(trained / 1_000).toFixed(1)} s, 100 engines judged in ${Math.round(performance.now() - began)} ms, model ${(JSON.stringify(model).length / 1e6).toFixed(1)} MB as JSON`,
  );
  // Floor and goal are for the separate test file; here each engine is judged by a model that has not seen it.
  judged("C-MAPSS FD001, RMSE, cross-validated", own.rmse, { floor: 12.6, goal: 11.8 });
  judged("C-MAPSS FD001, score per 100, cross-validated", own.score, { floor: 270, goal: 215 });
});
