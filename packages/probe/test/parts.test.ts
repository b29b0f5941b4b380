// The parts that decide something by themselves: buckets, names of routes, errors as data, the file that is preloaded.
import assert from "node:assert/strict";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { assert as check, double, property, string } from "fast-check";
import { latencyBoundsMs, latencyBuckets, probeFile, type ErrorDescription } from "@prunella/probe";

const folder = mkdtempSync(path.join(os.tmpdir(), "probe-test-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const preload = probeFile(folder);
const load = createRequire(preload);
const histogram = load("./histogram.cjs") as {
  latencyBuckets: number;
  bucketOf(latencyMs: number): number;
  countsOf(counts: Uint32Array): number[];
};
const { routeName } = load("./http-server.cjs") as { routeName(url: string): string };
const { describe: describeError } = load("./errors.cjs") as { describe(error: unknown): ErrorDescription };

test("the probe counts in the buckets that the wire format states", () => {
  assert.equal(histogram.latencyBuckets, latencyBuckets);
  assert.equal(latencyBoundsMs.length, latencyBuckets);
  check(
    property(double({ min: 0, max: 1e6, noNaN: true }), (latencyMs) => {
      const bucket = histogram.bucketOf(latencyMs);
      const upper = latencyBoundsMs[bucket] ?? Number.NaN;
      const lower = bucket === 0 ? -1 : (latencyBoundsMs[bucket - 1] ?? Number.NaN);
      // One part in 10^9 for the logarithm at the bounds themselves.
      assert.ok(latencyMs <= upper * (1 + 1e-9), `${latencyMs} above ${upper}`);
      assert.ok(latencyMs > lower * (1 - 1e-9), `${latencyMs} not above ${lower}`);
    }),
  );
});

test("a latency that is no number counts as the least, an endless one as the most", () => {
  assert.equal(histogram.bucketOf(Number.NaN), 0);
  assert.equal(histogram.bucketOf(-1), 0);
  assert.equal(histogram.bucketOf(Infinity), latencyBuckets - 1);
});

test("trailing zeros are not sent", () => {
  assert.deepEqual(histogram.countsOf(Uint32Array.of(0, 2, 0, 1, 0, 0)), [0, 2, 0, 1]);
  assert.deepEqual(histogram.countsOf(new Uint32Array(4)), []);
});

for (const [url, expected] of [
  ["/", "/"],
  ["/users/42?full=1", "/users/:id"],
  ["/users/42/orders/7#top", "/users/:id/orders/:id"],
  ["/files/3f2504e0-4f89-11d3-9a0c-0305e82c3301", "/files/:id"],
  ["/commits/d058020aa1", "/commits/:id"],
  ["/sessions/eyJhbGciOiJIUzI1NiJ9abcdef", "/sessions/:id"],
  ["/api/v1/status", "/api/v1/status"],
  ["/style-2.css", "/style-2.css"],
] as const) {
  test(`the route of ${url} is ${expected}`, () => assert.equal(routeName(url), expected));
}

test("no URL makes a long route name", () => {
  check(property(string({ maxLength: 3_000 }), (url) => routeName(`/${url}`).length <= 256));
});

test("an error is described with code and causes, at most five, even in a circle", () => {
  const error: Error & { code?: string } = new RangeError("outer");
  error.code = "E_OUTER";
  error.cause = error;
  const described = describeError(error);
  assert.equal(described.name, "RangeError");
  assert.equal(described.code, "E_OUTER");
  assert.match(described.stack ?? "", /parts\.test\.ts/);
  assert.equal(described.causes.length, 5);
});

test("whatever else is thrown is described too, and cut", () => {
  assert.deepEqual(describeError("just text"), {
    name: "string",
    message: "just text",
    code: null,
    stack: null,
    causes: [],
  });
  assert.equal(describeError(Symbol("sign")).message, "Symbol(sign)");
  assert.equal(describeError(null).message, "null");
  assert.equal(describeError({ code: 5 }).code, "5");
  assert.equal(describeError(new Error("x".repeat(5_000))).message.length, 2_001);
});

test("the preloaded file is made once, whole, and without types", () => {
  const madeAt = statSync(preload).mtimeMs;
  assert.equal(probeFile(folder), preload);
  assert.equal(statSync(preload).mtimeMs, madeAt);
  assert.equal(readdirSync(folder).length, 1, "no draft is left");
  for (const file of readdirSync(path.dirname(preload))) {
    assert.match(file, /\.cjs$/);
    assert.doesNotMatch(readFileSync(path.join(path.dirname(preload), file), "utf8"), /^(import|export) /m);
  }
});

test("a guard is heard from the moment it is listed, and no more once it is taken out", () => {
  const key = Symbol.for("prunella.guards");
  const host = globalThis as { [key]?: unknown };
  const before = Object.getOwnPropertyDescriptor(globalThis, key);
  Reflect.deleteProperty(globalThis, key);
  const { watchApplication } = load("./application.cjs") as {
    watchApplication(report: (event: { event: unknown }) => void): { stop(): void };
  };
  const heard: unknown[] = [];
  const application = watchApplication(({ event }) => heard.push(event));
  try {
    assert.equal(host[key], undefined, "a library looks whether there is a list already");
    const guards = new Set<object>();
    const list = {
      list: () => [...guards],
      add(guard: object) {
        guards.add(guard);
        return () => guards.delete(guard);
      },
    };
    host[key] ??= list;
    assert.equal(host[key], list);
    let tell = (_event: string): void => {};
    const remove = list.add({
      name: "early",
      snapshot: () => ({}),
      listen(listener: (event: string) => void) {
        tell = listener;
        return () => (tell = () => {});
      },
    });
    tell("tripped");
    remove();
    tell("tripped when gone");
    assert.deepEqual(heard, ["tripped"]);
  } finally {
    application.stop();
    Reflect.deleteProperty(globalThis, key);
    if (before !== undefined) Object.defineProperty(globalThis, key, before);
  }
});
