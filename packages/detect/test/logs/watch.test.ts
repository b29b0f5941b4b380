import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { TemplateWatch, type TemplateFinding, type TemplateWatchSnapshot } from "@prunella/detect";

const minute = 60_000;

/** Plays `perMinute(id, minute)` lines of each id, evenly spread, and gives back the findings as "minute kind state id". */
function play(
  watch: TemplateWatch,
  minutes: number,
  perMinute: Readonly<Record<string, (at: number) => number>>,
): string[] {
  const findings: TemplateFinding[] = [];
  for (let at = 0; at < minutes; at += 1) {
    const lines = Object.entries(perMinute)
      .flatMap(([id, count]) =>
        Array.from({ length: count(at) }, (_, index) => ({ id, at: (at + (index + 0.5) / count(at)) * minute })),
      )
      .toSorted((a, b) => a.at - b.at);
    for (const each of lines) findings.push(...watch.observe(each.id, each.at, each.id.startsWith("error")));
    findings.push(...watch.advance((at + 1) * minute));
  }
  return findings.map(({ at, kind, state, id }) => `${String(Math.floor(at / minute))} ${kind} ${state} ${id}`);
}

const noisy = (mean: number) => (at: number) => mean + ((at * 7) % 5) - 2;

test("a steady stream gives no finding", () => {
  assert.deepEqual(
    play(new TemplateWatch(), 300, { a: noisy(20), b: noisy(5), c: (at) => (at % 10 === 0 ? 1 : 0) }),
    [],
  );
});

test("a rate that rises is found at the end of its minute and cleared when it is usual again", () => {
  const findings = play(new TemplateWatch(), 80, {
    a: noisy(20),
    b: (at) => (at >= 60 && at < 65 ? 120 : noisy(10)(at)),
  });
  assert.deepEqual(findings, ["61 rate-rose firing b", "68 rate-rose cleared b"]);
});

test("a rate that falls is found", () => {
  const findings = play(new TemplateWatch(), 62, { a: noisy(20), b: (at) => (at >= 60 ? 5 : noisy(100)(at)) });
  assert.deepEqual(findings, ["61 rate-fell firing b"]);
});

test("a template that stops is found after three times its longest gap, and cleared when it is back", () => {
  const findings = play(new TemplateWatch(), 100, {
    a: noisy(20),
    beat: (at) => (at % 2 === 0 && (at < 60 || at > 90) ? 1 : 0),
  });
  assert.deepEqual(findings, ["65 disappeared firing beat", "92 disappeared cleared beat"]);
});

test("silence of the whole stream is nobody's disappearance", () => {
  assert.deepEqual(
    play(new TemplateWatch(), 200, { a: (at) => (at < 60 ? 20 : 0), b: (at) => (at < 60 ? 1 : 0) }).filter((each) =>
      each.includes("disappeared"),
    ),
    [],
  );
});

test("a new template is a finding after the learning time only", () => {
  const findings = play(new TemplateWatch(), 30, {
    a: noisy(20),
    early: (at) => (at === 3 ? 1 : 0),
    late: (at) => (at === 20 ? 1 : 0),
  });
  assert.deepEqual(findings, ["20 new-template firing late"]);
});

test("where new templates come all the time only one that reports a failure is a finding", () => {
  const watch = new TemplateWatch();
  for (let at = 0; at < 1000; at += 1) assert.deepEqual(watch.observe(`t${String(at)}`, at * 2000), []);
  assert.equal(watch.observe("error x", 2_000_000, true)[0]?.kind, "new-template");
});

test("time that goes back changes nothing but the count", () => {
  const watch = new TemplateWatch();
  watch.observe("a", 10 * minute);
  watch.observe("a", 2 * minute);
  assert.equal(watch.snapshot().lastAt, 10 * minute);
  assert.equal(watch.counters().lines, 2);
});

test("memory is bounded and what is forgotten is counted", () => {
  const watch = new TemplateWatch({ templatesMax: 10 });
  for (let at = 0; at < 100; at += 1) watch.observe(`t${String(at)}`, at);
  assert.deepEqual(watch.counters(), { lines: 100, watched: 10, forgotten: 90 });
});

test("a long pause is caught up in bounded work", () => {
  const watch = new TemplateWatch();
  watch.observe("a", 0);
  watch.advance(1e15);
  assert.equal(watch.snapshot().lastAt, 1e15);
});

test("options that are no positive number are refused by name", () => {
  assert.throws(() => new TemplateWatch({ bucketMs: 0 }), /bucketMs must be a positive number/);
});

test("a watch that was written and read goes on with the same findings", () => {
  const step = fc.record({ id: fc.constantFrom("a", "b", "c", "d"), gap: fc.integer({ min: 0, max: 40_000 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), fc.array(step, { maxLength: 200 }), (before, after) => {
      const options = { learnMs: 120_000, bucketsMin: 3, linesMin: 1, deviationsMin: 1 };
      const watch = new TemplateWatch(options);
      let now = 0;
      for (const { id, gap } of before) watch.observe(id, (now += gap));
      const twin = TemplateWatch.restore(
        JSON.parse(JSON.stringify(watch.snapshot())) as TemplateWatchSnapshot,
        options,
      );
      for (const { id, gap } of after) {
        now += gap;
        const findings = watch.observe(id, now);
        assert.deepEqual(twin.observe(id, now), findings);
        for (const { confidence, observed, expected } of findings)
          assert.ok([confidence, observed, expected].every(Number.isFinite));
      }
    }),
  );
});
