import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { test } from "node:test";
import {
  causesOf,
  classifier,
  classify,
  contextOf,
  contextSymbol,
  errorContext,
  redactFields,
  redactText,
} from "@prunella/resilience";
import type { ContextFields, ContextStorage } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";

const storage = (): ContextStorage => new AsyncLocalStorage<ContextFields>();
const hop = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function five(depth: number): Promise<never> {
  await hop();
  if (depth === 0) throw new Error("deep");
  return five(depth - 1);
}

test("MED-008: an error thrown 5 hops deep with 100 requests at once carries its own request's context, without it none", async () => {
  const bare = await five(5).catch((error: unknown) => error);
  assert.equal(contextOf(bare), undefined);

  const context = errorContext({ storage: storage(), system: manualSystem() });
  const errors = await Promise.all(
    Array.from({ length: 100 }, (_, request) =>
      context
        .with({ request }, async () => context.with({ user: `u${request}` }, () => five(5)))
        .catch((error: unknown) => error),
    ),
  );
  errors.forEach((error, request) => assert.deepEqual(contextOf(error), { request, user: `u${request}` }));
});

test("MED-008: the context is there for a log line in the middle of the work", async () => {
  const context = errorContext({ storage: storage() });
  await context.with({ request: 1 }, async () => {
    await hop();
    assert.deepEqual(context.current(), { request: 1 });
  });
  assert.deepEqual(context.current(), {});
});

test("without a storage the context is passed by hand", () => {
  const context = errorContext();
  assert.equal(context.snapshot().state, "explicit");
  assert.equal(errorContext({ storage: storage() }).snapshot().state, "followed");
  assert.throws(
    () =>
      context.with({ a: 1 }, (around) =>
        context.with(
          { b: 2 },
          () => {
            throw new Error("x");
          },
          around,
        ),
      ),
    (error) => assert.deepEqual(contextOf(error), { a: 1, b: 2 }) === undefined,
  );
  assert.deepEqual(context.current(), {});
});

test("the context is found through the cause chain, is not shown twice, and a frozen error passes unharmed", () => {
  const context = errorContext();
  const inner = (() => {
    try {
      return context.with({ step: "inner" }, () => {
        throw new Error("inner");
      });
    } catch (error) {
      return error;
    }
  })();
  const outer = new Error("outer", { cause: inner });
  assert.deepEqual(contextOf(outer), { step: "inner" });
  assert.deepEqual(Object.assign({}, inner), {}, "it is not copied with the error's own fields either");
  assert.equal((inner as { [contextSymbol]: unknown })[contextSymbol], contextOf(inner));
  assert.throws(
    () =>
      context.with({ a: 1 }, () => {
        throw Object.freeze(new Error("frozen"));
      }),
    /frozen/,
  );
  assert.throws(
    () =>
      context.with({ a: 1 }, () => {
        throw "text";
      }),
    (error) => error === "text",
  );
  for (const thrown of [null, undefined])
    assert.throws(
      () =>
        context.with({ a: 1 }, () => {
          throw thrown;
        }),
      (error) => error === thrown,
    );
});

test("cause chains stop at a cycle and at their bound", () => {
  const a: { cause?: unknown } = {};
  a.cause = { cause: a };
  assert.equal(causesOf(a).length, 2);
  let long: Error | undefined;
  for (let at = 0; at < 50; at += 1) long = new Error(`${at}`, { cause: long });
  assert.equal(causesOf(long).length, 10);
  assert.deepEqual(causesOf(undefined), []);
});

test("fields are bounded and secrets hidden, by name and by look", () => {
  const context = errorContext({ fieldsMax: 3, secretNames: ["PIN"] });
  let seen: ContextFields = {};
  context.with({ password: "x", pin: 1234, url: "postgres://me:secret@db/x", more: 1 }, (fields) => (seen = fields));
  assert.deepEqual(seen, { password: "[hidden]", pin: "[hidden]", url: "postgres://[hidden]@db/x" });
  assert.equal(context.snapshot().counts["fieldsDropped"], 1);
  for (const name of ["apiKey", "api-key", "Authorization", "set-cookie", "access_token", "passwd", "privateKey"])
    assert.deepEqual(redactFields({ [name]: "v" }), { [name]: "[hidden]" }, name);
  assert.deepEqual(redactFields({ passenger: "Ann", count: 2 }), { passenger: "Ann", count: 2 });
  assert.equal(redactText("Authorization: Bearer abcdefghijkl"), "Authorization: Bearer [hidden]");
  assert.equal(redactText("x eyJhbGciOi.eyJzdWIiOi.abc y"), "x [hidden] y");
  assert.equal(redactText("abcdef", { valueMax: 3 }), "abc…");
  assert.equal(redactText("abc", { valueMax: 3 }), "abc");
});

test("errors of Node, undici, PostgreSQL, Redis and HTTP are told apart", () => {
  const cases: [unknown, string][] = [
    [{ code: "ECONNREFUSED" }, "transient"],
    [{ code: "ENOTFOUND" }, "configuration"],
    [{ code: "CERT_HAS_EXPIRED" }, "configuration"],
    [new TypeError("fetch failed", { cause: { code: "UND_ERR_CONNECT_TIMEOUT" } }), "transient"],
    [new TypeError("fetch failed", { cause: { code: "ENOTFOUND" } }), "configuration"],
    [new TypeError("x is not a function"), "unexpected"],
    [{ code: "40P01" }, "transient"],
    [{ code: "57P03" }, "transient"],
    [{ code: "28P01" }, "configuration"],
    [{ code: "42P01" }, "configuration"],
    [{ code: "23505" }, "unexpected"],
    [new Error("LOADING Redis is loading the dataset"), "transient"],
    [new Error("WRONGPASS invalid username-password pair"), "configuration"],
    [{ status: 503 }, "transient"],
    [{ statusCode: 429 }, "transient"],
    [{ status: 401 }, "configuration"],
    [{ status: 422 }, "unexpected"],
    [{ status: 599 }, "transient"],
    [{ status: 200 }, "unexpected"],
    [{ code: "constructor" }, "unexpected"],
    ["text", "unexpected"],
    [undefined, "unexpected"],
  ];
  for (const [error, kind] of cases) assert.equal(classify(error).kind, kind, JSON.stringify(error));
  assert.equal(classify({ code: "ECONNRESET" }).because, "code ECONNRESET");
  for (const code of [40001, "40 bottles", "08", "40p01"])
    assert.equal(classify({ code }).because, "no rule", `${code} is no SQLSTATE`);
});

test("how long to wait is read from the error or its headers", () => {
  assert.equal(classify({ status: 429, headers: { "retry-after": "7" } }).retryAfterMs, 7000);
  assert.equal(classify({ status: 503, headers: new Headers({ "Retry-After": "2" }) }).retryAfterMs, 2000);
  assert.equal(classify({ status: 503, headers: new Headers() }).retryAfterMs, undefined);
  assert.equal(classify({ code: "PRUNELLA_RATE_LIMITED", retryAfterMs: 40 }).retryAfterMs, 40);
  const own = { status: 503, retryAfterMs: 0, headers: { "retry-after": "7" } };
  assert.equal(classify(own).retryAfterMs, 0, "its own wish counts, also to come at once");
  const date = { status: 503, headers: { "retry-after": "Wed, 21 Oct 2026 07:28:00 GMT" } };
  assert.deepEqual(classify(date), { kind: "transient", because: "http 503" }, "a date needs a clock");
});

test("own rules come first, a throwing rule is passed over, and what is not transient is told", () => {
  const own = classifier({
    system: manualSystem(),
    rules: [
      (error) => ((error as { code: string }).code === "MY_CODE" ? "configuration" : undefined),
      (error) => (String(error).includes("flaky") ? "transient" : undefined),
    ],
  });
  const events: string[] = [];
  own.listen(({ event }) => events.push(event));
  assert.equal(own.classify({ code: "MY_CODE" }).because, "rule 1");
  assert.equal(own.classify(new Error("flaky")).because, "rule 2");
  assert.equal(own.classify(undefined).kind, "unexpected");
  assert.deepEqual(events, ["configuration", "unexpected"]);
  assert.deepEqual(own.snapshot().counts, { transient: 1, configuration: 1, trips: 2, unexpected: 1 });
});

test("a longest value that is none is refused when the context is made", () => {
  assert.throws(() => errorContext({ valueMax: Number.NaN }), { name: "BadOptionError", field: "valueMax" });
});
