// The live stream of lines, over a real socket.
import assert from "node:assert/strict";
import { test } from "node:test";
import { output, withOutput } from "../test/output.ts";

test("lines are streamed as they come, those that fit, and what was left out is told", async (t) => {
  const { on } = await withOutput(output);
  t.after(() => on.close());
  const url = await on.listen();
  const response = await fetch(`${url}/api/v1/targets/api/logs/stream?level=error`);
  assert.equal(response.headers.get("content-type"), "text/event-stream; charset=utf-8");
  const reader = response.body!.getReader();
  let text = "";
  while (!text.includes("event: lost")) text += new TextDecoder().decode((await reader.read()).value);
  await reader.cancel();
  const lines = text.split("\n").filter((line) => line.startsWith("data: "));
  assert.deepEqual(
    lines
      .map((line) => JSON.parse(line.slice(6)) as { text?: string; count?: number })
      .map((each) => each.text ?? each.count),
    [output[3], output[5], 3],
  );
});
