// The package compiled as it is published, with its unit tests, under the oldest Node that it promises to run in.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import path from "node:path";
import process from "node:process";
import { test } from "node:test";

const node = process.env["PRUNELLA_OLD_NODE"] ?? "/usr/bin/node";
const version = spawnSync(node, ["--version"], { encoding: "utf8" }).stdout?.trim() ?? "";
const skip = /^v2[02]\./.test(version)
  ? false
  : `${node} is ${version || "not there"}; name a Node 20 or 22 by PRUNELLA_OLD_NODE`;
if (skip !== false) console.log(`skipped: ${skip}`);

test(`the unit tests pass under an older Node (${version})`, { skip, timeout: 240_000 }, () => {
  const script = path.resolve(import.meta.dirname, "../bench/old-node.ts");
  const { status, stdout } = spawnSync(process.execPath, [script, `--node=${node}`], { encoding: "utf8" });
  assert.equal(status, 0, stdout.slice(-20_000));
});
