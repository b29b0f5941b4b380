// `npm run bench [NAME…]`: the benches of the packages, one process each. Without a name it lists them.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { requireNode } from "./node-version.ts";

requireNode();
const root = path.resolve(import.meta.dirname, "..");
// A package's bench is bench/main.ts; what else lies there are its parts.
const benches = readdirSync(path.join(root, "packages"))
  .map((name) => ({ name, file: path.join(root, "packages", name, "bench", "main.ts") }))
  .filter(({ file }) => existsSync(file));
benches.push({ name: "ingest", file: path.join(root, "packages/prunella/bench/ingest.ts") });
const wanted = process.argv.slice(2);
if (wanted.length === 0) console.log(`npm run bench NAME…: ${benches.map((bench) => bench.name).join(", ")}`);
for (const name of wanted) {
  const bench = benches.find((each) => each.name === name);
  if (bench === undefined) {
    console.error(`there is no bench named ${name}; there are ${benches.map((each) => each.name).join(", ")}`);
    process.exitCode = 2;
    continue;
  }
  const { status } = spawnSync(process.execPath, ["--expose-gc", bench.file], { stdio: "inherit", cwd: root });
  if (status !== 0) process.exitCode = 1;
}
