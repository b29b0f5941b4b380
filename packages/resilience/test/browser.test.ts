// The package in a world that has ECMAScript, timers, performance, AbortController and URL, and nothing of Node's: what a
// browser, a worker or Deno gives it.
import assert from "node:assert/strict";
import path from "node:path";
import { performance } from "node:perf_hooks";
import { test } from "node:test";
import vm from "node:vm";
import { rolldown } from "rolldown";

const given = { setTimeout, clearTimeout, performance, AbortController, URL };

async function world(timers: object = {}, prelude = ""): Promise<vm.Context> {
  const build = await rolldown({ input: path.resolve(import.meta.dirname, "../src/index.ts"), logLevel: "silent" });
  const { output } = await build.generate({ format: "iife", name: "resilience" });
  const context = vm.createContext({ ...given, ...timers });
  vm.runInContext(`${prelude}\n${output[0].code}\nglobalThis.resilience = resilience;`, context);
  return context;
}

const script = `(async () => {
  const r = resilience;
  const seen = [];
  const policy = r.pipeline({
    name: "api", retry: { delayMs: 1 }, breaker: { failures: 3 }, bulkhead: { concurrentMax: 2, queueMax: 2 }, timeout: 100, totalTimeoutMs: 1000,
  });
  let calls = 0;
  seen.push(await policy.execute(({ signal }) => { calls += 1; if (calls < 2) throw new Error("first"); return signal.aborted; }));
  seen.push(await r.timeout(5).execute(() => new Promise(() => {})).catch((error) => error.name));
  const controller = new AbortController();
  const waiting = r.boundedQueue({ capacity: 1 }).take({ signal: controller.signal }).catch((error) => error.name);
  controller.abort();
  seen.push(await waiting);
  seen.push(await r.pool({ create: () => ({ id: 1 }) }).use(({ id }) => id));
  seen.push((await r.cache({ load: (key) => key * 2 }).fetch(21)));
  seen.push(await r.lazy(() => "made").get());
  seen.push((await r.batch().map([1, 2], (each) => each + 1)).map((each) => each.value).join());
  seen.push(await r.lockHierarchy().withLocks(["a"], () => "locked"));
  seen.push(await r.transaction().run((scope) => scope.step("one", () => "stepped")));
  const log = [];
  await r.sqlTransaction().run({ execute: (sql) => void log.push(sql) }, () => {});
  seen.push(log.join());
  seen.push(r.validate().url("https://example.com/a"), r.isSqlIdentifier("users"), r.rateLimiter({ limit: 1, periodMs: 10 }).tryTake());
  const loop = r.loop({ intervalMs: 5, run: () => {} });
  loop.start();
  await new Promise((resolve) => setTimeout(resolve, 20));
  await loop.stop();
  seen.push(loop.snapshot().counts.completed >= 1);
  seen.push(r.prometheusText(r.defaultRegistry().snapshots()).includes('name="api"'));
  seen.push(r.classify(new r.BreakerOpenError("b")).kind);
  return JSON.stringify(seen);
})()`;

test("every kind of primitive works where there is neither process nor Buffer nor require", async () => {
  const context = await world();
  assert.equal(
    vm.runInContext("typeof process + typeof Buffer + typeof require + typeof setImmediate", context),
    "undefined".repeat(4),
  );
  const seen = JSON.parse((await vm.runInContext(script, context)) as string) as unknown[];
  assert.deepEqual(seen, [
    false,
    "TimeoutError",
    "AbortError",
    1,
    42,
    "made",
    "2,3",
    "locked",
    "stepped",
    "BEGIN,COMMIT",
    "https://example.com/a",
    true,
    true,
    true,
    true,
    "transient",
  ]);
});

test("a host that froze Error, and whose timers are numbers as in a browser, is no trouble", async () => {
  const running = new Map<number, NodeJS.Timeout>();
  const timers = {
    setTimeout: (fire: () => void, ms: number) => {
      const id = running.size + 1;
      running.set(id, setTimeout(fire, ms));
      return id;
    },
    clearTimeout: (id: number | undefined) => clearTimeout(running.get(id ?? 0)),
  };
  const context = await world(timers, "Object.freeze(Error); Object.freeze(Error.prototype);");
  const work = "(precise) => resilience.timeout({ timeoutMs: 60, precise }).execute(() => new Promise(() => {}))";
  for (const precise of [false, true]) {
    const told: unknown = await vm.runInContext(
      `(${work})(${precise}).catch((error) => error.name + " " + error.code)`,
      context,
    );
    assert.equal(told, "TimeoutError PRUNELLA_TIMEOUT");
  }
});
