// The development half of Loghub, when it is at hand: scores cannot fall unnoticed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { LogMiner } from "@prunella/detect";
import { meanScore, readLogSamples, scoreLines } from "../../bench/log-truth.ts";

const samples = readLogSamples();
const skip = typeof samples === "string" ? samples : false;

test("scores on real logs stay where they were", { skip }, () => {
  if (typeof samples === "string") return;
  const minedBy = samples.map(({ lines, original, corrected }) => {
    const miner = new LogMiner();
    const ids = lines.map((line) => miner.add(line));
    const templates = ids.map((id) => miner.template(id)!);
    return { original: scoreLines(original, ids, templates), corrected: scoreLines(corrected, ids, templates) };
  });
  const corrected = meanScore(minedBy.map((each) => each.corrected));
  const original = meanScore(minedBy.map((each) => each.original));
  assert.ok(corrected.GA >= 0.97, `GA ${String(corrected.GA)}`);
  assert.ok(corrected.FGA >= 0.97, `FGA ${String(corrected.FGA)}`);
  assert.ok(corrected.FTA >= 0.9, `FTA ${String(corrected.FTA)}`);
  assert.ok(corrected.PA >= 0.89, `PA ${String(corrected.PA)}`);
  assert.ok(original.GA >= 0.93, `GA against the original truth ${String(original.GA)}`);
});
