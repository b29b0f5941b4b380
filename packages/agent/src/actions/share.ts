// Gives a service more or less of the machine, within its own bounds: every instance of it, those that do not run now when they
// start. What was set is part of the agent's record, so that a restarted process and the next agent go on with it.
import type { ServicePlan } from "@prunella/adapters";
import type { Action, StepOutcome } from "@prunella/core";
import type { ControlGroups } from "../control-groups.ts";
import type { Service } from "../service.ts";
import { failed, succeeded } from "./outcome.ts";

export function share(
  { resource, to }: Extract<Action, { type: "share" }>,
  plan: ServicePlan,
  instances: readonly Service[],
  groups: ControlGroups,
): StepOutcome {
  const { resources } = plan;
  if (resources === undefined) return failed(`${plan.name} declares no resources to be shared`, "none");
  if (groups.absent !== null) return failed(`there are no control groups here: ${groups.absent}`, "none");
  const [least, most] =
    resource === "cpu" ? [resources.cpu, resources.cpuMost] : [resources.memoryMax, resources.memoryMost];
  if (least === null || most === null) return failed(`${plan.name} declares no limit of ${resource}`, "none");
  if (to < least || to > most) return failed(`the bounds of ${plan.name} are ${least} to ${most}`, "none");
  let set = 0;
  for (const each of instances) {
    if (each.pid !== null) {
      try {
        groups.set(each.target, resource, to);
      } catch (error) {
        return failed(error instanceof Error ? error.message : String(error), set === 0 ? "none" : "some");
      }
      set += 1;
    }
    each.record.shares = { cpu: resources.cpu, memory: resources.memoryMax, ...each.record.shares, [resource]: to };
  }
  return succeeded(`${resource} of ${plan.name} is ${to} (${set} instance${set === 1 ? "" : "s"})`);
}
