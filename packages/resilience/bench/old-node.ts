// node packages/resilience/bench/old-node.ts [--node=/usr/bin/node] [--bench …]: builds the package as it is published,
// compiles its unit tests and its benchmark, and runs them with it under another Node (20 and 22 are supported).
// With --bench the remaining arguments go to the benchmark instead.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { buildPackage } from "./build.ts";

const root = path.resolve(import.meta.dirname, "../../..");
const out = path.join(root, `.cache/old-node-${process.pid}`);
const other = process.argv.find((flag) => flag.startsWith("--node="))?.slice("--node=".length) ?? "/usr/bin/node";
const version = spawnSync(other, ["--version"], { encoding: "utf8" }).stdout?.trim();
if (!version) {
  console.error(`no Node at ${other}; name one with --node=PATH`);
  process.exit(2);
}

process.on("exit", () => rmSync(out, { recursive: true, force: true }));
mkdirSync(out, { recursive: true });
const settings = {
  extends: "../../tsconfig.node.json",
  compilerOptions: {
    rootDir: root,
    outDir: out,
    composite: false,
    declaration: false,
    declarationMap: false,
    sourceMap: false,
    noCheck: true,
  },
  include: ["src", "test", "bench"].map((folder) => path.join(root, "packages/resilience", folder, "**/*.ts")),
};
writeFileSync(path.join(out, "tsconfig.json"), JSON.stringify(settings));
run(process.execPath, [path.join(root, "node_modules/typescript-7/bin/tsc"), "-p", path.join(out, "tsconfig.json")]);

// What is tested and measured is the package as it is published.
buildPackage(path.join(out, "node_modules/@prunella/resilience"));
writeFileSync(path.join(out, "package.json"), JSON.stringify({ type: "module" }));

console.log(`Node ${version}`);
const compiled = path.join(out, "packages/resilience");
const bench = process.argv.indexOf("--bench");
if (bench === -1) run(other, ["--test", ...tests(path.join(compiled, "test"))]);
else run(other, [path.join(compiled, "bench/main.js"), ...process.argv.slice(bench + 1)]);

function tests(folder: string): string[] {
  // Tests that read sources or declarations of the repository belong to the Node that builds it.
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".test.js") && !/(api|docs|browser)\.test\.js$/.test(file))
    .map((file) => path.join(folder, file));
}

function run(command: string, args: readonly string[]): void {
  const { status } = spawnSync(command, args, {
    cwd: root,
    stdio: "inherit",
    env: { ...process.env, PRUNELLA_ROOT: root },
  });
  if (status !== 0) process.exit(status ?? 1);
}
