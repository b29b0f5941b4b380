// A dependency that does as it is told: POST /mode?path=NAME&mode=good|malformed|bug-once|hang|flaky&… decides how GET /data/NAME answers.
import { answer, serve, sleep } from "./kit.ts";

interface Mode {
  readonly mode: string;
  /** Share of the requests that fail, for "flaky". */
  readonly share: number;
  /** Time to answer, ms. */
  readonly delayMs: number;
}
const modes = new Map<string, Mode>();
const good: Mode = { mode: "good", share: 0, delayMs: 0 };
const count = { requests: 0, failed: 0 };
let inFlight = 0;
let inFlightMax = 0;

async function data(name: string): Promise<unknown> {
  const mode = modes.get(name) ?? good;
  count.requests += 1;
  inFlight += 1;
  inFlightMax = Math.max(inFlightMax, inFlight);
  try {
    if (mode.delayMs > 0) await sleep(mode.delayMs);
    switch (mode.mode) {
      case "malformed":
        return { entries: "this is no list" };
      case "bug-once":
        modes.delete(name);
        return { entries: [null] };
      case "hang":
        return await new Promise(() => undefined);
      case "flaky":
        if (Math.random() >= mode.share) break;
        count.failed += 1;
        return answer(503, { error: "overloaded" });
      default:
        break;
    }
    return { entries: [{ name, value: 1 }] };
  } finally {
    inFlight -= 1;
  }
}

serve({
  "/data/orders": () => data("orders"),
  "/data/prices": () => data("prices"),
  "/mode": ({ query }) => {
    const name = query.get("path") ?? "orders";
    modes.set(name, {
      mode: query.get("mode") ?? "good",
      share: Number(query.get("share") ?? 0),
      delayMs: Number(query.get("delayMs") ?? 0),
    });
    return { ...modes.get(name) };
  },
  "/reset": () => {
    modes.clear();
    Object.assign(count, { requests: 0, failed: 0 });
    inFlightMax = 0;
    return "ok";
  },
  "/count": () => ({ ...count, inFlightMax }),
});
