// Finds what an earlier agent of this data folder left running: by its record (pid and start), or by the marker in its
// environment when that agent died too soon to write one.
import { bootedAtMs, isAlive, markedProcesses, ticksPerSecond } from "./proc/read.ts";
import type { Service } from "./service.ts";

/** Adopts what runs and reports what ended meanwhile. Gives back processes of ours that no service of the plan claims. */
export function adoptAll(
  services: ReadonlyMap<string, Service>,
  folder: string,
): readonly { readonly target: string; readonly pids: readonly number[] }[] {
  const strays = new Map<string, number[]>();
  const leaders = new Map<string, { pid: number; startTicks: number }>();
  for (const { stat, target } of markedProcesses(folder)) {
    if (!services.has(target)) strays.set(target, [...(strays.get(target) ?? []), stat.pid]);
    else if (stat.session === stat.pid && !leaders.has(target)) leaders.set(target, stat);
  }
  for (const [target, service] of services) {
    const { pid, startTicks, startedAt } = service.record;
    if (pid !== null && isAlive(pid, startTicks)) {
      service.adopt(pid, startTicks, startedAt);
      continue;
    }
    // With a record, a marked leader is something that process left behind; it is swept away at the next start.
    const leader = pid === null ? leaders.get(target) : undefined;
    service.reportLost();
    if (leader === undefined) continue;
    service.adopt(
      leader.pid,
      leader.startTicks,
      Math.round(bootedAtMs() + (leader.startTicks * 1_000) / ticksPerSecond),
    );
  }
  return [...strays].map(([target, pids]) => ({ target, pids }));
}
