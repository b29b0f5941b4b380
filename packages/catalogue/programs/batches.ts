// Works through batches of 1,000 items of 10 ms. It begins with one at a time; the limit is a control of the guard "items".
// /healthz says how old the oldest unfinished batch is, and fails beyond a second.
import { batch } from "@prunella/resilience";
import { answer, guardsOn, serve, sleep } from "./kit.ts";

const items = 1_000;
const itemMs = 10;
const ageMsMax = 1_000;
const guard = batch({ name: "items", limit: 1 });
let startedAt: number | null = null;
let last: Record<string, unknown> | null = null;

async function work(item: number): Promise<number> {
  await sleep(itemMs);
  if (item === 500) throw new Error("item 500 fails");
  return item;
}

async function run(): Promise<Record<string, unknown>> {
  const since = performance.now();
  const all = Array.from({ length: items }, (_, at) => at);
  let done = 0;
  let failed = 0;
  if (guardsOn)
    for (const outcome of await guard.map(all, work)) {
      if (outcome.status === "fulfilled") done += 1;
      else failed += 1;
    }
  else
    try {
      for (const item of all) {
        await work(item);
        done += 1;
      }
    } catch {
      failed += 1;
    }
  return { ms: Math.round(performance.now() - since), done, failed, limit: guard.limit };
}

serve({
  "/healthz": () => {
    const ageMs = startedAt === null ? 0 : performance.now() - startedAt;
    return ageMs > ageMsMax
      ? answer(503, { error: `a batch has been at work for ${Math.round(ageMs)} ms` })
      : { ageMs };
  },
  "/start": () => {
    startedAt = performance.now();
    void run().then((result) => {
      startedAt = null;
      last = result;
    });
    return "started";
  },
  "/last": () => last,
  /** One after another as the yardstick, then with the limit in force. */
  "/compare": async () => {
    const since = performance.now();
    for (let item = 0; item < items; item += 1) await sleep(itemMs);
    const sequentialMs = performance.now() - since;
    const result = await run();
    const ms = Number(result["ms"]);
    return {
      sequentialMs: Math.round(sequentialMs),
      ...result,
      timesFaster: Math.round((sequentialMs / ms) * 10) / 10,
    };
  },
});
