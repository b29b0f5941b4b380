// A rate limiter by GCRA (ITU-T I.371): one number per key, no timer per key, decisions in constant time. Decisions
// are values; whoever prefers to wait uses `acquire`. Limits scale at once when the observed capacity changes.
import type { Reporting } from "../report.ts";
import { RateLimitedError } from "../errors.ts";
import { openGuard } from "./guard.ts";
import type { GuardOptions, OpenGuard } from "./guard.ts";
import type { Cancel } from "../cancel.ts";
import { refuseAborted, sleep } from "../cancel.ts";

export interface Quota {
  /** Units per period, above 0. */
  readonly limit: number;
  /** Length of the period in ms. */
  readonly periodMs: number;
  /** Units that may be taken at once after a pause (default: `limit`). Over any span at most burst + limit x span / period pass. */
  readonly burst?: number;
}

export interface RateDecision {
  readonly allowed: boolean;
  /** Time after which the same request can pass, in ms: 0 when allowed, Infinity when its weight exceeds the burst. */
  readonly retryAfterMs: number;
  /** Units that could still be taken now. */
  readonly remaining: number;
  /** Burst of the key's quota, in units. */
  readonly limit: number;
}

export interface RateLimiterOptions extends GuardOptions, Quota {
  /** The quota of one key (default: that of the limiter). Answer `undefined` for the default one. */
  readonly quotaOf?: (key: string) => Quota | undefined;
  /** Most keys tracked (default 100,000). Further new keys share one bucket until old ones are idle, and are counted. */
  readonly keysMax?: number;
  /** Longest wait of `acquire` in ms (default 30,000); a longer one is refused at once. */
  readonly waitMsMax?: number;
  /** Most calls waiting in `acquire` (default 1,000). */
  readonly waitersMax?: number;
}

export interface RateLimiter extends Reporting {
  /** Takes `weight` units (default 1) when they are there. */
  check(key?: string, weight?: number): RateDecision;
  /** As `check`, only whether it was allowed: nothing is allocated. */
  tryTake(key?: string, weight?: number): boolean;
  /**
   * Waits for its turn (units are reserved in the order of the calls). @throws RateLimitedError when the wait would be longer than
   * `waitMsMax` or too many wait; AbortedError, after giving the units back if nobody has reserved behind it.
   */
  acquire(key?: string, options?: { readonly weight?: number; readonly signal?: Cancel }): Promise<void>;
  /** Empties the key's bucket for `forMs`: the answer to a 429 with Retry-After. Turns that are waited for already stay as they are. */
  block(key: string, forMs: number): void;
  /** Multiplies every limit and burst (default 1): half the capacity, half the quota. */
  scale: number;
  /** Keys tracked now. */
  readonly keys: number;
}

/** Bucket shared by new keys beyond `keysMax`. */
const overflowKey = "\u0000overflow";
/** Tracked keys looked at per new key, to forget idle ones. */
const sweepSlice = 4;

/** What rounding may cost, in ms: also after weeks, when a time has fewer digits left behind its point, nobody loses a unit to it. */
const slackMs = (unitMs: number, now: number): number => unitMs * 1e-6 + now * 1e-12;

/** Quotas per key. @throws BadOptionError for an option out of its range, also from `quotaOf` when it is used. */
export function rateLimiter(options: RateLimiterOptions): RateLimiter {
  const guard = openGuard("rate-limiter", options);
  const { system } = guard;
  const keysMax = guard.integer(options, "keysMax", 100_000, 1);
  const waitMsMax = guard.number(options, "waitMsMax", 30_000, 0, Infinity);
  const waitersMax = guard.integer(options, "waitersMax", 1000, 0);
  const own = checked(guard, options);
  /** Key to its place in `arrivals`: one look at a table per decision, and nothing to allocate. */
  const places = new Map<string, number>();
  /** Theoretical arrival times: monotonic ms at which the bucket is full again. Doubles when it is full, never shrinks. */
  let arrivals = new Float64Array(8);
  /** Places of keys that were forgotten. */
  const vacant: number[] = [];
  const count = { allowed: 0, refused: 0, overflowed: 0, swept: 0, blocked: 0 };
  let scale = 1;
  let sweep: IterableIterator<[string, number]> | undefined;
  /** When it is said to be relieved: this long after the last refusal, in ms. */
  const quietMs = Math.min(60_000, Math.max(1000, options.periodMs));
  let refusing = false;
  let refusedAt = 0;
  let waiting = 0;

  function quotaFor(key: string): Checked {
    const special = options.quotaOf?.(key);
    return special === undefined ? own : checked(guard, special);
  }

  /** Forgets a few keys whose bucket is full again: they are as good as never seen. */
  function sweepSome(now: number): void {
    for (let step = 0; step < sweepSlice; step += 1) {
      sweep ??= places.entries();
      const next = sweep.next();
      if (next.done === true) {
        sweep = undefined;
        return;
      }
      const [key, place] = next.value;
      if ((arrivals[place] as number) <= now) {
        places.delete(key);
        vacant.push(place);
        count.swept += 1;
      }
    }
  }

  /** The arrival time of a key; undefined when it is not tracked. */
  function arrivalOf(key: string): number | undefined {
    const place = places.get(key);
    return place === undefined ? undefined : arrivals[place];
  }

  function track(key: string, arrival: number): void {
    const place = places.get(key) ?? vacant.pop() ?? places.size;
    if (place === arrivals.length) {
      const larger = new Float64Array(2 * place);
      larger.set(arrivals);
      arrivals = larger;
    }
    arrivals[place] = arrival;
    places.set(key, place);
  }

  /** The key under which one that is not tracked yet is counted. */
  function keyForNewcomer(key: string, now: number): string {
    if (key === overflowKey) return key;
    sweepSome(now);
    if (places.size < keysMax) return key;
    count.overflowed += 1;
    return overflowKey;
  }

  /** A scaled burst still lets one unit pass at a time, if the unscaled one does. */
  const scaledBurst = ({ burst }: Checked): number => Math.max(Math.min(1, burst), burst * scale);

  /** Takes the units, or answers how long until they are there (ms above 0). */
  function take(key: string, weight: number, quota: Checked, now: number): number {
    const unitMs = quota.unitMs / scale;
    const burst = scaledBurst(quota);
    const place = places.get(key);
    if (place === undefined) {
      const instead = keyForNewcomer(key, now);
      if (instead !== key) return take(instead, weight, quota, now);
    }
    const stored = place === undefined ? now : (arrivals[place] as number);
    const arrival = Math.max(stored, now) + weight * unitMs;
    const waitMs = arrival - now - burst * unitMs;
    if (waitMs > slackMs(unitMs, now)) return weight > burst ? Infinity : waitMs;
    if (place === undefined) track(key, arrival);
    else arrivals[place] = arrival;
    return 0;
  }

  function attempt(key: string, weight: number, quota: Checked): number {
    const now = system.now();
    if (!(weight >= 0)) guard.check("weight", weight, 0);
    const waitMs = take(key, weight, quota, now);
    if (waitMs > 0) refuse(key, waitMs, now);
    else {
      count.allowed += 1;
      if (refusing && now - refusedAt >= quietMs) {
        refusing = false;
        guard.tell("relieved", { key });
      }
    }
    return waitMs;
  }

  function refuse(key: string, waitMs: number, now: number): void {
    count.refused += 1;
    refusedAt = now;
    if (refusing) return;
    refusing = true;
    guard.trip("limited", { key, retryAfterMs: waitMs });
  }

  function setScale(next: number): void {
    scale = guard.check("scale", next, 0.001, 1000);
    guard.tell("scaled", { scale });
  }

  return guard.complete<RateLimiter>(
    {
      check(key = "", weight = 1) {
        const quota = quotaFor(key);
        const waitMs = attempt(key, weight, quota);
        const burst = scaledBurst(quota);
        const now = system.now();
        const unitMs = quota.unitMs / scale;
        const usedMs = Math.max(0, (arrivalOf(key) ?? arrivalOf(overflowKey) ?? 0) - now - slackMs(unitMs, now));
        const remaining = Math.max(0, Math.floor(burst - usedMs / unitMs));
        return { allowed: waitMs === 0, retryAfterMs: waitMs, remaining, limit: burst };
      },
      tryTake: (key = "", weight = 1) => attempt(key, weight, quotaFor(key)) === 0,
      async acquire(key = "", { weight = 1, signal } = {}) {
        refuseAborted(signal, guard.name);
        guard.check("weight", weight, 0);
        const now = system.now();
        const quota = quotaFor(key);
        const waitMs = take(key, weight, quota, now);
        const name = places.has(key) ? key : overflowKey;
        if (waitMs === 0) {
          count.allowed += 1;
          return;
        }
        if (waitMs === Infinity || waitMs > waitMsMax || waiting >= waitersMax) {
          refuse(key, waitMs, now);
          throw new RateLimitedError(guard.name, waitMs);
        }
        // Reserve now, sleep until the reservation falls due: later calls queue up behind it.
        const costMs = weight * (quota.unitMs / scale);
        const reserved = Math.max(arrivalOf(name) ?? now, now) + costMs;
        track(name, reserved);
        const { blocked } = count;
        waiting += 1;
        try {
          await sleep(system, waitMs, guard.name, signal, true);
          count.allowed += 1;
        } catch (reason) {
          // Not when others stand behind it, who keep their time: a newcomer would pass in the same moment, above the burst. Nor
          // after a block, which is shortened by nobody.
          if (arrivalOf(name) === reserved && count.blocked === blocked) track(name, reserved - costMs);
          throw reason;
        } finally {
          waiting -= 1;
        }
      },
      block(key, forMs) {
        const now = system.now();
        const quota = quotaFor(key);
        const name = places.has(key) ? key : keyForNewcomer(key, now);
        count.blocked += 1;
        const unitMs = quota.unitMs / scale;
        const until = now + guard.check("forMs", forMs, 0) + (scaledBurst(quota) - 1) * unitMs;
        track(name, Math.max(arrivalOf(name) ?? now, until));
        guard.trip("blocked", { key, forMs });
      },
      get scale() {
        return scale;
      },
      set scale(next) {
        setScale(next);
      },
      get keys() {
        return places.size;
      },
      controls: {
        "set-scale": (argument) => setScale(Number(argument)),
      },
    },
    () => ({
      state: refusing ? "limiting" : "ok",
      values: { keys: places.size, keysMax, scale, waiting },
      counts: count,
    }),
  );
}

interface Checked {
  readonly burst: number;
  /** Time in which one unit comes back, in ms. */
  readonly unitMs: number;
}

function checked(guard: OpenGuard, quota: Quota): Checked {
  const limit = guard.check("limit", quota.limit, Number.MIN_VALUE);
  const periodMs = guard.check("periodMs", quota.periodMs, 1);
  return { burst: guard.check("burst", quota.burst ?? limit, Number.MIN_VALUE), unitMs: periodMs / limit };
}

/** The `Retry-After` field of a 429 answer (RFC 9110, 10.2.3): whole seconds, rounded up; undefined when allowed or never. */
export function retryAfterSeconds(decision: RateDecision): string | undefined {
  if (decision.allowed || decision.retryAfterMs === Infinity) return undefined;
  return String(Math.max(1, Math.ceil(decision.retryAfterMs / 1000)));
}
