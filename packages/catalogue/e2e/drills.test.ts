// A few quick drills end to end: each passes with healing and fails without, and the injectors break and mend a real service.
import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import { readDefinition } from "../src/drill/definition.ts";
import { drillExperiment } from "../src/drill/files.ts";
import { runDrill } from "../src/drill/run.ts";
import { startWorld, type World } from "../src/drill/world.ts";
import { InjectionRefused, injectorsFor, type Injectors } from "../src/inject/index.ts";
import { evaluate } from "../src/inject/inspector.ts";

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

/** Looks every 50 ms until it holds, at most `seconds`. */
async function until(what: string, holds: () => boolean | Promise<boolean>, seconds = 10): Promise<void> {
  for (let looks = 0; looks < seconds * 20; looks += 1) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`not within ${seconds} s: ${what}`);
}

/** CPU time that a process has used, in ticks. */
const ticksOf = (of: number): number => {
  const stat = readFileSync(`/proc/${of}/stat`, "utf8");
  return Number(
    stat
      .slice(stat.lastIndexOf(")") + 2)
      .split(" ")
      .at(11),
  );
};

test("CPU is burnt beside the service, and the spinning processes are gone when it is undone", async () => {
  const { pids } = (await inject("cpu", { workers: 1 })) as { pids: readonly [number] };
  await until("it spins", () => ticksOf(pids[0]) >= 20);
  await undo("cpu");
  await until("it is gone", () => !existsSync(`/proc/${pids[0]}`));
});

test("memory leaks inside a Node service and is let go when it is undone", { timeout: 60_000 }, async () => {
  const own = await pid();
  const heap = async (): Promise<number> =>
    (await evaluate(
      own,
      `process.getBuiltinModule("node:v8").setFlagsFromString("--expose-gc");
       process.getBuiltinModule("node:vm").runInNewContext("gc")(); process.memoryUsage().heapUsed`,
    )) as number;
  const first = await heap();
  await inject("memory", { rate: 60_000_000, max: 60_000_000 });
  await until("it has grown", async () => (await heap()) > first + 20_000_000);
  await undo("memory");
  assert.ok((await heap()) < first + 10_000_000);
});

test("a blocked loop answers nothing for its time, and then goes on by itself", { timeout: 30_000 }, async () => {
  const answers = async (): Promise<boolean> =>
    await fetch(`${world.configuration["caching_url"] as string}/healthz`, { signal: AbortSignal.timeout(1_000) }).then(
      (response) => response.ok,
      () => false,
    );
  const own = await pid();
  await injectors.inject("block", { target: "caching", forS: 4 }, never);
  await until("it is blocked", async () => !(await answers()));
  assert.ok(ticksOf(own) > 0);
  await until("it goes on", answers);
  assert.equal(await pid(), own, "the same process");
  await undo("block");
});

test("a flood comes at its rate, is answered beside, and stops when it is undone", { timeout: 30_000 }, async () => {
  await inject("flood", { path: "/healthz", rate: 40 });
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  assert.equal((await fetch(`${world.configuration["caching_url"] as string}/healthz`)).status, 200);
  const sent = Number(/^(\d+) requests were sent$/.exec(String(await undo("flood")))?.[1]);
  // A slow machine stretches the second and a half; more than the rate would be wrong on any.
  assert.ok(sent >= 40, `${sent} sent`);
});

const through = (listen: string): Promise<{ text: string; ms: number }> => {
  const since = performance.now();
  return fetch(`http://${listen}/healthz`, { signal: AbortSignal.timeout(10_000) }).then(async (response) => ({
    text: await response.text(),
    ms: performance.now() - since,
  }));
};
const codeOf = (error: unknown): unknown => ((error as Error).cause as { code?: string } | undefined)?.code;

/** Puts a toxic before the live service, looks, undoes it: nobody listens there any more, and the service was not touched. */
async function toxic(
  name: string,
  attributes: Record<string, number>,
  look: (listen: string) => Promise<void>,
): Promise<void> {
  const { listen } = (await inject("tcp", { toxic: name, attributes })) as { listen: string };
  try {
    await look(listen);
  } finally {
    assert.match(String(await undo("tcp")), /closed the proxy/);
  }
  assert.equal(codeOf(await through(listen).catch((error: unknown) => error)), "ECONNREFUSED");
  assert.equal((await fetch(`${world.configuration["caching_url"] as string}/healthz`)).status, 200);
}

test(
  "each TCP fault before the live service does what it says, and is gone when it is undone",
  { timeout: 60_000 },
  async (t) => {
    await t.test("latency", () =>
      toxic("latency", { latency: 400 }, async (listen) => {
        assert.ok((await through(listen)).ms >= 390);
      }),
    );
    await t.test("bandwidth", () =>
      toxic("bandwidth", { rate: 1 }, async (listen) => {
        const socket = connect(Number(listen.split(":")[1]), "127.0.0.1");
        const since = performance.now();
        let bytes = 0;
        socket.on("data", (data) => (bytes += data.length));
        socket.write("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        await new Promise((resolve) => socket.on("close", resolve));
        assert.ok(bytes > 50);
        assert.ok(performance.now() - since >= bytes * 0.9, `${bytes} bytes at 1 kB/s`);
      }),
    );
    await t.test("timeout", () =>
      toxic("timeout", { timeout: 300 }, async (listen) => {
        const since = performance.now();
        await assert.rejects(through(listen));
        assert.ok(performance.now() - since >= 250);
      }),
    );
    await t.test("reset_peer", () =>
      toxic("reset_peer", { timeout: 0 }, async (listen) => {
        assert.equal(codeOf(await through(listen).catch((error: unknown) => error)), "ECONNRESET");
      }),
    );
    await t.test("slow_close", () =>
      toxic("slow_close", { delay: 600 }, async (listen) => {
        const socket = connect(Number(listen.split(":")[1]), "127.0.0.1");
        let answeredAt = 0;
        socket.on("data", () => (answeredAt = performance.now()));
        socket.write("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        await new Promise((resolve) => socket.on("close", resolve));
        assert.ok(performance.now() - answeredAt >= 500);
      }),
    );
    await t.test("slicer", () =>
      toxic("slicer", { average_size: 10, size_variation: 5, delay: 1_000 }, async (listen) => {
        const whole = await (await fetch(`${world.configuration["caching_url"] as string}/healthz`)).text();
        assert.equal((await through(listen)).text, whole);
      }),
    );
    await t.test("limit_data", () =>
      toxic("limit_data", { bytes: 20 }, async (listen) => {
        await assert.rejects(through(listen));
      }),
    );
  },
);

test("a dependency that is down refuses connections until it is undone", async () => {
  const { listen } = (await inject("down")) as { listen: string };
  assert.equal(codeOf(await through(listen).catch((error: unknown) => error)), "ECONNREFUSED");
  await undo("down");
  assert.equal((await fetch(`${world.configuration["caching_url"] as string}/healthz`)).status, 200);
});

test("a target that nobody configured is refused, and so is a fault in force already", async () => {
  await assert.rejects(injectors.inject("kill", { target: "nobody" }, never), /"nobody" is not in the configuration/);
  await assert.rejects(injectors.inject("kill", {}, never), { field: "target" });
  await inject("down");
  await assert.rejects(inject("down"), /in force on caching already/);
  assert.equal((await injectors.undoAll()).length, 1);
});
