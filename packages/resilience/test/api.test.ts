import { spawnSync } from "node:child_process";
import assert from "node:assert/strict";
import path from "node:path";
import process from "node:process";
import { test } from "node:test";

test("the public surface is the one that api.txt holds", () => {
  const script = path.resolve(import.meta.dirname, "../bench/api.ts");
  const { status, stderr } = spawnSync(process.execPath, [script], { encoding: "utf8" });
  assert.equal(status, 0, stderr);
});
