// Heartbeat check: somebody pings a slug, and a ping that stays away for longer than period and grace is a failure. Time is
// monotonic, so a change of the wall clock neither hides nor invents a missed ping.
import type { System } from "@prunella/resilience";
import { result, type CheckResult, type How } from "./result.ts";

/** The last ping of every slug that a check expects; pings for other slugs are not kept, so the size is that of the plan. */
export interface Heartbeats {
  /** The slugs to expect from now on; those not seen before count as pinged now. */
  expect(slugs: readonly string[]): void;
  /** False when no check expects this slug. */
  ping(slug: string): boolean;
  check(how: How<"heartbeat">): CheckResult;
}

export function heartbeats(system: System): Heartbeats {
  let pings = new Map<string, { at: number; pinged: boolean }>();
  return {
    expect(slugs) {
      const now = system.now();
      pings = new Map(slugs.map((slug) => [slug, pings.get(slug) ?? { at: now, pinged: false }]));
    },
    ping(slug) {
      const known = pings.get(slug);
      if (known === undefined) return false;
      known.at = system.now();
      known.pinged = true;
      return true;
    },
    check(how) {
      const known = pings.get(how.slug);
      const silentMs = known === undefined ? Infinity : system.now() - known.at;
      const limitMs = how.periodMs + how.graceMs;
      const since = known?.pinged === true ? "last ping" : "no ping since the watch began";
      return {
        ...result(silentMs <= limitMs, performance.now(), `${since}, ${Math.round(silentMs / 1000)} s ago`),
        latencyMs: 0,
      };
    },
  };
}
