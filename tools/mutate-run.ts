// The half of the mutator that runs tests, in a process of its own: takes a text for the file under change, loads the package
// and its tests afresh around it, and answers whether they pass. One process serves many mutants, since starting Node costs
// more than the tests. Only `test` of node:test is known here; a test that waits for what never comes has failed.
import { registerHooks, stripTypeScriptTypes } from "node:module";
import { readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import * as fc from "fast-check";

const [copy = "", file = "", ...tests] = process.argv.slice(2);
const within = pathToFileURL(copy + path.sep).href;
const target = path.join(copy, file);
/** Turns of the event loop, with no timer set, after which nothing can come any more. */
const idleTurnsMax = 1000;

/** Stripped sources of what does not change. */
const sources = new Map<string, string>();
let generation = 0;
let mutant = "";
let planned: (() => unknown)[] = [];
let strayed = false;

Object.assign(globalThis, { planTest: (...given: unknown[]) => void planned.push(given.at(-1) as () => unknown) });
// That a property fails is enough to know; its smallest counterexample is not needed.
fc.configureGlobal({ endOnFailure: true });
for (const event of ["unhandledRejection", "uncaughtException"]) process.on(event, () => void (strayed = true));

registerHooks({
  resolve(specifier, context, next) {
    if (specifier === "node:test" && context.parentURL?.startsWith(within) === true)
      return { url: "planned:test", format: "module", shortCircuit: true };
    const found = next(specifier, context);
    return found.url.startsWith(within) ? { ...found, url: `${found.url}?${generation}` } : found;
  },
  load(url, context, next) {
    if (url === "planned:test")
      return { format: "module", source: "export const test = globalThis.planTest;", shortCircuit: true };
    if (!url.startsWith(within)) return next(url, context);
    const name = fileURLToPath(url.replace(/\?\d+$/, ""));
    let source = name === target ? stripTypeScriptTypes(mutant) : sources.get(name);
    if (source === undefined) sources.set(name, (source = stripTypeScriptTypes(readFileSync(name, "utf8"))));
    return { format: "module", source, shortCircuit: true };
  },
});

process.on("message", (text: string) => {
  void passes(text).then((passed) => process.send?.(passed));
});

async function passes(text: string): Promise<boolean> {
  // What the run before left behind may still fail, and is not this one's.
  await turn();
  generation += 1;
  mutant = text;
  planned = [];
  strayed = false;
  try {
    for (const each of tests) await import(pathToFileURL(path.join(copy, each)).href);
    for (const run of planned) await Promise.race([run(), idle()]);
  } catch {
    return false;
  }
  await turn();
  return !strayed;
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Rejects when nothing is left that a test could be waiting for. */
async function idle(): Promise<never> {
  for (let turns = 0; turns < idleTurnsMax; turns += 1) {
    await turn();
    if (process.getActiveResourcesInfo().includes("Timeout")) turns = 0;
  }
  throw new Error("waits for what never comes");
}
