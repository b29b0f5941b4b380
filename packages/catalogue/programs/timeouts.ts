// Calls an upstream that accepts and never answers. GET /run?n=N makes so many and tells when their callers were freed, and
// what was left of them: timers, sockets, work.
import { timeout } from "@prunella/resilience";
import { get } from "node:http";
import process from "node:process";
import { guardsOn, serve, sleep } from "./kit.ts";

const upstream = process.env["UPSTREAM"] ?? "";
const timeoutMs = 300;
const guard = timeout({ name: "upstream", timeoutMs });
let aborted = 0;
let running = 0;

function ask(signal?: AbortSignal): Promise<void> {
  running += 1;
  return new Promise<void>((resolve, reject) => {
    const request = get(
      `http://${upstream}/data/orders`,
      { agent: false, ...(signal === undefined ? {} : { signal }) },
      (response) => {
        response.resume();
        response.on("end", () => resolve());
      },
    );
    request.on("error", (error) => {
      if (error.name === "AbortError") aborted += 1;
      reject(error);
    });
  }).finally(() => (running -= 1));
}

function resources(): { timers: number; sockets: number } {
  const all = process.getActiveResourcesInfo();
  return {
    timers: all.filter((each) => each === "Timeout").length,
    sockets: all.filter((each) => each === "TCPSocketWrap" || each === "TCPConnectWrap").length,
  };
}

serve({
  "/run": async ({ query }) => {
    const calls = Number(query.get("n") ?? 50);
    await sleep(50);
    const before = resources();
    aborted = 0;
    const freed: number[] = [];
    let giveUp: NodeJS.Timeout | undefined;
    await Promise.race([
      Promise.all(
        Array.from({ length: calls }, async () => {
          const asked = performance.now();
          try {
            await (guardsOn ? guard.execute((context) => ask(context.signal)) : ask());
          } catch {
            // Freed is what counts.
          }
          freed.push(performance.now() - asked);
        }),
      ),
      new Promise<void>((resolve) => (giveUp = setTimeout(resolve, 3_000))),
    ]);
    clearTimeout(giveUp);
    await sleep(200);
    const after = resources();
    return {
      calls,
      freed: freed.length,
      freedMsMax: Math.round(Math.max(0, ...freed)),
      freedMsMin: Math.round(Math.min(...freed, 1e9)),
      aborted,
      stillRunning: running,
      // The socket of whoever asks this is there both times.
      timersLeft: Math.max(0, after.timers - before.timers),
      socketsLeft: Math.max(0, after.sockets - before.sockets),
    };
  },
});
