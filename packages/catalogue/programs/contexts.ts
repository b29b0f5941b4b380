// 100 requests at once, each five asynchronous hops deep, and every one of them fails. GET /run tells whether each error knows
// its own request; POST /crash lets one of them go unhandled, so that the process dies of it.
import { contextOf, errorContext } from "@prunella/resilience";
import { AsyncLocalStorage } from "node:async_hooks";
import { guardsOn, serve, sleep } from "./kit.ts";

const context = errorContext({ name: "requests", storage: new AsyncLocalStorage() });
/** Without the library: the request that came last, for whoever asks. */
let current = "";

async function hop(depth: number, request: string): Promise<never> {
  await sleep(Math.random() * 20);
  if (depth < 5) return hop(depth + 1, request);
  throw new Error(`the fifth hop of ${request} failed`);
}

function handle(request: string): Promise<never> {
  if (guardsOn) return context.with({ request, tenant: `tenant-${request.length}` }, () => hop(1, request));
  current = request;
  return hop(1, request).catch((error: unknown) => {
    throw Object.assign(error as Error, { request: current });
  });
}

function requestOf(error: unknown): unknown {
  return guardsOn ? contextOf(error)?.["request"] : (error as { request?: unknown }).request;
}

serve({
  "/run": async () => {
    const requests = Array.from({ length: 100 }, (_, at) => `request-${at}`);
    let own = 0;
    await Promise.all(
      requests.map((request) =>
        handle(request).catch((error: unknown) => {
          if (requestOf(error) === request && (error as Error).message.includes(`${request} `)) own += 1;
          // The line of the log carries it too.
          console.error(
            JSON.stringify({ level: "error", message: (error as Error).message, request: requestOf(error) }),
          );
        }),
      ),
    );
    return { requests: requests.length, own };
  },
  "/crash": () => {
    for (let at = 0; at < 100; at += 1) {
      const failing = handle(`request-${at}`);
      // Nobody handles this one.
      if (at !== 57) failing.catch(() => undefined);
    }
    return "crashing";
  },
});
