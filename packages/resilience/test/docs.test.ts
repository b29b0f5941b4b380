// The pages of docs/resilience: every example is compiled in the strictest settings and run, and prints what it says it
// prints; every public function and error is on a page; every page of a primitive tells what a reader must know.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { after, before, describe, test } from "node:test";

const root = path.resolve(import.meta.dirname, "../../..");
const folder = path.join(root, "docs/resilience");
const work = path.join(root, ".cache", `doc-examples-${process.pid}`);
const pages = readdirSync(folder).filter(
  (name) => name.endsWith(".md") && !["benchmark.md", "mutation.md"].includes(name),
);
const textOf = (page: string): string => readFileSync(path.join(folder, page), "utf8");

interface Example {
  readonly file: string;
  readonly code: string;
}

const examples: readonly Example[] = pages.flatMap((page) =>
  [...textOf(page).matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, code = ""], at) => ({
    file: path.join(work, `${page.replace(".md", "")}-${at + 1}.ts`),
    code,
  })),
);

function run(args: readonly string[]): Promise<{ readonly status: number | null; readonly output: string }> {
  const child = spawn(process.execPath, args, { cwd: root, env: { ...process.env, NO_COLOR: "1" } });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => (output += text));
  return new Promise((resolve) => child.on("close", (status) => resolve({ status, output })));
}

/** What console.log lines say that they print: the comment at the end of the line, unless it is in brackets (a remark). */
function promised(code: string): string[] {
  return [...code.matchAll(/console\.log\(.*\/\/ (.+)$/gm)]
    .map(([, text = ""]) => text)
    .filter((text) => !/^\(/.test(text));
}

const plain = (text: string): string => text.replaceAll("'", '"').replaceAll(/[\s,]+/g, "");

/** Between the outputs of two examples. */
const mark = "=== example ";

describe("documentation", () => {
  before(() => {
    mkdirSync(work, { recursive: true });
    for (const { file, code } of examples) writeFileSync(file, `${code}\nexport {};\n`);
    const settings = {
      extends: "../../tsconfig.node.json",
      compilerOptions: { noEmit: true, composite: false, rootDir: root, noPropertyAccessFromIndexSignature: false },
      include: ["*.ts"],
    };
    writeFileSync(path.join(work, "tsconfig.json"), JSON.stringify(settings));
  });
  after(() => rmSync(work, { recursive: true, force: true }));

  test("every example compiles", async () => {
    const { status, output } = await run([path.join(root, "node_modules/typescript-7/bin/tsc"), "-p", work]);
    assert.equal(status, 0, output);
  });

  test("every example runs and prints what it says", async () => {
    // One process for all of them, one after another: starting one for each would take most of the time.
    const runner = path.join(work, "runner.mjs");
    const files = JSON.stringify(examples.map(({ file }) => file));
    writeFileSync(
      runner,
      `for (const file of ${files}) {\n  console.log("${mark}" + file);\n  await import(file);\n}\n`,
    );
    const { status, output } = await run([runner]);
    assert.equal(status, 0, output.slice(output.lastIndexOf(mark)));
    for (const { file, code } of examples) {
      const own = output.split(`${mark}${file}\n`)[1]?.split(mark)[0] ?? "";
      for (const text of promised(code))
        assert.ok(plain(own).includes(plain(text)), `${path.basename(file)} says it prints ${text}, prints\n${own}`);
    }
  });

  test("every public function and class is on a page", async () => {
    const exported = Object.keys((await import("@prunella/resilience")) as object);
    const all = pages.map(textOf).join("\n");
    const missing = exported.filter((name) => !new RegExp(`\\b${name}\\b`).test(all));
    assert.deepEqual(missing, []);
  });

  test("every page of a primitive has an example, units and defaults, the bound, errors, source and an anti-pattern", () => {
    const wanted: readonly (readonly [string, RegExp])[] = [
      ["an example", /^```ts$/m],
      ["defaults or units", /\bdefault\b|\*\*Units\.\*\*|\bms\b/],
      ["what happens at the bound", /\*\*At the\s+bound\.\*\*/],
      ["errors", /\*\*Errors\.\*\*/],
      ["a source", /\*\*Source\.\*\*/],
      ["an anti-pattern", /\*\*Anti-pattern\.\*\*/],
    ];
    const lacking = pages
      .filter((page) => !/^(migrating|README)/.test(page))
      .flatMap((page) =>
        wanted.filter(([, pattern]) => !pattern.test(textOf(page))).map(([what]) => `${page}: ${what}`),
      );
    assert.deepEqual(lacking, []);
  });

  test("every page is found from the first one", () => {
    const linked = new Set([...textOf("README.md").matchAll(/\(([a-z-]+\.md)\)/g)].map(([, page]) => page));
    assert.deepEqual(
      readdirSync(folder).filter((page) => page !== "README.md" && !linked.has(page)),
      [],
    );
  });

  test("no page names an error or an event that is not there", async () => {
    const exported = (await import("@prunella/resilience")) as object;
    const foreign =
      /^(BrokenCircuit|BulkheadRejected|TaskCancelled|Abort|Reference|Range|Syntax|Type|MaxRetriesPerRequest)Error$/;
    const named = pages.flatMap((page) =>
      [...textOf(page).matchAll(/`([A-Z]\w+Error)`/g)].map(([, name = ""]) => `${page} ${name}`),
    );
    assert.deepEqual(
      named.filter(
        (each) => !((each.split(" ")[1] as string) in exported) && !foreign.test(each.split(" ")[1] as string),
      ),
      [],
    );
  });
});
