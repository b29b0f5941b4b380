// The three ends of a step.
import type { StepOutcome } from "@prunella/core";

export function succeeded(detail: string): StepOutcome {
  return { kind: "succeeded", detail };
}
export function failed(reason: string, effect: "none" | "some"): StepOutcome {
  return { kind: "failed", reason, effect };
}
export function unknown(reason: string): StepOutcome {
  return { kind: "unknown", reason };
}
