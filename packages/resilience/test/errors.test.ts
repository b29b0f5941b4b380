// The family of errors: what each is called, whether it is a refusal, and what it carries.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import path from "node:path";
import { test } from "node:test";
import * as all from "@prunella/resilience";
import { GuardError, isRefusal, RefusalError } from "@prunella/resilience";

type Made = new (...args: readonly unknown[]) => GuardError;
const classes = Object.entries(all).filter(
  ([name, each]) => /^[A-Z]\w+Error$/.test(name) && ![GuardError, RefusalError].includes(each as never),
) as [string, Made][];

test("every error has the name of its class, a code of its own, its guard's name and the family that its page says", () => {
  const page = readFileSync(path.resolve(import.meta.dirname, "../../../docs/resilience/errors.md"), "utf8");
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
