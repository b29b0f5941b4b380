// One quota for several processes: each decision is one atomic GCRA step in a store that they share (a database row,
// a Redis script). When the store does not answer in time the process falls back to a local share of the quota.
import type { Reporting } from "../report.ts";
import { bounded } from "./bounded.ts";
import { openGuard } from "./guard.ts";
import type { GuardOptions } from "./guard.ts";
import { rateLimiter } from "./rate-limiter.ts";
import type { Quota, RateDecision } from "./rate-limiter.ts";

/** Milliseconds since 1970 are exact to a quarter of a thousandth only: so much of rounding, in ms, costs nobody a unit. */
const slackMs = 0.001;

/** The shared store. One implementation per database; `memoryQuotaStore` is the reference. */
export interface QuotaStore {
  /**
   * One atomic GCRA step. `arrival` is the key's stored theoretical arrival time (0 when absent), all in ms since 1970:
   * let next = max(arrival, now) + cost; if next - now <= allowance, store next and answer { taken: true, arrival: next },
   * else change nothing and answer { taken: false, arrival }. A key may be forgotten once now >= arrival.
   */
  take(key: string, costMs: number, allowanceMs: number, nowMs: number): Promise<{ taken: boolean; arrival: number }>;
}

/** The reference store, for tests and for several limiters in one process. Bounded: idle keys go first, then the oldest. */
export function memoryQuotaStore(keysMax = 100_000): QuotaStore {
  const arrivals = new Map<string, number>();
  return {
    // The interface is asynchronous because real stores are.
    async take(key, costMs, allowanceMs, nowMs) {
      const arrival = arrivals.get(key) ?? 0;
      const next = Math.max(arrival, nowMs) + costMs;
      if (next - nowMs > allowanceMs) return { taken: false, arrival };
      arrivals.delete(key);
      arrivals.set(key, next);
      for (const [each, until] of arrivals) {
        if (until > nowMs && arrivals.size <= keysMax) break;
        arrivals.delete(each);
      }
      return { taken: true, arrival: next };
    },
  };
}

export interface SharedQuotaOptions extends GuardOptions, Quota {
  readonly store: QuotaStore;
  /** Share of the quota that this process grants itself while the store does not answer (default 0.1; 0 refuses all). */
  readonly fallbackShare?: number;
  /** Longest wait for the store in ms (default 250). */
  readonly storeMs?: number;
}

export interface SharedQuota extends Reporting {
  /** Takes `weight` units (default 1) of the key's quota when they are there. Never rejects, answers within `storeMs`. */
  check(key: string, weight?: number): Promise<RateDecision>;
}

/** One quota over several processes. @throws BadOptionError for an option out of its range. */
export function sharedQuota(options: SharedQuotaOptions): SharedQuota {
  const guard = openGuard("shared-quota", options);
  const { system } = guard;
  const limit = guard.number(options, "limit", undefined, Number.MIN_VALUE);
  const burst = guard.number(options, "burst", limit, Number.MIN_VALUE);
  const unitMs = guard.number(options, "periodMs", undefined, 1) / limit;
  const storeMs = guard.number(options, "storeMs", 250, 1);
  const fallbackShare = guard.number(options, "fallbackShare", 0.1, 0, 1);
  const local =
    fallbackShare === 0
      ? undefined
      : rateLimiter({
          system,
          limit: limit * fallbackShare,
          periodMs: options.periodMs,
          burst: Math.max(1, burst * fallbackShare),
        });
  const count = { allowed: 0, refused: 0, storeFailures: 0 };
  let alone = false;

  return guard.complete<SharedQuota>(
    {
      async check(key, weight = 1) {
        const costMs = guard.check("weight", weight, 0) * unitMs;
        const now = system.wallNow();
        const ask = bounded(guard, "the store's answer", storeMs, async () => {
          const { taken, arrival } = await options.store.take(key, costMs, burst * unitMs + slackMs, now);
          // Drivers give numbers as texts, and truth as 0 and 1.
          const answer = { taken: Boolean(taken), arrival: Number(arrival) };
          guard.check("the store's arrival", answer.arrival, 0);
          return answer;
        });
        const outcome = await ask.outcome;
        let decision: RateDecision;
        if (outcome.kind === "done") {
          if (alone) guard.tell("store-back");
          alone = false;
          const { taken, arrival } = outcome.value;
          const aheadMs = Math.max(0, arrival - now);
          decision = {
            // The time that a refusal tells may be a request old: it is never none.
            allowed: taken,
            retryAfterMs: taken ? 0 : weight > burst ? Infinity : Math.max(1, aheadMs + costMs - burst * unitMs),
            remaining: Math.max(0, Math.floor(burst - Math.max(0, aheadMs - slackMs) / unitMs + 1e-6)),
            limit: burst,
          };
        } else {
          count.storeFailures += 1;
          if (!alone) guard.trip("store-lost", { why: outcome.kind });
          alone = true;
          decision = local?.check(key, weight) ?? { allowed: false, retryAfterMs: storeMs, remaining: 0, limit: 0 };
        }
        count[decision.allowed ? "allowed" : "refused"] += 1;
        return decision;
      },
    },
    () => ({ state: alone ? "alone" : "ok", values: { limit, burst }, counts: count }),
  );
}
