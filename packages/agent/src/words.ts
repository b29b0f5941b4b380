// Values of @prunella/core that the agent needs at run time. It imports only types from there, to stay small.

/** The target under which faults of Prunella itself are filed: `ownTarget` of core. */
export const ownTarget = "prunella";

/** The agent's log: same shape as core's `Log.write`. */
export type LogWrite = (
  level: "debug" | "info" | "warn" | "error",
  event: string,
  fields: Readonly<Record<string, string | number | boolean | null>>,
) => void;
