// Record time: wall time read once, then the monotonic clock, so a change of the wall clock moves no budget and no window.
// After a restart it starts no earlier than the last record.
import type { Clock } from "@prunella/core";

export function steadyClock(
  wallNow: () => number = Date.now,
  monotonicNow: () => number = () => performance.now(),
): Clock {
  let origin = wallNow() - monotonicNow();
  return {
    now: () => Math.round(origin + monotonicNow()),
    notBefore(at) {
      origin = Math.max(origin, at - monotonicNow());
    },
  };
}
