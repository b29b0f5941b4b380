// What one run of a check comes to, and the time limit every kind of check obeys.
import type { CheckFacts } from "@prunella/core";
import type { CheckPlan } from "../plan.ts";

export interface CheckResult {
  readonly ok: boolean;
  readonly latencyMs: number;
  /** One line for a person, at most 300 characters; from outside, so never interpreted. */
  readonly message: string;
  /** What else was seen: when a certificate ends, how far clocks differ, the code of a network error. */
  readonly facts?: CheckFacts;
}

/** Time limit of one run in ms: the check's own, and never more than 0.8 of its interval, so that rounds cannot overlap. */
export function roundMsMax(check: { readonly timeoutMs: number; readonly everyMs: number }): number {
  return Math.max(1, Math.min(check.timeoutMs, Math.floor(check.everyMs * 0.8)));
}

/** A result with its message cut to one line of 300 characters. */
export function result(ok: boolean, startedAt: number, message: string, facts?: CheckFacts): CheckResult {
  const line = message.replace(/\s+/g, " ").trim();
  return {
    ok,
    latencyMs: Math.max(0, performance.now() - startedAt),
    message: line.length > 300 ? `${line.slice(0, 299)}…` : line,
    ...(facts === undefined || Object.keys(facts).length === 0 ? {} : { facts }),
  };
}

export type How<T extends CheckPlan["how"]["type"]> = Extract<CheckPlan["how"], { readonly type: T }>;
