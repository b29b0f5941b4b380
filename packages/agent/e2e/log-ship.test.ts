// Lines of real services reach the control plane once and in order, also through a rotation and a reconnect; a search finds
// what was rotated away.
import assert from "node:assert/strict";
import { test } from "node:test";
import { stage, until } from "./harness.ts";

test("what services write reaches the control plane in order; what it missed follows when it is back", async (t) => {
  const s = stage();
  t.after(() => s.end());
  const script = "i=0; while :; do echo out $i; echo err $i >&2; i=$((i+1)); sleep 0.05; done";
  await s.agent(s.plan([{ name: "talk", command: ["/bin/sh", "-c", script] }]));
  const link = await s.link();
  const lines = (stream: string): string[] =>
    link.batches.filter((batch) => batch.stream === stream).flatMap((batch) => batch.lines);
  await until(() => lines("out").length > 20 && lines("err").length > 20, "lines of both streams");
  for (const stream of ["out", "err"])
    lines(stream).forEach((line, at) => assert.equal(line, `${stream} ${at}`, "from the first line on, in order"));
  link.client.close();
  const seen = lines("out").length;
  const again = await s.link(2);
  const after = (): string[] => again.batches.filter((batch) => batch.stream === "out").flatMap((batch) => batch.lines);
  await until(() => after().length > 20, "lines on the new connection");
  const first = Number(after()[0]?.split(" ")[1]);
  // The batch under way when the connection closed may be lost; nothing comes twice.
  assert.ok(first >= seen && first <= seen + 60, `${first} after ${seen}`);
  after().forEach((line, at) => assert.equal(line, `out ${first + at}`));
});

test("lines keep coming through rotations, and a search finds them in the rotated files", async (t) => {
  const s = stage();
  t.after(() => s.end());
  const script =
    "i=0; while [ $i -lt 3000 ]; do echo number $i of a line that is long enough to fill a file; i=$((i+1)); [ $((i % 100)) = 0 ] && sleep 0.25; done; sleep 100";
  await s.agent(s.plan([{ name: "talk", command: ["/bin/sh", "-c", script], logs: { bytesMax: 20_000, files: 20 } }]));
  const link = await s.link();
  const lines = (): string[] => link.batches.flatMap((batch) => batch.lines);
  await until(() => lines().length >= 3_000, "all lines", 30_000);
  lines().forEach((line, at) => assert.ok(line.startsWith(`number ${at} `), `${at}: ${line}`));
  assert.equal(
    link.batches.reduce((sum, batch) => sum + batch.lost, 0),
    0,
  );
  const found = await link.client.logs("talk", 5_000, "number 17 ");
  assert.deepEqual(
    found.map((line) => line.text),
    ["number 17 of a line that is long enough to fill a file"],
  );
  const any = await link.client.logs("talk", 5_000, null, ["NUMBER 2998 ", "number 3 "]);
  assert.deepEqual(
    any.map((line) => line.text.split(" of")[0]),
    ["number 3", "number 2998"],
  );
});
