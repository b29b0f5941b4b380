// A module that costs 500 ms to make. With guards it is made at first use, once; without, at start, and by everybody who finds
// it missing. GET /use?n=N lets so many callers use it at once; the first try fails.
import { lazy } from "@prunella/resilience";
import { guardsOn, serve, sleep } from "./kit.ts";

const costMs = 500;
let made = 0;
let tries = 0;

async function makeModule(): Promise<{ readonly answer: number }> {
  tries += 1;
  const mine = tries;
  await sleep(costMs);
  if (mine === 1) throw new Error("the module could not be made: its file was not there yet");
  made += 1;
  return { answer: 42 };
}

const startedAt = performance.now();
const guarded = lazy(makeModule, { name: "module" });
/** As it is written at the top of a file: made at once, and a failure is kept. */
const eager = guardsOn ? null : makeModule();
eager?.catch(() => undefined);
if (!guardsOn) await eager?.catch(() => undefined);
const startMs = performance.now() - startedAt;

serve({
  "/use": async ({ query }) => {
    const callers = Number(query.get("n") ?? 50);
    const since = performance.now();
    const results = await Promise.all(
      Array.from({ length: callers }, async () => {
        try {
          return (await (eager ?? guarded.get())).answer === 42;
        } catch {
          return false;
        }
      }),
    );
    return {
      callers,
      ok: results.filter((each) => each).length,
      ms: Math.round(performance.now() - since),
      made,
      tries,
      startMs: Math.round(startMs),
    };
  },
});
