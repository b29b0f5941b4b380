// Waits until something is ready for those that need it: its checks pass once, or, without checks, it has run for a second.
import { roundMsMax, type CheckPlan, type CheckResult } from "@prunella/adapters";
import { sleep } from "./group.ts";

export interface ReadinessOptions {
  readonly checksOf: (target: string) => readonly CheckPlan[];
  readonly run: (check: CheckPlan, timeoutMs: number) => Promise<CheckResult>;
  /** Null: Prunella runs no such process, or it is down; then only checks can say that it is ready. */
  readonly uptimeMs: (target: string) => number | null;
  readonly isService: (target: string) => boolean;
  readonly stopped: () => boolean;
}

const lookEveryMs = 100;
const steadyMs = 1_000;

/** True once ready, false when `timeoutMs` passed before (or everything is being stopped). */
export async function becomesReady(target: string, timeoutMs: number, options: ReadinessOptions): Promise<boolean> {
  const deadline = performance.now() + timeoutMs;
  while (!options.stopped()) {
    if (await isReady(target, options)) return true;
    if (performance.now() >= deadline) return false;
    await sleep(lookEveryMs);
  }
  return false;
}

async function isReady(target: string, options: ReadinessOptions): Promise<boolean> {
  const uptimeMs = options.uptimeMs(target);
  if (options.isService(target) && uptimeMs === null) return false;
  const checks = options.checksOf(target);
  if (checks.length === 0) return uptimeMs === null || uptimeMs >= steadyMs;
  const results = await Promise.all(checks.map((check) => options.run(check, Math.min(2_000, roundMsMax(check)))));
  return results.every((result) => result.ok);
}
