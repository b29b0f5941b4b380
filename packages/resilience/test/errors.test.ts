import assert from "node:assert/strict";
import { test } from "node:test";
import {
  AbortedError,
  BadOptionError,
  BreakerOpenError,
  BulkheadFullError,
  ClosedError,
  CommitUnknownError,
  DeadlockError,
  GuardError,
  InvalidInputError,
  isRefusal,
  LimitReachedError,
  LockOrderError,
  QueueFullError,
  RateLimitedError,
  RollbackError,
  TimeoutError,
  TransactionOverError,
  WaitTimeoutError,
} from "@prunella/resilience";

const site = { lock: "a", owner: "me", mode: "write", site: "here" } as const;
const cause = new Error("why");
/** One of each: its code and name, and what it tells beside its message. */
const errors: readonly (readonly [GuardError, string, object?])[] = [
  [new BreakerOpenError("g", 500, cause), "BREAKER_OPEN", { retryAfterMs: 500, cause }],
  [new BulkheadFullError("g", "why"), "BULKHEAD_FULL"],
  [new RateLimitedError("g", 1.2), "RATE_LIMITED", { retryAfterMs: 1.2 }],
  [new LimitReachedError("g", 7), "LIMIT_REACHED", { limit: 7 }],
  [new AbortedError("g", cause), "ABORT", { cause }],
  [new QueueFullError("g", 10), "QUEUE_FULL"],
  [new ClosedError("g", "queue"), "CLOSED"],
  [new TransactionOverError("g", cause), "TRANSACTION_OVER", { cause }],
  [new WaitTimeoutError("g", "a turn", 50), "WAIT_TIMEOUT", { waitedMs: 50 }],
  [new LockOrderError("g", site, site, "rule"), "LOCK_ORDER", { held: site, wanted: site }],
  [new DeadlockError("g", [site]), "DEADLOCK", { cycle: [site] }],
  [new BadOptionError("g", "limit", 0, "above 0"), "BAD_OPTION", { field: "limit" }],
  [new InvalidInputError("g", "url", "short", "text"), "INVALID_INPUT", { field: "url", rule: "short" }],
  [new TimeoutError("g", 100, "it", cause), "TIMEOUT", { timeoutMs: 100, cause }],
  [new RollbackError("g", [cause], cause), "ROLLBACK", { failures: [cause], cause }],
  [new CommitUnknownError("g", cause), "COMMIT_UNKNOWN", { cause }],
];

test("every error has its code, its name, whose it is, and what it knows", () => {
  for (const [error, word, own = {}] of errors) {
    assert.ok(error instanceof GuardError && error instanceof Error);
    assert.deepEqual([error.code, error.guardName], [`PRUNELLA_${word}`, "g"]);
    assert.equal(error.name.replace(/Error$/, "").toUpperCase(), word.replaceAll("_", ""));
    for (const [key, value] of Object.entries(own))
      assert.deepEqual((error as unknown as Record<string, unknown>)[key], value);
    assert.equal("cause" in error, "cause" in own, word);
  }
});

test("only what a caller did wrong carries a stack, and the host's own errors keep theirs", () => {
  for (const [error, word] of errors)
    assert.equal(/\n {4}at /.test(error.stack ?? ""), ["BAD_OPTION", "INVALID_INPUT"].includes(word), word);
  assert.match(new Error("after all these").stack ?? "", /errors\.test/);
});

test("timeouts, failed rollbacks and lost commits are failures; everything else is a refusal", () => {
  const failures = errors.filter(([error]) => !isRefusal(error)).map(([, word]) => word);
  assert.deepEqual(failures, ["TIMEOUT", "ROLLBACK", "COMMIT_UNKNOWN"]);
  for (const other of [null, undefined, "text", { isRefusal: true }]) assert.equal(isRefusal(other), false);
  assert.equal(isRefusal(Object.assign(new Error("of another copy"), { isRefusal: true })), true);
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
