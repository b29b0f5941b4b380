// The family of errors: what each is called, whether it is a refusal, and what it carries.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { test } from "node:test";
import * as all from "@prunella/resilience";
import {
  AbortedError,
  BadOptionError,
  BreakerOpenError,
  CommitUnknownError,
  DeadlockError,
  GuardError,
  InvalidInputError,
  isRefusal,
  LimitReachedError,
  LockOrderError,
  RateLimitedError,
  RefusalError,
  RollbackError,
  TimeoutError,
  TransactionOverError,
  WaitTimeoutError,
} from "@prunella/resilience";

type Made = new (...args: readonly unknown[]) => GuardError;
const classes = Object.entries(all).filter(
  ([name, each]) => /^[A-Z]\w+Error$/.test(name) && ![GuardError, RefusalError].includes(each as never),
) as [string, Made][];

test("every error has the name of its class, a code of its own, its guard's name and the family that its page says", () => {
  const page = readFileSync(
    path.join(
      process.env["PRUNELLA_ROOT"] ?? path.resolve(import.meta.dirname, "../../.."),
      "docs/resilience/errors.md",
    ),
    "utf8",
  );
  const [refusals = "", others = ""] = page.split("| no refusal ");
  assert.ok(classes.length > 10);
  for (const [name, Each] of classes) {
    const error = new Each("orders", [], 1, "rule");
    assert.equal(error.name, name === "AbortedError" ? "AbortError" : name);
    assert.equal(error.guardName, "orders");
    assert.ok(error instanceof Error && error instanceof GuardError);
    const row = `\`${name}\``;
    assert.equal(isRefusal(error), refusals.includes(`| ${row}`), name);
    assert.equal(isRefusal(error), !others.includes(`| ${row}`), name);
    assert.ok(page.includes(`\`${error.code}\``), error.code);
    const traced = ["BadOptionError", "InvalidInputError"].includes(name);
    assert.equal(/\n\s+at /.test(error.stack ?? ""), traced, `${name}: only mistakes in the program carry a stack`);
  }
  assert.equal(new Set(classes.map(([, Each]) => new Each("a", [], 1, "b").code)).size, classes.length);
});

test("an error made here leaves the depth of other errors' stacks as it was", () => {
  const depth = Error.stackTraceLimit;
  void new all.TimeoutError("orders", 1);
  assert.equal(Error.stackTraceLimit, depth);
  assert.match(new Error("other").stack ?? "", /\n\s+at /);
});

test("nothing else is taken for a refusal, whatever it is", () => {
  for (const other of [undefined, null, 0, "refused", {}, { isRefusal: true }, new Error("no"), () => {}])
    assert.equal(isRefusal(other), false);
  assert.equal(isRefusal(Object.assign(new Error("of another copy"), { isRefusal: true })), true);
});

test("what an error knows beside its message is in fields of its own, and why it came to be in its cause", () => {
  const site = { lock: "a", owner: "me", mode: "write", site: "here" } as const;
  const cause = new Error("why");
  const cases: readonly (readonly [GuardError, Record<string, unknown>])[] = [
    [new BreakerOpenError("g", 500, cause), { retryAfterMs: 500, cause }],
    [new BreakerOpenError("g"), { retryAfterMs: undefined }],
    [new RateLimitedError("g", 1.2), { retryAfterMs: 1.2 }],
    [new LimitReachedError("g", 7), { limit: 7 }],
    [new AbortedError("g", cause), { cause }],
    [new TransactionOverError("g", cause), { cause }],
    [new WaitTimeoutError("g", "a turn", 50), { waitedMs: 50 }],
    [new LockOrderError("g", site, site, "rule"), { held: site, wanted: site }],
    [new DeadlockError("g", [site]), { cycle: [site] }],
    [new BadOptionError("g", "limit", 0, "above 0"), { field: "limit" }],
    [new InvalidInputError("g", "url", "short", "text"), { field: "url", rule: "short" }],
    [new TimeoutError("g", 100, "it", cause), { timeoutMs: 100, cause }],
    [new RollbackError("g", [cause], cause), { failures: [cause], cause }],
    [new CommitUnknownError("g", cause), { cause }],
  ];
  for (const [error, own] of cases) {
    for (const [key, value] of Object.entries(own))
      assert.deepEqual((error as unknown as Record<string, unknown>)[key], value);
    assert.equal("cause" in error, "cause" in own, error.name);
  }
});

test("a message says when to try again, rounded up, or later when nobody knows", () => {
  assert.match(new RateLimitedError("g", 1.2).message, /try again in 2 ms$/);
  assert.match(new RateLimitedError("g").message, /try again later$/);
});

test("a bad option is shown as it came, texts in quotes and cut, objects by their kind", () => {
  const shown = (value: unknown): string | undefined =>
    /limit is (.*), but must be good/.exec(new BadOptionError("g", "limit", value, "good").message)?.[1];
  const values = [undefined, null, 0, Number.NaN, true, "", "ten", "x".repeat(99), {}, [1], 10n ** 99n];
  assert.deepEqual(values.map(shown), [
    ...["undefined", "null", "0", "NaN", "true", '""', '"ten"'],
    `"${"x".repeat(60)}"`,
    ...["an object", "an object"],
    `1${"0".repeat(59)}`,
  ]);
});
