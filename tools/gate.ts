// The one gate: `npm test`. Every step that keeps main green, in the order in which it fails fastest.
// `npm test -- unit e2e` runs the named steps only; `--list` names them.
import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { requireNode } from "./node-version.ts";

requireNode();

interface Step {
  readonly name: string;
  readonly promise: string;
  readonly args: readonly string[];
}

const root = path.resolve(import.meta.dirname, "..");
const bin = (name: string, file: string): string => path.join(root, "node_modules", name, file);

const scratch = mkdtempSync(path.join(tmpdir(), "prunella-gate-"));
process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));
const failedFilesFile = path.join(scratch, "failed-files");

const steps: readonly Step[] = [
  {
    name: "format",
    promise: "prettier leaves every file as it is",
    args: [
      bin("prettier", "bin/prettier.cjs"),
      "--check",
      "--log-level=warn",
      "--cache",
      "--cache-location=.cache/prettier",
      ".",
    ],
  },
  {
    name: "types",
    promise: "every package and test compiles in the strictest settings",
    args: [bin("typescript-7", "bin/tsc"), "-b"],
  },
  {
    name: "lint",
    promise: "oxlint finds nothing",
    args: [bin("oxlint", "bin/oxlint"), "--type-aware", "--deny-warnings"],
  },
  {
    name: "dependencies",
    promise: "packages import only whom they may, without cycles",
    args: [
      bin("dependency-cruiser", "bin/dependency-cruiser.mjs"),
      "packages",
      "--config",
      ".dependency-cruiser.cjs",
      "--output-type",
      "err",
    ],
  },
  { name: "tidy", promise: "the house rules that no other tool knows", args: ["tools/tidy.ts"] },
  {
    name: "size",
    promise: "what an application ships of the resilience package stays within its bounds",
    args: ["packages/resilience/bench/size.ts", "--check"],
  },
  {
    name: "unit",
    promise: "the pure packages and shells do what they say",
    args: [
      "--test",
      "--test-isolation=none",
      // A test that hangs fails by name.
      "--test-timeout=120000",
      "--test-reporter=dot",
      "--test-reporter-destination=stdout",
      "--test-reporter=./tools/summary-reporter.ts",
      "--test-reporter-destination=stdout",
      ...tests("test"),
    ],
  },
  {
    name: "sim",
    promise: "fixed seeds and crash walks break no invariant",
    args: ["packages/sim/src/main.ts", "--smoke"],
  },
  {
    name: "web",
    promise: "the UI builds, and what a first visit loads stays within its size",
    args: ["packages/web/build.ts"],
  },
  {
    name: "e2e",
    promise: "real processes are watched, found, healed",
    args: endToEnd(tests("e2e")),
  },
];

function endToEnd(files: readonly string[]): string[] {
  return [
    "--test",
    "--test-concurrency=1",
    // Of a file: one that hangs fails, and the others are still run.
    "--test-timeout=900000",
    "--test-reporter=spec",
    "--test-reporter-destination=stdout",
    "--test-reporter=./tools/failed-files-reporter.ts",
    `--test-reporter-destination=${failedFilesFile}`,
    ...files,
  ];
}

function tests(folder: string): string[] {
  const packages = readdirSync(path.join(root, "packages")).map((name) => `packages/${name}/${folder}`);
  return [...packages, `tools/${folder}`]
    .filter((dir) => existsSync(path.join(root, dir)))
    .flatMap((dir) =>
      readdirSync(path.join(root, dir), { recursive: true, encoding: "utf8" }).map((file) => `${dir}/${file}`),
    )
    .filter((file) => file.endsWith(".test.ts"))
    .sort();
}

function run(step: Step): Promise<number> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, step.args, {
      cwd: root,
      stdio: ["ignore", "inherit", "inherit"],
      env: { ...process.env, NODE_NO_WARNINGS: "1" },
    });
    child.on("exit", (code, signal) => resolve(code ?? (signal === null ? 1 : 128)));
  });
}

const wanted = process.argv.slice(2);
if (wanted.includes("--list")) {
  for (const step of steps) console.log(`${step.name.padEnd(14)}${step.promise}`);
  process.exit(0);
}
const unknown = wanted.filter((name) => !steps.some((step) => step.name === name));
if (unknown.length > 0) {
  console.error(
    `npm test: no step named ${unknown.join(", ")}; the steps are ${steps.map((step) => step.name).join(", ")}`,
  );
  process.exit(2);
}

/** Files of a failed end-to-end step that are tried once more, in CI. */
const retriedFilesMax = 5;

let passed = 0;
const failures: string[] = [];
for (const step of steps) {
  if (wanted.length > 0 && !wanted.includes(step.name)) continue;
  console.log(`\n== ${step.name}: ${step.promise}`);
  const startedAt = performance.now();
  let code = await run(step);
  if (code !== 0 && step.name === "e2e" && process.env["CI"]) {
    // Real processes on a shared machine: what failed is tried once more, said aloud, so that a slow moment is told apart from
    // a fault. More than a few files are no slow moment.
    const all = tests("e2e");
    const named = existsSync(failedFilesFile) ? readFileSync(failedFilesFile, "utf8").split("\n").filter(Boolean) : [];
    // A suite shared by several files fails under its own name: then all are tried.
    const failed = named.every((file) => all.includes(file)) ? named : all;
    if (named.length > 0 && named.length <= retriedFilesMax) {
      console.log(`== e2e: failed once; trying again: ${failed === all ? "all" : failed.join(", ")}`);
      code = await run({ ...step, args: endToEnd(failed) });
    }
  }
  console.log(
    `== ${step.name}: ${code === 0 ? "passed" : `FAILED (exit ${code})`} in ${((performance.now() - startedAt) / 1000).toFixed(1)} s`,
  );
  if (code === 0) passed += 1;
  else failures.push(step.name);
  if (code !== 0 && wanted.length === 0 && !process.env["CI"]) break;
}
console.log(
  `\ngate: ${passed} passed, ${failures.length} failed${failures.length > 0 ? ` (${failures.join(", ")})` : ""}`,
);
process.exit(failures.length > 0 ? 1 : 0);
