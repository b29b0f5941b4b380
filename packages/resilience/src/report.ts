// One way for every primitive to say what it does: a name, a cheap snapshot, and events. Listeners are isolated (a
// throwing one never reaches the caller) and cost one `undefined` check when nobody listens.
import { isolated, quietly } from "./cancel.ts";

/** What a primitive says when something worth knowing happens. Plain data: it can be sent to another process as JSON. */
export interface GuardEvent {
  /** Kind of primitive: "breaker", "bulkhead", "queue"… */
  readonly guard: string;
  /** Name the application gave it. */
  readonly name: string;
  /** What happened: "opened", "half-opened", "closed", "refused", "timed-out", "high-water", "relieved"… */
  readonly event: string;
  /** How much it matters: a trip is something a control plane should look at; the rest, a return to normal above all, is info. */
  readonly level: "info" | "trip";
  /** Monotonic ms of the primitive's System. */
  readonly at: number;
  /** Numbers and words that explain it; flat. */
  readonly detail: Readonly<Record<string, string | number | boolean>>;
}

/** A primitive's state at this moment. `values` are gauges, `counts` only ever grow. */
export interface GuardSnapshot {
  readonly guard: string;
  readonly name: string;
  /** A word: "closed", "open", "ok", "full"… Every change of it is also said as an event. */
  readonly state: string;
  readonly values: Readonly<Record<string, number>>;
  /** `trips` is among them for every primitive: events of level "trip" so far, also those that nobody heard. */
  readonly counts: Readonly<Record<string, number>>;
}

/** Commands that a primitive takes, by name. One that cannot be followed throws BadOptionError. */
export type Controls = Readonly<Record<string, (argument?: number | string) => void>>;

/** What every primitive offers to whoever watches it. */
export interface Reporting {
  readonly guard: string;
  readonly name: string;
  snapshot(): GuardSnapshot;
  /** Listens to events; returns the way to stop. What a listener throws, or its promise rejects with, goes to the hook of `setListenerErrorHook`. */
  listen(listener: (event: GuardEvent) => void): () => void;
  /** Commands a control plane may give ("open", "close", "drain", "set-level", …); absent where there is nothing to drive. */
  readonly controls?: Controls;
}

/** Listeners of one primitive, isolated from each other and from the caller. */
export class Listeners extends Set<{ readonly hear: (event: GuardEvent) => void }> {
  /** The same function given twice hears twice. */
  listen(hear: (event: GuardEvent) => void): () => void {
    const own = { hear };
    this.add(own);
    return () => void this.delete(own);
  }

  emit(event: GuardEvent): void {
    // A copy: who begins to listen because of this event hears the next one.
    for (const { hear } of [...this]) {
      isolated(
        () => hear(event),
        (error) => quietly(onListenerError, error, event),
      );
    }
  }
}

let onListenerError: (error: unknown, event: GuardEvent) => void = () => {};

/** Where errors thrown by listeners go (default: nowhere). One hook for the process; set it once at start. */
export function setListenerErrorHook(hook: (error: unknown, event: GuardEvent) => void): void {
  onListenerError = hook;
}
