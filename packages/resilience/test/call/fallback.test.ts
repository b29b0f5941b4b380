import assert from "node:assert/strict";
import { test } from "node:test";
import { AbortedError, degrade, fallback } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";
import { boom, events, fine, never } from "./helpers.ts";

test("alternatives are tried in order, each sees why", async () => {
  const seen: string[] = [];
  const policy = fallback<string>({
    chain: [
      (error) => {
        seen.push(String(error));
        throw new Error("replica down");
      },
      (error) => (seen.push(String(error)), "from the file"),
    ],
  });
  assert.equal(await policy.execute(fine), "fine");
  assert.equal(await policy.execute(boom), "from the file");
  assert.deepEqual(seen, ["Error: boom", "Error: replica down"]);
});

test("the last good value is given while it is fresh enough, after that the chain", async () => {
  const system = manualSystem();
  const policy = fallback<string>({ staleMsMax: 1000, chain: [() => "default"], system });
  assert.equal(await policy.execute(boom), "default");
  await policy.execute(fine);
  await system.advance(1000);
  assert.equal(await policy.execute(boom), "fine");
  await system.advance(1);
  assert.equal(await policy.execute(boom), "default");
  assert.deepEqual(policy.snapshot().counts, { covered: 2, stale: 1, uncovered: 0, trips: 3 });
});

test("if nothing helps the first error is thrown; errors that are not handled pass", async () => {
  const policy = fallback<string>({ chain: [() => Promise.reject(new Error("also"))] });
  await assert.rejects(policy.execute(boom), /boom/);
  const picky = fallback<string>({ chain: [() => "covered"], handles: (error) => error instanceof TypeError });
  await assert.rejects(picky.execute(boom), /boom/);
});

test("the caller's own abort is never covered up", async () => {
  const policy = fallback<string>({ chain: [() => assert.fail("was called")] });
  await assert.rejects(
    policy.execute(() => Promise.reject(new AbortedError("x", "mine"))),
    AbortedError,
  );
  await assert.rejects(policy.execute(boom, AbortSignal.abort()), /boom/);
  void never;
});

const options = {
  levels: ["full", "no-recommendations", "read-only"],
  features: { recommendations: "full", checkout: "no-recommendations" },
} as const;

test("the worst level that anybody asks for is in force", () => {
  const service = degrade({ ...options, system: manualSystem() });
  const heard = events(service);
  assert.equal(service.level, "full");
  service.hold("operator", "read-only");
  service.hold("breaker", "no-recommendations");
  assert.equal(service.level, "read-only");
  assert.equal(service.allows("checkout"), false);
  service.letGo("operator");
  assert.equal(service.level, "no-recommendations");
  assert.equal(service.allows("checkout"), true);
  assert.equal(service.allows("recommendations"), false);
  assert.equal(service.allows("toString"), true);
  assert.equal(service.letGo("operator"), false);
  assert.deepEqual(heard, ["degraded", "restored"]);
});

test("a hold ends by itself when its time is over, and a newer one of the same holder replaces it", async () => {
  const system = manualSystem();
  const service = degrade({ ...options, system });
  service.hold("breaker", "read-only", 1000);
  await system.advance(500);
  service.hold("breaker", "no-recommendations", 1000);
  await system.advance(999);
  assert.equal(service.level, "no-recommendations");
  await system.advance(1);
  assert.equal(service.level, "full");
  assert.equal(system.pending, 0);
});

test("a control plane sets and reads the level", () => {
  const service = degrade({ ...options, system: manualSystem() });
  service.controls["set-level"]?.("read-only");
  assert.equal(service.snapshot().state, "read-only");
  service.controls["set-level"]?.(1);
  assert.equal(service.level, "no-recommendations");
  service.controls["set-level"]?.("full");
  assert.equal(service.snapshot().values["holders"], 0);
});

test("what belongs to a level, or to the nearest better one, is picked", () => {
  const service = degrade({ ...options, system: manualSystem() });
  assert.equal(service.pick({ "read-only": "c" }), undefined, "nothing of a worse level");
  service.hold("me", "read-only");
  assert.equal(service.pick({ full: "a", "no-recommendations": "b" }), "b");
  assert.equal(service.pick({ full: "a" }), "a", "also the best one");
  assert.equal(service.pick({}), undefined);
});

test("a hold that is taken back leaves no timer, and getting worse is a trip while getting better is none", () => {
  const system = manualSystem();
  const service = degrade({ ...options, system });
  const levels: string[] = [];
  service.listen(({ event, level, detail }) => levels.push(`${event}:${level} ${detail["was"]} to ${detail["level"]}`));
  service.hold("breaker", "no-recommendations", 1000);
  service.hold("breaker", "read-only", 1000);
  assert.equal(service.letGo("breaker"), true);
  assert.equal(system.pending, 0);
  assert.deepEqual(levels, [
    "degraded:trip full to no-recommendations",
    "degraded:trip no-recommendations to read-only",
    "restored:info read-only to full",
  ]);
  assert.deepEqual(service.snapshot().counts, { changes: 3, trips: 2 });
});

test("unknown levels, doubled levels and too many holders are refused by name", () => {
  assert.throws(() => degrade({ levels: ["a", "a"] }), /levels is "a, a"/);
  const named = (count: number) => Array.from({ length: count }, (_, at) => `level ${at}`) as [string, string];
  for (const count of [0, 1, 21]) assert.throws(() => degrade({ levels: named(count) }), /2 to 20 different names/);
  assert.equal(degrade({ levels: named(20) }).level, "level 0");
  assert.throws(
    () => degrade({ levels: ["a", "b"], features: { x: "c" as "a" } }),
    /features.x is "c", but must be one of a, b/,
  );
  const service = degrade({ levels: ["a", "b"], holdersMax: 1, system: manualSystem() });
  service.hold("first", "b");
  service.hold("first", "b");
  assert.throws(() => service.hold("second", "b"), /one of at most 1/);
  assert.throws(() => service.controls["set-level"]?.("c"), /level is "c"/);
  for (const forMs of [-1, Number.NaN]) assert.throws(() => service.hold("first", "b", forMs), /forMs/);
});

test("an abort told by another copy of this package is not covered up", async () => {
  const foreign = Object.assign(new Error("aborted"), { name: "AbortError", code: "PRUNELLA_ABORT" });
  const cover = fallback<string>({ chain: [() => "instead"], system: manualSystem() });
  await assert.rejects(
    cover.execute(() => Promise.reject(foreign)),
    foreign,
  );
  assert.equal(await cover.execute(() => Promise.reject(null as unknown as Error)), "instead");
});
