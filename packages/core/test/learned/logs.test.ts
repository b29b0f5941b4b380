import assert from "node:assert/strict";
import { test } from "node:test";
import type { Detection, Finding } from "@prunella/core";
import { randomOf, stage, type Stage } from "./stage.ts";

const quick: Partial<Detection> = { learnMs: 600_000 };

/** An ordinary service: a request line a second, a job each minute, a warning now and then. */
function ordinary(on: Stage, seconds: number, more: (second: number) => readonly string[] = () => []): void {
  const random = randomOf(9);
  on.pass(seconds, (_at, second) => {
    on.lines("api", [
      `request GET /orders/${Math.floor(random() * 1e6)} 200 in ${Math.floor(random() * 90)} ms`,
      `request GET /orders/${Math.floor(random() * 1e6)} 200 in ${Math.floor(random() * 90)} ms`,
      ...(second % 60 === 0 ? [`job cleanup removed ${Math.floor(random() * 40)} rows`] : []),
      ...more(second),
    ]);
  });
}

/** What began after an ordinary hour, as "kind severity". */
function check(more: (second: number) => readonly string[], seconds: number, expected: readonly string[]): Stage {
  const on = stage({ detection: quick });
  ordinary(on, 3_600);
  assert.deepEqual(names(on.began), [], "an ordinary hour says nothing");
  ordinary(on, seconds, more);
  assert.deepEqual(names(on.began), expected);
  return on;
}

test("an error line never seen before is a finding by its template, with an example; its repetitions fold into it", () => {
  const on = check(
    (second) => (second % 10 === 5 ? [`ERROR payment ${second} was declined by bank ${second * 7}: code 51`] : []),
    60,
    ["log-error medium"],
  );
  const finding = on.began[0]!;
  assert.match(finding.summary, /api writes a kind of error never seen before: payment <\*> was declined by bank <\*>/);
  assert.match(finding.evidence[0]?.text ?? "", /declined by bank/);
  assert.equal(finding.ripe, false);
  const [template] = on.learner.read.templates("api", on.now()).filter((each) => each.id === finding.distinguisher);
  assert.deepEqual([template?.isNew, template?.isErrorLike, template?.level], [true, true, "error"]);
});

test("a new line that reports no failure is no finding", () => {
  check((second) => (second === 10 ? ["feature flag checkout is now on for 10 % of users"] : []), 60, []);
});

test("a new error is over when it was not written for a minute", () => {
  const on = check((second) => (second === 10 ? ["ERROR disk quota exceeded on volume 7"] : []), 40, [
    "log-error medium",
  ]);
  assert.equal(on.findings().length, 1);
  ordinary(on, 90);
  assert.deepEqual(on.findings(), []);
});

test("a template that occurs many times more often is a low finding, and ends when the rate is usual again", () => {
  const on = check(() => Array.from({ length: 30 }, (_, at) => `request GET /orders/${at} 200 in ${at} ms`), 180, [
    "log-rate low",
  ]);
  ordinary(on, 600);
  assert.deepEqual(on.findings(), []);
});

test("a job that no longer reports is noticed", () => {
  const on = stage({ detection: quick });
  ordinary(on, 3_600);
  const random = randomOf(1);
  on.pass(600, () => on.lines("api", [`request GET /orders/${Math.floor(random() * 1e6)} 200 in 5 ms`]));
  assert.ok(names(on.began).includes("log-gone low"), names(on.began).join());
  assert.match(
    on.began.find((each) => each.kind === "log-gone")!.summary,
    /no longer writes what came regularly: job cleanup/,
  );
});

test("JSON and logfmt lines are read: message, level and stack", () => {
  const on = stage({ detection: quick });
  ordinary(on, 1_200);
  on.pass(3, (at) =>
    on.lines("api", [
      JSON.stringify({ level: 50, time: at, msg: "cannot charge card", err: { type: "TypeError", stack: stack } }),
      `level=error msg="queue is full" size=10000 ts=${at}`,
    ]),
  );
  on.pass(2);
  assert.deepEqual(
    on
      .findings()
      .map((finding) => finding.kind)
      .sort(),
    ["error", "log-error", "log-error"],
  );
});

const stack = [
  "TypeError: cannot read the price of undefined",
  "    at priceOf (/srv/shop/dist/prices.js:12:19)",
  "    at async handle (/srv/shop/dist/api.js:44:7)",
].join("\n");

test("a stack written over several lines is one record and an error group, the same one the probe reports", () => {
  const on = stage({ detection: quick });
  ordinary(on, 900);
  on.pass(1, () => on.lines("api", stack.split("\n"), "err"));
  on.pass(3);
  const [logged] = on.findings().filter((finding) => finding.kind === "error");
  assert.ok(logged !== undefined, names(on.began).join());
  assert.equal(on.views.get("api")!.errors.get(logged.distinguisher)?.total, 1);
  const probed = stage();
  probed.send({
    id: "e1",
    type: "error",
    target: "api",
    at: probed.now(),
    origin: "uncaught",
    error: { name: "TypeError", message: "cannot read the price of undefined", code: null, stack },
  });
  assert.equal(probed.findings()[0]?.distinguisher, logged.distinguisher);
});

test("an error that the probe reported and the service also printed counts once", () => {
  const on = stage({ detection: quick });
  ordinary(on, 60);
  on.pass(1, (at) => {
    on.send({
      id: "e1",
      type: "error",
      target: "api",
      at,
      origin: "unhandledRejection",
      error: { name: "TypeError", message: "cannot read the price of undefined", code: null, stack },
    });
    on.lines("api", stack.split("\n"), "err");
  });
  on.pass(3);
  assert.equal(on.views.get("api")!.errors.values().next().value?.total, 1);
});

test("template ids and what is usual survive a restart", () => {
  const first = stage({ detection: quick });
  ordinary(first, 3_600);
  const ids = first.learner.read.templates("api", first.now()).map((each) => each.id);
  const second = stage({ detection: quick, saved: first.saved(), at: first.now() });
  ordinary(second, 60, (second_) => (second_ === 30 ? ["ERROR something never seen: 77"] : []));
  assert.deepEqual(names(second.began), ["log-error medium"], "without a second learning time");
  const again = second.learner.read.templates("api", second.now());
  for (const id of ids)
    assert.ok(
      again.some((each) => each.id === id),
      `template ${id} kept its id`,
    );
  assert.ok(again[0]!.count > 7_000, "counts go on");
});

test("lines made to flood the miner stay within its bounds, and ordinary findings go on", () => {
  const on = stage({ detection: quick });
  ordinary(on, 900);
  const random = randomOf(4);
  const word = (): string => Math.floor(random() * 36 ** 6).toString(36);
  on.pass(20, () =>
    on.lines(
      "api",
      Array.from({ length: 200 }, () => `${word()} ${word()} ${word()} ${word()}`),
    ),
  );
  on.pass(1, () => on.lines("api", [`x${"y".repeat(1_000_000)}`]));
  on.pass(3);
  const templates = on.learner.read.templates("api", on.now());
  assert.ok(templates.length <= 1_000, String(templates.length));
  assert.ok(templates.every((each) => each.example.length <= 2_000));
  assert.ok(on.findings().length <= 20);
});

function names(findings: readonly Finding[]): string[] {
  return findings.map((finding) => `${finding.kind} ${finding.severity}`);
}
