// A limit on calls in flight that finds its own height and shares it between tenants. Measures, decides, refuses;
// never queues. The rules that move the limit are in limit-algorithms.ts.
import type { Reporting } from "../report.ts";
import { LimitReachedError } from "../errors.ts";
import { openGuard } from "./guard.ts";
import type { GuardOptions, OpenGuard } from "./guard.ts";
import { quietly } from "../cancel.ts";
import { aimd, gradient2, vegas } from "./limit-algorithms.ts";
import type { LimitAlgorithm, LimitBounds } from "./limit-algorithms.ts";

export interface AdaptiveLimitOptions extends GuardOptions, LimitBounds {
  /** How the limit moves (default "gradient2", drop-aware). An own LimitAlgorithm brings its own bounds. */
  readonly algorithm?: "aimd" | "gradient2" | "vegas" | LimitAlgorithm;
  /**
   * Share of the limit that each named tenant is sure of; the sum is at most 1, what is left is for all others together.
   * Without it every tenant with calls in flight is sure of an equal share. While there is room anyone may use it; a tenant
   * below its share gets in even at the limit, so that less than twice the limit can be in flight.
   */
  readonly shares?: Readonly<Record<string, number>>;
  /** Errors of `run` that mean "overloaded" (default: those whose name is TimeoutError, or whose status is 429 or 503). One that throws means no. */
  readonly isDrop?: (error: unknown) => boolean;
}

/** A call in flight. The first word counts, later ones do nothing. */
export interface LimitPermit {
  /** It ended; its latency counts. */
  success(): void;
  /** It timed out or was refused by overload. */
  drop(): void;
  /** It ended in a way that says nothing about the load (a bad request, a cancelled call). */
  ignore(): void;
}

export interface AdaptiveLimit extends Reporting {
  readonly limit: number;
  readonly inflight: number;
  /** A permit when one is free for this tenant, or undefined. */
  tryAcquire(tenant?: string): LimitPermit | undefined;
  /** Runs under a permit. @throws LimitReachedError when refused; else what the work throws. */
  run<Value>(work: () => Value | PromiseLike<Value>, tenant?: string): Promise<Value>;
}

/** Name under which tenants without a share of their own are counted when `shares` is given. */
const others = "others";

/** A limit on calls in flight that adapts. @throws BadOptionError for an option out of its range or shares above 1. */
export function adaptiveLimit(options: AdaptiveLimitOptions = {}): AdaptiveLimit {
  const guard = openGuard("adaptive-limit", options);
  const { system } = guard;
  const algorithm = algorithmOf(guard, options);
  const { shares, isDrop = looksOverloaded } = options;
  const leftShare = shares === undefined ? 0 : restOf(guard, shares);
  /** Calls in flight by tenant; a tenant without any has no entry, so the map is bounded by the calls in flight. */
  const flying = new Map<string, number>();
  const count = { accepted: 0, refused: 0, succeeded: 0, dropped: 0, ignored: 0 };
  let limit = algorithm.initial;
  /** What the algorithm says; the limit is that, but never above the cap. */
  let found = limit;
  let cap = Infinity;
  /** The limit that listeners last heard of. */
  let told = limit;
  let inflight = 0;
  let refusing = false;

  /** Calls that a tenant with calls in flight is sure of: at least one. */
  function sureOf(tenant: string): number {
    const share =
      shares === undefined
        ? 1 / flying.size
        : (Object.hasOwn(shares, tenant) ? (shares[tenant] ?? 0) : 0) + (tenant === others ? leftShare : 0);
    // What a share loses by rounding (1 - 0.8 is less than 0.2) costs it no call.
    return Math.max(1, Math.floor(limit * share + 1e-9));
  }

  function tryAcquire(name = "default"): LimitPermit | undefined {
    const tenant = shares === undefined || Object.hasOwn(shares, name) ? name : others;
    const own = flying.get(tenant) ?? 0;
    // Shares are filled one after another, and tenants may be more than places: all of them together have a bound too.
    if (inflight >= limit && (inflight + 1 >= 2 * limit || own >= sureOf(tenant))) {
      count.refused += 1;
      if (!refusing) {
        refusing = true;
        guard.trip("limiting", { limit, inflight, tenant });
      }
      return undefined;
    }
    count.accepted += 1;
    inflight += 1;
    flying.set(tenant, own + 1);
    const startedAt = system.now();
    const inflightAtStart = inflight;
    let open = true;
    const end = (how: "succeeded" | "dropped" | "ignored"): void => {
      if (!open) return;
      open = false;
      inflight -= 1;
      const left = (flying.get(tenant) ?? 1) - 1;
      if (left === 0) flying.delete(tenant);
      else flying.set(tenant, left);
      count[how] += 1;
      if (refusing && inflight < limit / 2) {
        refusing = false;
        guard.tell("relieved", { limit, inflight });
      }
      if (how !== "ignored")
        move(
          algorithm.update({ rttMs: system.now() - startedAt, inflight: inflightAtStart, dropped: how === "dropped" }),
        );
    };
    return { success: () => end("succeeded"), drop: () => end("dropped"), ignore: () => end("ignored") };
  }

  function move(wanted: number): void {
    found = wanted;
    const next = Math.min(found, cap);
    if (next === limit) return;
    const before = limit;
    limit = next;
    // A limit moves with nearly every sample; listeners hear of halvings and doublings of what they last heard.
    if (limit >= told * 2 || limit <= told / 2) {
      told = limit;
      guard.tell("limit-changed", { limit, before, inflight });
    }
  }

  return guard.complete<AdaptiveLimit>(
    {
      controls: {
        "set-limit-max": (argument) => {
          cap = guard.check("limit-max", Number(argument), 1, undefined, true);
          guard.tell("capped", { cap });
          move(found);
        },
      },
      get limit() {
        return limit;
      },
      get inflight() {
        return inflight;
      },
      tryAcquire,
      async run(work, tenant) {
        const permit = tryAcquire(tenant);
        if (permit === undefined) throw new LimitReachedError(guard.name, limit);
        try {
          const value = await work();
          permit.success();
          return value;
        } catch (error) {
          quietly(() => isDrop(error) && permit.drop());
          permit.ignore();
          throw error;
        }
      },
    },
    () => ({
      state: refusing ? "limiting" : "ok",
      values: { limit, inflight, tenants: flying.size },
      counts: count,
    }),
  );
}

function algorithmOf(guard: OpenGuard, options: AdaptiveLimitOptions): LimitAlgorithm {
  const { algorithm = "gradient2" } = options;
  if (typeof algorithm === "object") return algorithm;
  guard.oneOf("algorithm", algorithm, ["aimd", "gradient2", "vegas"]);
  const min = guard.number(options, "min", algorithm === "vegas" ? 1 : 4, 1);
  const max = guard.number(options, "max", 200, min);
  const initial = guard.number(options, "initial", Math.min(max, Math.max(min, 20)), min, max);
  const bounds = { min, max, initial };
  switch (algorithm) {
    case "aimd":
      return aimd(bounds);
    case "gradient2":
      return gradient2(bounds);
    case "vegas":
      return vegas({ ...bounds, random: () => guard.system.random() });
  }
}

function restOf(guard: OpenGuard, shares: Readonly<Record<string, number>>): number {
  let sum = 0;
  for (const [tenant, share] of Object.entries(shares)) sum += guard.check(`shares.${tenant}`, share, 0, 1);
  return 1 - guard.check("sum of shares", Math.round(sum * 1e9) / 1e9, 0, 1);
}

function looksOverloaded(error: unknown): boolean {
  const { name, status, statusCode } = Object(error) as { name?: unknown; status?: unknown; statusCode?: unknown };
  const code = status ?? statusCode;
  return name === "TimeoutError" || code === 429 || code === 503;
}
