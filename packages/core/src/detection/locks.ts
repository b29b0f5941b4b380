// A declared lock file whose owner is dead: nobody will ever release it, and whoever waits for it waits for ever.
import type { LockFacts, TimeMs } from "../signal/index.ts";
import type { Evidence, Finding } from "./finding.ts";
import { establishes, finding, seconds } from "./make.ts";
import type { TargetView } from "./view.ts";

/** A lock must have been without an owner this long: a successor may be about to take it over. */
export const abandonedRipeMs = 2_000;

export function deadLocks(view: TargetView): LockFacts[] {
  return (view.gathered.locks?.locks ?? []).filter((lock) => lock.ownerAlive === false);
}

export function staleLock(view: TargetView, now: TimeMs): Finding[] {
  return deadLocks(view).map((lock) =>
    finding(view, now, {
      kind: "stale-lock",
      distinguisher: lock.path,
      severity: "medium",
      summary: `the lock ${lock.path} that ${view.spec.key} needs is held by process ${lock.pid ?? "unknown"}, which is dead`,
      beganAt: lock.since,
      certainty: "witnessed",
      ripe: now - lock.since >= abandonedRipeMs,
      evidence: [lockEvidence(lock)],
    }),
  );
}

export function lockEvidence(lock: LockFacts): Evidence {
  return establishes(
    "stale-lock",
    { at: lock.since, what: "lock", summary: `${lock.path} names process ${lock.pid ?? "none"}, which does not live` },
    { path: lock.path, pid: lock.pid },
  );
}

/** A lock that has an owner and has been held this long explains why nothing gets on, in words only. */
export function heldLock(view: TargetView, now: TimeMs): string | null {
  const held = (view.gathered.locks?.locks ?? []).find((lock) => lock.ownerAlive === true);
  return held === undefined
    ? null
    : `${held.path} has been held by process ${held.pid} for ${seconds(now - held.since)}`;
}
