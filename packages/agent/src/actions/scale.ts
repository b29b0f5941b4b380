// Runs more or fewer instances of a service, within its own bounds. Instances are numbered; the lowest run, the highest go first.
import type { ServicePlan } from "@prunella/adapters";
import type { Action, StepOutcome } from "@prunella/core";
import type { Service } from "../service.ts";
import { failed, succeeded } from "./outcome.ts";

/** @param instances all that the service could run, lowest number first. */
export async function scale(
  action: Extract<Action, { type: "scale" }>,
  plan: ServicePlan,
  instances: readonly Service[],
): Promise<StepOutcome> {
  const bounds = plan.scale;
  if (bounds === undefined)
    return failed(`${plan.name} has no bounds to be scaled within (scale: { min, max })`, "none");
  const before = instances.filter((each) => each.record.wanted).length;
  const wanted = action.to ?? before + action.by;
  const now = Math.min(bounds.max, Math.max(bounds.min, wanted));
  if (now === before)
    return wanted === before
      ? succeeded(`${before} instances run already`)
      : failed(`${before} instances run, and the bounds are ${bounds.min} to ${bounds.max}`, "none");
  for (const each of instances.slice(now).toReversed()) {
    if (!each.record.wanted) continue;
    each.record.wanted = false;
    const stopped = await each.stop(true);
    if (stopped.kind === "stuck") return failed(`processes ${stopped.pids.join(", ")} do not die`, "some");
  }
  for (const each of instances.slice(0, now)) {
    if (each.pid !== null) continue;
    const started = await each.start();
    if (started.kind === "failed") return failed(started.reason, "some");
  }
  return succeeded(`${now} instances run (before: ${before})`);
}
