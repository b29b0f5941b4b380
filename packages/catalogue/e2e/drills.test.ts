// A few quick drills end to end: each passes with healing and fails without, and the injectors break and mend a real service.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { readDefinition } from "../src/drill/definition.ts";
import { drillExperiment } from "../src/drill/files.ts";
import { runDrill } from "../src/drill/run.ts";
import { startWorld, type World } from "../src/drill/world.ts";
import { InjectionRefused, injectorsFor, type Injectors } from "../src/inject/index.ts";

const entry = path.join(import.meta.dirname, "..", "..", "prunella", "bin", "prunella.mjs");
const cache = mkdtempSync(path.join(tmpdir(), "prunella-drill-code-"));
const never = new AbortController().signal;
after(() => rmSync(cache, { recursive: true, force: true }));

for (const id of ["MED-010", "PERF-003"])
  test(`${id} passes with healing and fails without`, { timeout: 120_000 }, async () => {
    const healed = (await runDrill(drillExperiment(id), { entry, cache, withoutHealing: false, signal: never })).run;
    const unmet = healed.conditions.filter((each) => !each.met);
    assert.deepEqual(unmet, [], healed.error ?? "");
    assert.equal(healed.state, "passed");
    assert.ok(healed.detectedAt !== null && healed.recoveredAt !== null && healed.rootCause !== null);
    const bare = (await runDrill(drillExperiment(id), { entry, cache, withoutHealing: true, signal: never })).run;
    assert.equal(bare.state, "failed");
    assert.equal(bare.error, null, "it ran, and failed for want of the guard");
    assert.ok(bare.conditions.some((each) => !each.met && each.layer === "prevention"));
  });

test("an interrupted drill is aborted, and leaves neither processes nor folders", { timeout: 60_000 }, async () => {
  const abort = new AbortController();
  const folders = (): string[] => readdirSync(tmpdir()).filter((name) => name.startsWith("prunella-drill-perf-003-"));
  const known = new Set(folders());
  const { run } = await runDrill(drillExperiment("PERF-003"), {
    entry,
    cache,
    withoutHealing: false,
    signal: abort.signal,
    onActivity: () => abort.abort(new Error("interrupted")),
  });
  assert.equal(run.state, "aborted");
  assert.deepEqual(
    folders().filter((name) => !known.has(name)),
    [],
  );
});

let world: World;
let injectors: Injectors;
before(async () => {
  const definition = readDefinition(drillExperiment("LOW-001").extensions);
  assert.ok(definition !== null);
  world = await startWorld({ entry, cache, definition, withoutHealing: true, signal: never });
  const address = new URL(world.configuration["caching_url"] as string).host;
  injectors = injectorsFor({ api: world.api, within: world.folder, addressesOf: () => [address] });
});
after(() => world.end());

const inject = (kind: string, args: Record<string, unknown> = {}): Promise<unknown> =>
  injectors.inject(kind, { target: "caching", forS: 30, arguments: args as never }, never);
const undo = (kind: string): Promise<unknown> => injectors.undo(kind, { target: "caching" });
const pid = async (): Promise<number> => (await world.api.target("caching")).pid ?? 0;
const state = (of: number): string => /\) (\w)/.exec(readFileSync(`/proc/${of}/stat`, "utf8"))?.[1] ?? "";
const clockOf = async (): Promise<number> =>
  (await (await fetch(`${world.configuration["caching_url"] as string}/now`)).json()) as number;

test("a stopped process stands still until it is undone", async () => {
  const own = await pid();
  await inject("stop");
  assert.equal(state(own), "T");
  assert.match(String(await undo("stop")), /SIGCONT/);
  assert.notEqual(state(own), "T");
});

test("descriptors leak inside a Node service and are closed when it is undone", { timeout: 30_000 }, async () => {
  const count = (of: number): number => readdirSync(`/proc/${of}/fd`).length;
  const own = await pid();
  const first = count(own);
  await inject("descriptors", { rate: 1_000, max: 100 });
  for (let looks = 0; looks < 100 && count(own) < first + 100; looks += 1)
    await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(count(own) >= first + 100);
  await undo("descriptors");
  assert.ok(count(own) < first + 20);
});

test("a clock is set within the process alone and put back", { timeout: 30_000 }, async () => {
  await inject("clock", { skewMs: 86_400_000 });
  assert.ok((await clockOf()) - Date.now() > 80_000_000);
  await undo("clock");
  assert.ok(Math.abs((await clockOf()) - Date.now()) < 60_000);
});

test("a file is corrupted within the scratch folder only, and comes back byte for byte", async () => {
  const file = path.join(world.folder, "settings.json");
  writeFileSync(file, '{"a":1,"b":2}');
  await inject("config", { file, how: "truncate" });
  assert.throws(() => JSON.parse(readFileSync(file, "utf8")) as unknown);
  await undo("config");
  assert.equal(readFileSync(file, "utf8"), '{"a":1,"b":2}');
  await assert.rejects(inject("config", { file: "/etc/hostname" }), InjectionRefused);
});

test("a folder is filled by so many bytes and emptied again", async () => {
  const made = (await inject("disk", { folder: world.folder, bytes: 3_000_000 })) as { file: string };
  assert.ok(existsSync(made.file));
  await undo("disk");
  assert.equal(existsSync(made.file), false);
});

test("HTTP answers are errors through the proxy, and the service itself is not touched", async () => {
  const made = (await inject("http-errors", { status: 503 })) as { listen: string };
  assert.equal((await fetch(`http://${made.listen}/healthz`)).status, 503);
  assert.equal((await fetch(`${world.configuration["caching_url"] as string}/healthz`)).status, 200);
  await undo("http-errors");
});

test("a target that nobody configured is refused, and so is a fault in force already", async () => {
  await assert.rejects(injectors.inject("kill", { target: "nobody" }, never), /nobody/);
  await assert.rejects(injectors.inject("kill", {}, never), { field: "target" });
  await inject("down");
  await assert.rejects(inject("down"), /in force on caching already/);
  assert.equal((await injectors.undoAll()).length, 1);
});
