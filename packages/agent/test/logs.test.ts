// Following and searching real files: every line once, whatever the writer and the rotation do; what is beyond a bound counted.
import assert from "node:assert/strict";
import { appendFileSync, copyFileSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { behindBytesMax, logFollower, type LogFollower } from "../src/log-follow.ts";
import { search } from "../src/log-search.ts";
import { linesPerSecondMax, logShip, type LogBatch } from "../src/log-ship.ts";

const folder = mkdtempSync(path.join(tmpdir(), "prunella-logs-"));
after(() => rmSync(folder, { recursive: true, force: true }));
let number = 0;
function fresh(text = ""): string {
  const file = path.join(folder, `log-${(number += 1)}`);
  writeFileSync(file, text);
  return file;
}
const wide = { linesMax: 1_000, bytesMax: 262_144 };

/** As log-file.ts rotates: the content moves to .1, the file is emptied under its writer. */
function rotate(file: string): void {
  copyFileSync(file, `${file}.new`);
  truncateSync(file, 0);
  renameSync(`${file}.new`, `${file}.1`);
}

/**
 * Steps: "+text" appends (| is a line break), "rotate", "?a,b" expects these lines of one round, "?" expects none.
 */
function check(steps: readonly string[], from = ""): void {
  const file = fresh(from.replaceAll("|", "\n"));
  const follower = logFollower(file, Buffer.byteLength(from));
  for (const [at, step] of steps.entries()) {
    if (step === "rotate") rotate(file);
    else if (step.startsWith("+")) appendFileSync(file, step.slice(1).replaceAll("|", "\n"));
    else
      assert.deepEqual(
        follower.next(wide).lines,
        step.slice(1) === "" ? [] : step.slice(1).split(","),
        `step ${at}: ${step}`,
      );
  }
}

test("each whole line is given once, from where it began; a line without its end waits", () => {
  check(["+one|two|", "?one,two", "?", "+thr", "?", "+ee|four|", "?three,four"]);
  check(["?", "+new|", "?new"], "old|older|");
});

test("a last line without its end is given when the writer has been quiet for a while", () => {
  check(["+done|Segmentation fault", "?done", "?", "?", "?Segmentation fault", "+|next|", "?,next"]);
});

test("a rotation loses no line and repeats none", () => {
  check(["+a|b|", "?a,b", "+c|d|", "rotate", "+e|", "?c,d,e", "+f|", "?f"]);
  check(["+a|", "?a", "rotate", "?", "+b|", "?b"]);
  check(["+one|", "?one", "rotate", "+two|", "?two"]);
  check(["+aaaa|", "?aaaa", "rotate", "+b|", "?b", "rotate", "+cc|", "?cc"]);
});

test("carriage returns and NULs are no trouble", () => {
  const file = fresh();
  const follower = logFollower(file, 0);
  appendFileSync(file, "one\r\ntwo\u0000\r\n");
  assert.deepEqual(follower.next(wide).lines, ["one", "two\u0000"]);
});

test("a line of a megabyte is given by its beginning, and the next line whole", () => {
  const file = fresh();
  const follower = logFollower(file, 0);
  appendFileSync(file, `${"x".repeat(900_000)}\nnext\n`);
  const lines: string[] = [];
  for (let round = 0; round < 6; round += 1) lines.push(...follower.next(wide).lines);
  assert.deepEqual(
    lines.map((line) => line.length),
    [2_000, 4],
  );
});

test("lines beyond the round's bound are left out and counted; bytes beyond the distance are skipped and counted", () => {
  const file = fresh();
  const follower = logFollower(file, 0);
  appendFileSync(file, "line\n".repeat(30));
  const some = follower.next({ ...wide, linesMax: 10 });
  assert.deepEqual([some.lines.length, some.lostLines], [10, 20]);
  appendFileSync(file, `${"0123456789\n".repeat(behindBytesMax / 8)}last\n`);
  const taken = drain(follower);
  assert.ok(taken.lostBytes > 0);
  assert.equal(taken.lines.at(-1), "last");
  assert.ok(
    taken.lines.every((line) => line === "0123456789" || line === "last"),
    "never half a line",
  );
});

function drain(follower: LogFollower): { lines: string[]; lostBytes: number } {
  const lines: string[] = [];
  let lostBytes = 0;
  for (;;) {
    const next = follower.next({ linesMax: 1_000_000, bytesMax: 262_144 });
    lines.push(...next.lines);
    lostBytes += next.lostBytes;
    if (next.lines.length === 0) return { lines, lostBytes };
  }
}

test("a file that does not exist yet is followed from its first line", () => {
  const file = path.join(folder, "later");
  const follower = logFollower(file, 0);
  assert.deepEqual(follower.next(wide).lines, []);
  writeFileSync(file, "first\n");
  assert.deepEqual(follower.next(wide).lines, ["first"]);
});

test("batches go out while somebody reads; otherwise places are kept and lines follow later", () => {
  const [out, err] = [fresh("history\n"), fresh()];
  const sent: LogBatch[] = [];
  const lost: string[] = [];
  let ready = true;
  const ship = logShip({
    ready: () => ready,
    send: (batch) => void sent.push(batch),
    countLost: (count, reason) => void lost.push(`${count} ${reason}`),
  });
  const service = {
    target: "api",
    adopted: true,
    record: { outFrom: 0, errFrom: 0 },
    logFile: (stream: "out" | "err") => (stream === "out" ? out : err),
  };
  ship.round([service], 1_000);
  assert.equal(sent.length, 0, "what an adopted process wrote before is history");
  appendFileSync(out, "one\n");
  appendFileSync(err, "bad\n");
  ship.round([service], 2_000);
  assert.deepEqual(
    sent.map(({ stream, at, lines }) => `${stream} ${at} ${lines.join()}`),
    ["err 2000 bad", "out 2000 one"],
  );
  ready = false;
  appendFileSync(out, "two\n");
  ship.round([service], 3_000);
  assert.equal(sent.length, 2);
  ready = true;
  ship.round([service], 4_000);
  assert.deepEqual(sent.at(-1)?.lines, ["two"]);
  appendFileSync(out, "flood\n".repeat(linesPerSecondMax + 7));
  ship.round([service], 5_000);
  assert.deepEqual([sent.at(-1)?.lines.length, sent.at(-1)?.lost], [linesPerSecondMax, 7]);
  assert.equal(lost.length, 0, "told once a minute");
  ship.round([service], 66_000);
  assert.match(lost.join(), /^7 api writes more lines than are analysed/);
});

async function found(file: string, lines: number, word = "", bytesMax = 1_000_000): Promise<string[]> {
  const options = { lines, fits: (line: string) => line.includes(word), bytesMax, filesMax: 5 };
  return (await search(file, options)).map((line) => `${line.age}:${line.text}`).toReversed();
}

test("a search goes from the newest line back through the rotated files, and stops when it has enough", async () => {
  const file = fresh("five\nsix error\n");
  writeFileSync(`${file}.1`, "three error\nfour\n");
  writeFileSync(`${file}.2`, "one error\ntwo\n");
  assert.deepEqual(await found(file, 3), ["1:four", "0:five", "0:six error"]);
  assert.deepEqual(await found(file, 10, "error"), ["2:one error", "1:three error", "0:six error"]);
  assert.deepEqual(
    await found(file, 10, "", 21),
    ["1:four", "0:five", "0:six error"],
    "within its bytes, no half line",
  );
  assert.deepEqual(await found(path.join(folder, "none"), 10), []);
});

test("a search reads files larger than one piece, with every line at its place", async () => {
  const lines = Array.from({ length: 60_000 }, (_, at) => `line ${String(at).padStart(8, "0")}`);
  const file = fresh(`${lines.join("\n")}\n`);
  const all = await found(file, 100_000, "", 10_000_000);
  assert.deepEqual(
    all,
    lines.map((line) => `0:${line}`),
  );
});
