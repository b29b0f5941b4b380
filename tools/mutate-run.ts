// The half of the mutator that runs tests, in a process of its own: takes a text for the file under change, loads what imports it
// and the tests afresh, and answers whether they pass. One process serves many mutants, since starting Node costs
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
/** Modules of the package to those that import them, as the first run showed. */
const importers = new Map<string, Set<string>>();
/** What is loaded afresh for a mutant: its file, and whatever imports it, at any distance. The rest stays as it was. */
const stale = new Set<string>([pathToFileURL(target).href]);
const plain = (url: string): string => url.replace(/\?\d+$/, "");
/** What each test took at first, in ms: the quick ones are asked first, as one that fails is enough. */
const costs: number[] = [];
const costOf = (at: number): number => costs[at] ?? 0;
let generation = 0;
let mutant = "";
let planned: (() => unknown)[] = [];
let strayed: string | undefined;

Object.assign(globalThis, { planTest: (...given: unknown[]) => void planned.push(given.at(-1) as () => unknown) });
// That a property fails is enough to know; its smallest counterexample is not needed.
fc.configureGlobal({ endOnFailure: true });
/** What is on globalThis before anything of the package: what a run leaves there, the next must not find. */
const globals = new Set(Reflect.ownKeys(globalThis));
for (const event of ["unhandledRejection", "uncaughtException"])
  process.on(event, (error) => void (strayed = String(error)));

registerHooks({
  resolve(specifier, context, next) {
    if (specifier === "node:test" && context.parentURL?.startsWith(within) === true)
      return { url: "planned:test", format: "module", shortCircuit: true };
    const found = next(specifier, context);
    if (!found.url.startsWith(within)) return found;
    const importer = plain(context.parentURL ?? "");
    if (generation === 1) importers.set(found.url, (importers.get(found.url) ?? new Set<string>()).add(importer));
    return { ...found, url: `${found.url}?${generation === 1 || stale.has(found.url) ? generation : 1}` };
  },
  load(url, context, next) {
    if (url === "planned:test")
      return { format: "module", source: "export const test = globalThis.planTest;", shortCircuit: true };
    if (!url.startsWith(within)) return next(url, context);
    const name = fileURLToPath(plain(url));
    let source = name === target ? stripTypeScriptTypes(mutant) : sources.get(name);
    if (source === undefined) sources.set(name, (source = stripTypeScriptTypes(readFileSync(name, "utf8"))));
    return { format: "module", source, shortCircuit: true };
  },
});

process.on("message", (text: string) => {
  void failureOf(text).then((failure) => process.send?.({ failure }));
});

/** What failed; undefined when the tests pass. */
async function failureOf(text: string): Promise<string | undefined> {
  // What the run before left behind may still fail, and is not this one's.
  await turn();
  generation += 1;
  for (const key of Reflect.ownKeys(globalThis)) if (!globals.has(key)) Reflect.deleteProperty(globalThis, key);
  // A set that grows while it is walked is walked to its end.
  if (generation === 2) for (const url of stale) for (const each of importers.get(url) ?? []) stale.add(each);
  mutant = text;
  planned = [];
  strayed = undefined;
  try {
    for (const each of tests) await import(pathToFileURL(path.join(copy, each)).href);
    const runs = planned.map((run, at) => ({ run, at })).toSorted((a, b) => costOf(a.at) - costOf(b.at));
    for (const { run, at } of runs) {
      const startedAt = performance.now();
      await Promise.race([run(), idle()]);
      costs[at] ??= performance.now() - startedAt;
    }
  } catch (error) {
    return String(error);
  }
  await turn();
  return strayed;
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
