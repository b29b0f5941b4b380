// Callers of one upstream behind a breaker. POST /call?n=N makes so many calls at once; GET /state tells the breaker's state.
import { breaker } from "@prunella/resilience";
import process from "node:process";
import { guardsOn, serve, sleep } from "./kit.ts";

const upstream = process.env["UPSTREAM"] ?? "";
const openMs = 2_000;
const guard = breaker({ name: "upstream", openMs });
const events: string[] = [];
guard.listen(({ event }) => void events.push(event));

async function ask(): Promise<unknown> {
  const response = await fetch(`http://${upstream}/data/orders`, { signal: AbortSignal.timeout(2_000) });
  if (!response.ok) throw new Error(`upstream answered ${response.status}`);
  return response.json();
}

async function call(): Promise<{ ok: boolean; refused: boolean; ms: number }> {
  const asked = performance.now();
  try {
    await (guardsOn ? guard.execute(ask) : ask());
    return { ok: true, refused: false, ms: performance.now() - asked };
  } catch (error) {
    const refused = error instanceof Error && error.name === "BreakerOpenError";
    return { ok: false, refused, ms: performance.now() - asked };
  }
}

// Somebody always calls, so that the breaker has a reason to close by itself.
void (async () => {
  for (;;) {
    await call();
    await sleep(100);
  }
})();

serve({
  "/state": () => ({ state: guard.state, retryAfterMs: guard.retryAfterMs ?? null, events: events.slice(-20) }),
  /** One after another while open: how long a caller waits for its refusal. */
  "/refusals": async ({ query }) => {
    const times: number[] = [];
    let refused = 0;
    for (let n = Number(query.get("n") ?? 1_000); n > 0; n -= 1) {
      const { ms, refused: was } = await call();
      if (was) refused += 1;
      times.push(ms);
      if (!was) break;
    }
    times.sort((a, b) => a - b);
    const at = (share: number): number =>
      Math.round((times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? 0) * 1e4) / 1e4;
    return { calls: times.length, refused, msP50: at(0.5), msP99: at(0.99) };
  },
  /** Many at once, at the moment in which the breaker lets a trial through. */
  "/rush": async ({ query }) => {
    const left = guard.retryAfterMs ?? 0;
    if (guardsOn) await sleep(left + 5);
    const results = await Promise.all(Array.from({ length: Number(query.get("n") ?? 50) }, call));
    return {
      waitedMs: Math.round(left),
      ok: results.filter((each) => each.ok).length,
      refused: results.filter((each) => each.refused).length,
    };
  },
});
