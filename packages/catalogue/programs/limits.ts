// A service with tenants and a backend of limited capacity. GET /work?tenant=NAME costs one unit of the tenant's quota; the
// backend is kept busy by calls under an adaptive limit, and POST /capacity?calls=N changes what it bears.
import { adaptiveLimit, rateLimiter } from "@prunella/resilience";
import { answer, guardsOn, serve, sleep } from "./kit.ts";

/** Units a second and tenant. */
const quota = 10;
const serviceMs = 20;
const quotas = rateLimiter({ name: "tenants", limit: quota, periodMs: 1_000, burst: quota });
const limit = adaptiveLimit({ name: "backend", algorithm: "aimd", initial: 20, min: 4, max: 200 });

/** Fifty units a second for all tenants together, twice what their quotas are in use: a flood let in takes it from everybody. */
const workersMax = 1;
const workMs = 20;
let working = 0;
const line: (() => void)[] = [];
async function work(): Promise<void> {
  if (working >= workersMax) await new Promise<void>((resolve) => void line.push(resolve));
  else working += 1;
  await sleep(workMs);
  const next = line.shift();
  if (next === undefined) working -= 1;
  else next();
}

let capacity = 40;
let inBackend = 0;
/** Refuses what is beyond its capacity, as an overloaded backend does. */
async function backend(): Promise<boolean> {
  if (inBackend >= capacity) return false;
  inBackend += 1;
  try {
    await sleep(serviceMs);
    return true;
  } finally {
    inBackend -= 1;
  }
}

/** Calls of the backend at once, when nothing limits them. */
const callers = 120;
let load = false;
async function caller(): Promise<void> {
  while (load) {
    if (guardsOn) {
      const permit = limit.tryAcquire();
      if (permit === undefined) {
        await sleep(2);
        continue;
      }
      if (await backend()) permit.success();
      else permit.drop();
      await sleep(1);
    } else if (!(await backend())) await sleep(1);
  }
}

serve({
  "/work": async ({ query }) => {
    const tenant = query.get("tenant") ?? "nobody";
    if (guardsOn) {
      const decision = quotas.check(tenant);
      if (!decision.allowed)
        return answer(
          429,
          { error: "quota exceeded" },
          { "retry-after": String(Math.max(1, Math.ceil(decision.retryAfterMs / 1_000))) },
        );
    }
    await work();
    return "done";
  },
  "/load": ({ query }) => {
    load = query.get("on") !== "false";
    if (load) for (let n = 0; n < callers; n += 1) void caller();
    return { load };
  },
  "/capacity": ({ query }) => {
    capacity = Number(query.get("calls") ?? 40);
    return { capacity };
  },
  /** How many calls are let to the backend at once, over the last samples, and how far that is from its capacity. */
  "/limit": async () => {
    const seen: number[] = [];
    for (let n = 0; n < 20; n += 1) {
      seen.push(guardsOn ? limit.limit : load ? callers : 0);
      await sleep(50);
    }
    const mean = seen.reduce((sum, each) => sum + each, 0) / seen.length;
    return { limit: Math.round(mean), capacity, ratio: Math.round((mean / capacity) * 100) / 100 };
  },
});
