// Actions inside the application, through its probe: driving a guard, calling a repair that the application registered.
import type { Action, StepOutcome } from "@prunella/core";
import type { ProbeCommand } from "@prunella/probe";
import type { ProbeHub } from "../probes.ts";
import { failed, succeeded, unknown } from "./outcome.ts";

export async function inApplication(
  action: Extract<Action, { type: "guard" | "call" }>,
  target: string,
  pid: number | null,
  probes: ProbeHub,
  timeoutMs: number,
): Promise<StepOutcome> {
  if (!probes.has(target)) return failed(`${target} has no probe: it is not Node, or its probe is off`, "none");
  if (action.type === "guard" && action.name === null)
    return failed("no guard is named, and the diagnosis established none", "none");
  const command =
    action.type === "guard"
      ? {
          command: "guard" as const,
          name: action.name ?? "",
          control: action.control,
          ...(action.argument === null ? {} : { argument: action.argument }),
        }
      : { command: "action" as const, name: action.name, arguments: action.argument };
  try {
    const result = await probes.ask(
      target,
      pid,
      command satisfies Omit<ProbeCommand, "id">,
      Math.max(100, timeoutMs - 200),
    );
    if (result.ok) return succeeded(result.value === null || result.value === undefined ? "done" : say(result.value));
    // The probe names what it does not know before it does anything; what failed inside may have left traces.
    return failed(
      result.error,
      /^(no guard|guard ".*" has no control|the application registered no)/.test(result.error) ? "none" : "some",
    );
  } catch (error) {
    return unknown(error instanceof Error ? error.message : String(error));
  }
}

function say(value: unknown): string {
  return (typeof value === "string" ? value : JSON.stringify(value)).slice(0, 2_000);
}
