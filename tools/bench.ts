// `npm run bench [NAME…]`: the benches of the packages, one process each. Without a name it lists them.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { requireNode } from "./node-version.ts";

requireNode();
const root = path.resolve(import.meta.dirname, "..");
const benches = readdirSync(path.join(root, "packages")).flatMap((name): { name: string; files: string[] }[] => {
  const folder = path.join(root, "packages", name, "bench");
  if (!existsSync(folder)) return [];
  // A bench is main.ts, or each .ts file whose first line says what it measures, where there are several.
  const files = existsSync(path.join(folder, "main.ts"))
    ? ["main.ts"]
    : readdirSync(folder).filter((file) =>
        ["series.ts", "logs.ts", "forecast.ts", "change.ts", "cause.ts", "life.ts"].includes(file),
      );
  // The whole product's bench is called what it measures.
  const called = name === "prunella" ? "product" : name;
  return files.length === 0 ? [] : [{ name: called, files: files.map((file) => path.join(folder, file)) }];
});
const wanted = process.argv.slice(2).filter((word) => !word.startsWith("--"));
const options = process.argv.slice(2).filter((word) => word.startsWith("--"));
if (wanted.length === 0) console.log(`npm run bench NAME…: ${benches.map((bench) => bench.name).join(", ")}`);
for (const name of wanted) {
  const bench = benches.find((each) => each.name === name);
  if (bench === undefined) {
    console.error(`there is no bench named ${name}; there are ${benches.map((each) => each.name).join(", ")}`);
    process.exitCode = 2;
    continue;
  }
  for (const file of bench.files) {
    const { status } = spawnSync(process.execPath, ["--expose-gc", file, ...options], { stdio: "inherit", cwd: root });
    if (status !== 0) process.exitCode = 1;
  }
}
