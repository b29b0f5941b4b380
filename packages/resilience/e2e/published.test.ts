// The package as it is published: packed, installed into an empty project, run by each Node that it promises, seen by the
// compiler as a user's is, and as small for a user as it is from its sources.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { after, test } from "node:test";
import { bundle } from "../bench/bundle.ts";
import { buildPackage } from "../bench/build.ts";

const root = path.resolve(import.meta.dirname, "../../..");
const project = path.join(root, `.cache/published-${process.pid}`);
after(() => rmSync(project, { recursive: true, force: true }));

const older = (process.env["PRUNELLA_OLD_NODE"] ?? "/usr/bin/node").split(path.delimiter);
const nodes = [process.execPath, ...older].flatMap((node) => {
  const version = spawnSync(node, ["--version"], { encoding: "utf8" }).stdout?.trim() ?? "";
  if (/^v2[0-9]\./.test(version)) return { node, version };
  console.log(`skipped: ${node} is ${version || "not there"}; name Nodes of version 20 or newer by PRUNELLA_OLD_NODE`);
  return [];
});

run(project, "npm", ["init", "--yes"]);
const folder = path.join(project, "package");
buildPackage(folder);
run(project, "npm", ["pack", "--silent", folder]);
const tarball = readdirSync(project).find((file) => file.endsWith(".tgz")) ?? "";
run(project, "npm", ["install", "--offline", "--no-audit", "--no-fund", `./${tarball}`]);

for (const { node, version } of nodes)
  test(`every function of the installed package works (${version})`, () => {
    copyFileSync(path.join(import.meta.dirname, "fixtures/every-primitive.mjs"), path.join(project, "use.mjs"));
    const { seen, leftOut } = JSON.parse(run(project, node, ["use.mjs"])) as { seen: object; leftOut: string[] };
    assert.deepEqual(leftOut, []);
    assert.deepEqual(seen, {
      timeout: "PRUNELLA_TIMEOUT",
      retry: "second try",
      breaker: ["open", "opened", true],
      windows: ["open", "open"],
      bulkhead: "in a slot",
      hedge: 2,
      fallback: "instead",
      degrade: "little",
      pipeline: "second try",
      backoff: [400, 2000],
      retryAfter: [5, "2"],
      queue: [2, 1],
      history: [["b"], 2],
      log: ["hello"],
      cache: [42, 42],
      lazy: "made",
      batch: [2, 3],
      loader: [10, 20],
      pool: 1,
      objects: "lent",
      limiter: [true, false],
      quota: [true, false],
      adaptive: "measured",
      algorithms: [true, true, true],
      locks: "in order",
      transaction: ["done", "undone"],
      sql: ["BEGIN", "SELECT 1", "COMMIT"],
      deadlock: true,
      loops: [true, true],
      health: ["healthy"],
      autotune: true,
      context: { order: 7, password: "[hidden]" },
      redacted: ["Bearer [hidden]", { token: "[hidden]" }],
      causes: 2,
      classified: ["transient", "configuration"],
      validated: ["https://example.com/", false],
      registry: [1, false, true],
      action: "warm",
      prometheus: true,
      telemetry: "function",
    });
  });

for (const { node, version } of nodes)
  test(`two copies in one process understand each other (${version})`, () => {
    const installed = path.join(project, "node_modules/@prunella/resilience/index.js");
    const fixture = path.join(import.meta.dirname, "fixtures/two-copies.mjs");
    assert.deepEqual(JSON.parse(run(project, node, [fixture, installed, path.join(folder, "index.js")])), {
      apart: true,
      listed: ["ours", "theirs"],
      heard: ["ours opened", "theirs opened", "theirs closed", "theirs opened", "ours closed"],
      action: "warm",
      driven: 1,
      refusals: [true, true, "closed", 1],
      left: "AbortError",
      reasons: ["TimeoutError"],
      shared: "open",
    });
  });

for (const moduleResolution of ["nodenext", "bundler"])
  test(`a user's compiler accepts the declarations (${moduleResolution})`, () => {
    const sources = path.join(project, moduleResolution);
    mkdirSync(sources);
    writeFileSync(
      path.join(sources, "use.ts"),
      `import { breaker, type BreakerStateName } from "@prunella/resilience";
       import { manualSystem } from "@prunella/resilience/testing";
       export const state: BreakerStateName = breaker({ system: manualSystem() }).state;
       // @ts-expect-error a count is no text
       breaker({ failures: "5" });`,
    );
    const compilerOptions = {
      strict: true,
      exactOptionalPropertyTypes: true,
      target: "es2022",
      lib: ["es2022", "dom"],
      types: [],
      noEmit: true,
      module: moduleResolution === "nodenext" ? "nodenext" : "esnext",
      moduleResolution,
    };
    writeFileSync(path.join(sources, "tsconfig.json"), JSON.stringify({ compilerOptions, files: ["use.ts"] }));
    run(sources, process.execPath, [path.join(root, "node_modules/typescript-7/bin/tsc"), "-p", "."]);
  });

test("a user's bundler leaves out as much of the installed package as of its sources", async () => {
  const installed = path.join(project, "node_modules/@prunella/resilience/index.js");
  for (const names of ["*", "{ breaker }", "{ isSqlIdentifier }"]) {
    const [user, ours] = await Promise.all(
      [installed, path.join(root, "packages/resilience/src/index.ts")].map((file) =>
        bundle(`export ${names} from ${JSON.stringify(file)}`),
      ),
    );
    assert.deepEqual(user, ours, names);
  }
});

function run(cwd: string, command: string, args: readonly string[]): string {
  mkdirSync(cwd, { recursive: true });
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: "utf8", timeout: 120_000 });
  assert.equal(status, 0, `${command} ${args.join(" ")}\n${stdout}\n${stderr}`);
  return stdout;
}
