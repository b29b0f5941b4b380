// A cache with a hot set of keys. GET /hot asks for those; GET /scan reads through a great many others once, as a report does.
import { cache } from "@prunella/resilience";
import { guardsOn, serve, sleep } from "./kit.ts";

const entriesMax = 1_000;
const guarded = cache<number, string>({ name: "products", entriesMax });
const plain = new Map<number, string>();

/** Asks for a key as a caller does: from the cache, or made and put there. */
function ask(key: number): boolean {
  const found = guardsOn ? guarded.get(key) : plain.get(key);
  if (found !== undefined) return true;
  const value = `product ${key}`;
  if (guardsOn) guarded.set(key, value);
  else if (plain.size < 2_000_000) plain.set(key, value);
  return false;
}

async function run(keys: () => number, times: number): Promise<number> {
  let hits = 0;
  for (let n = 0; n < times; n += 1) {
    if (ask(keys())) hits += 1;
    if (n % 1_000 === 0) await sleep(1);
  }
  return hits / times;
}
const hot = (): number => Math.floor(Math.random() * 800);

serve({
  "/hot": async () => ({ hitRate: await run(hot, 20_000), ...state() }),
  "/scan": async () => {
    let next = 1_000_000;
    // The scan runs beside the usual callers, one in ten.
    return { hitRate: await run(() => (next % 10 === 0 ? (next++, hot()) : next++), 60_000), ...state() };
  },
});

function state(): Record<string, unknown> {
  const { values, counts, state: word } = guarded.snapshot();
  return {
    entries: guardsOn ? guarded.size : plain.size,
    state: word,
    recorded: values["hitRate"],
    storms: counts["storms"],
    hits: counts["hits"],
    misses: counts["misses"],
  };
}
