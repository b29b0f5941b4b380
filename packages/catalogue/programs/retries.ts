// Calls an upstream that often fails. GET /patient makes calls that retry; GET /storm makes calls while it is down for
// everyone, under a budget; POST /calm makes calls that succeed, so that the budget fills again.
import { callBudget, retry } from "@prunella/resilience";
import process from "node:process";
import { guardsOn, serve } from "./kit.ts";

const upstream = process.env["UPSTREAM"] ?? "";
const delayMs = 20;
const budget = callBudget({ name: "retries", ratio: 0.1, burst: 10 });
const patient = retry({ name: "patient", attemptsMax: 16, delayMs, delayMsMax: 60 });
const thrifty = retry({ name: "thrifty", attemptsMax: 4, delayMs, budget });
let attempts = 0;
let gaps: number[] = [];

async function ask(): Promise<unknown> {
  attempts += 1;
  const response = await fetch(`http://${upstream}/data/orders`, { signal: AbortSignal.timeout(2_000) });
  await response.text();
  if (!response.ok) throw new Error(`upstream answered ${response.status}`);
  return null;
}

async function many(calls: number, once: () => Promise<unknown>): Promise<{ ok: number; attempts: number }> {
  attempts = 0;
  let ok = 0;
  const workers = Array.from({ length: 10 }, async () => {
    for (let n = 0; n < calls / 10; n += 1) {
      try {
        await once();
        ok += 1;
      } catch {
        // Counted by what is missing.
      }
    }
  });
  await Promise.all(workers);
  return { ok, attempts };
}

serve({
  "/patient": async () => {
    gaps = [];
    const calls = 200;
    const { ok, attempts: made } = await many(calls, () => {
      if (!guardsOn) return ask();
      let last = 0;
      return patient.execute(() => {
        const now = performance.now();
        if (last > 0) gaps.push(now - last);
        return ask().finally(() => (last = performance.now()));
      });
    });
    const sorted = gaps.toSorted((a, b) => a - b);
    const at = (share: number): number => sorted[Math.floor(sorted.length * share)] ?? 0;
    return {
      calls,
      ok,
      successShare: ok / calls,
      attempts: made,
      delayMsP10: at(0.1),
      delayMsP90: at(0.9),
      spreadMs: at(0.9) - at(0.1),
    };
  },
  "/storm": async () => {
    const calls = 1_000;
    const { ok, attempts: made } = await many(calls, () => (guardsOn ? thrifty.execute(ask) : hopeful()));
    return { calls, ok, attempts: made, extraShare: made / calls - 1 };
  },
  "/calm": async () => many(300, () => (guardsOn ? thrifty.execute(ask) : ask())),
});

/** As it is written without a budget: three more tries each. */
async function hopeful(): Promise<unknown> {
  for (let tries = 0; ; tries += 1) {
    try {
      return await ask();
    } catch (error) {
      if (tries === 3) throw error;
    }
  }
}
