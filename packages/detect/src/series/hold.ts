// "Holds for a while": the state machine behind every alarm of this folder. A condition must hold for `forMs` before it
// fires and be absent for `clearForMs` before it clears; what is unknown changes nothing.
import { requireOption } from "./sample.ts";

export interface HoldOptions {
  /** How long the condition must hold before the alarm fires, ms. Default 0: at once. */
  readonly forMs?: number;
  /** How long the condition must be absent before a firing alarm clears, ms. Default 0: at once. */
  readonly clearForMs?: number;
}

/** State of an alarm; plain JSON, and its own snapshot. */
export interface HoldState {
  readonly state: "ok" | "pending" | "firing" | "clearing";
  /** When the alarm last became firing, or last cleared; null when neither has happened. */
  readonly since: number | null;
  /** When pending or clearing began. */
  readonly turningAt: number | null;
}

/** What an alarm's `update` says. */
export interface AlarmVerdict {
  /** True from the moment the condition has held long enough until it has been absent long enough. */
  readonly firing: boolean;
  /** True when `firing` differs from the verdict before. */
  readonly changed: boolean;
  readonly state: HoldState["state"];
  readonly since: number | null;
  /** One sentence for a person: what was measured against what. */
  readonly why: string;
}

export const initialHold: HoldState = { state: "ok", since: null, turningAt: null };

export function requireHold(options: HoldOptions): void {
  const { forMs = 0, clearForMs = 0 } = options;
  requireOption(forMs >= 0 && Number.isFinite(forMs), "forMs", "0 or more milliseconds", forMs);
  requireOption(clearForMs >= 0 && Number.isFinite(clearForMs), "clearForMs", "0 or more milliseconds", clearForMs);
}

/** The next state. `fires` says that the condition holds, `clears` that it is absent; neither: between the two levels. */
export function advanceHold(
  before: HoldState,
  at: number,
  condition: { readonly fires: boolean; readonly clears: boolean },
  options: HoldOptions,
): HoldState {
  const isFiring = before.state === "firing" || before.state === "clearing";
  const turns = isFiring ? condition.clears : condition.fires;
  if (!turns) return { state: isFiring ? "firing" : "ok", since: before.since, turningAt: null };
  const turningAt = before.turningAt ?? at;
  const neededMs = (isFiring ? options.clearForMs : options.forMs) ?? 0;
  if (at - turningAt >= neededMs) return { state: isFiring ? "ok" : "firing", since: at, turningAt: null };
  return { state: isFiring ? "clearing" : "pending", since: before.since, turningAt };
}

export function isFiring(hold: HoldState): boolean {
  return hold.state === "firing" || hold.state === "clearing";
}

export function alarmVerdict(before: HoldState, after: HoldState, why: string): AlarmVerdict {
  const firing = isFiring(after);
  return { firing, changed: firing !== isFiring(before), state: after.state, since: after.since, why };
}
