import * as fc from "fast-check";
import assert from "node:assert/strict";
import { test } from "node:test";
import { ansiSpans, lineCharactersMax } from "../src/format/ansi.ts";
import { bytes, metricName, metricValue, plural, share } from "../src/format/number.ts";
import { block, clipped, harmless } from "../src/format/text.ts";
import { axisMarks, clock, duration, exact, relative, since } from "../src/format/time.ts";

const second = 1_000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

test("durations are read at a glance, with at most two units", () => {
  const table: readonly (readonly [number, string])[] = [
    [0, "0 ms"],
    [0.4, "<1 ms"],
    [1, "1 ms"],
    [999.4, "999 ms"],
    [999.6, "1.0 s"],
    [2_000, "2 s"],
    [4_240, "4.2 s"],
    [9_949, "9.9 s"],
    [12_400, "12 s"],
    [59_600, "1 min"],
    [200 * second, "3 min 20 s"],
    [12 * minute + 20 * second, "12 min"],
    [2 * hour + 5 * minute, "2 h 5 min"],
    [day, "1 d"],
    [6 * day + 3 * hour, "6 d 3 h"],
    [400 * day, "400 d"],
    [-4_240, "-4.2 s"],
    [Number.NaN, "–"],
  ];
  for (const [ms, text] of table) assert.equal(duration(ms), text, String(ms));
});

test("times are told in relation to now, forwards and backwards", () => {
  const now = 1_700_000_000_000;
  assert.equal(relative(now, now), "now");
  assert.equal(relative(now - 12 * second, now), "12 s ago");
  assert.equal(relative(now - 59 * minute, now), "59 min ago");
  assert.equal(relative(now - 2 * day, now), "2 d ago");
  assert.equal(relative(now + 3 * minute, now), "in 3 min");
  assert.equal(since(now + 4_200, now), "+4.2 s");
  assert.equal(since(now - 1, now), "+0 ms");
});

test("the exact time names its day, its second and its zone", () => {
  const at = Date.UTC(2024, 0, 31, 14, 2, 31);
  assert.equal(clock(at, "UTC"), "14:02:31");
  assert.match(exact(at, "UTC"), /31 Jan 2024.*14:02:31.*UTC/);
});

test("an axis has few round marks within its span, whatever the span", () => {
  assert.deepEqual(
    axisMarks(0, 10_000, 5),
    [0, 2_000, 4_000, 6_000, 8_000, 10_000].filter((at) => at % 2_000 === 0),
  );
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 2e12 }),
      fc.integer({ min: 1, max: 500 * day }),
      fc.integer({ min: 2, max: 12 }),
      (from, length, most) => {
        const marks = axisMarks(from, from + length, most);
        assert.ok(marks.length <= most + 1);
        for (const mark of marks) assert.ok(mark >= from && mark <= from + length);
      },
    ),
  );
});

test("shares never round to the whole or to nothing that they are not", () => {
  assert.equal(share(1), "100 %");
  assert.equal(share(0), "0 %");
  assert.equal(share(0.99999), "99.99 %");
  assert.equal(share(0.00004), "<0.01 %");
  assert.equal(share(0.333), "33.3 %");
  assert.equal(share(null), "–");
});

test("values carry the unit that their metric's name ends with", () => {
  assert.equal(metricValue("rssBytes", 91_090_944), "91 MB");
  assert.equal(metricValue("lagMsMax", 3.904), "3.9 ms");
  assert.equal(metricValue("latencyMsP95", 1_240), "1240 ms");
  assert.equal(metricValue("cpuShare", 0.5), "50 %");
  assert.equal(metricValue("requestsPerSecond", 0.998), "1.00 /s");
  assert.equal(metricValue("threads", 8), "8");
  assert.equal(metricName("heapUsedBytes"), "heap used");
  assert.equal(metricName("latencyMsP95"), "latency p95");
  assert.equal(bytes(999), "999 B");
  assert.equal(bytes(1_500), "1.5 kB");
  assert.equal(bytes(2_000_000_000), "2.0 GB");
  assert.equal(plural(1, "issue"), "1 issue");
  assert.equal(plural(1_200, "remedy", "remedies"), "1,200 remedies");
});

test("colours of a line become class names, everything else of a terminal is dropped", () => {
  assert.deepEqual(ansiSpans("plain"), [{ text: "plain", look: "" }]);
  assert.deepEqual(ansiSpans("\u001b[1;31mred\u001b[0m then \u001b[92mgreen\u001b[39m."), [
    { text: "red", look: "ansi-red ansi-bold" },
    { text: " then ", look: "" },
    { text: "green", look: "ansi-green" },
    { text: ".", look: "" },
  ]);
  assert.deepEqual(ansiSpans("\u001b[38;5;9mnine\u001b[38;2;1;2;3mmany"), [
    { text: "nine", look: "ansi-red" },
    { text: "many", look: "ansi-red" },
  ]);
  const shown = (line: string): string =>
    ansiSpans(line)
      .map((span) => span.text)
      .join("");
  assert.equal(shown("a\u001b[2J\u001b[10;10Hb"), "ab", "cursor and screen");
  assert.equal(shown("a\u001b]0;title\u0007b\u001b]8;;http://evil\u001b\\c"), "abc", "titles and links");
  assert.equal(shown("<b>bold</b>"), "<b>bold</b>", "markup is text");
});

test("a line of a megabyte is cut and says how much is missing; a storm of escapes makes few spans", () => {
  const spans = ansiSpans("x".repeat(1_000_000));
  assert.equal(spans.length, 2);
  assert.equal(spans[0]?.text.length, lineCharactersMax);
  assert.equal(spans[1]?.text, " … 996,000 more characters");
  assert.ok(ansiSpans("\u001b[31mx\u001b[0m".repeat(50_000)).length <= 201);
});

test("no text shows a control character, however it is put together", () => {
  const dangerous =
    /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069\u200e\u200f\u061c\u2028\u2029]/;
  assert.equal(harmless("a\u202eb\u202cc\u0000d\r\ne"), "a\ufffdb\ufffdc\ufffdd\ne");
  assert.equal(harmless("z\u0335\u0336\u0337\u0338\u0334\u0335"), "z\u0335\u0336\u0337\u0338", "stacked marks are cut");
  assert.equal(harmless("Zoë 🌿 👩‍🌾 été"), "Zoë 🌿 👩‍🌾 été", "ordinary text stays as it is");
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 40 }), (text) => {
      assert.doesNotMatch(harmless(text), dangerous);
      for (const span of ansiSpans(text)) assert.doesNotMatch(span.text, dangerous);
    }),
  );
});

test("long text is cut for its place and says so where the rest matters", () => {
  assert.equal(clipped("a".repeat(500), 10), `${"a".repeat(10)}…`);
  assert.equal(clipped("short"), "short");
  assert.match(block("a".repeat(30_000)), /… 10,000 more characters$/);
});
