// One way for every primitive to say what it does: a name, a cheap snapshot, and events. Listeners are isolated (a
// throwing one never reaches the caller) and cost one `undefined` check when nobody listens.

/** What a primitive says when something worth knowing happens. Plain data: it can be sent to another process as JSON. */
export interface GuardEvent {
  /** Kind of primitive: "breaker", "bulkhead", "queue"… */
  readonly guard: string;
  /** Name the application gave it. */
  readonly name: string;
  /** What happened: "opened", "half-opened", "closed", "shed", "refused", "timed-out", "high-water"… */
  readonly event: string;
  /** How much it matters: a trip is something a control plane should look at. */
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
  /** A word: "closed", "open", "ok", "full"… */
  readonly state: string;
  readonly values: Readonly<Record<string, number>>;
  readonly counts: Readonly<Record<string, number>>;
}

/** What every primitive offers to whoever watches it. */
export interface Reporting {
  readonly guard: string;
  readonly name: string;
  snapshot(): GuardSnapshot;
  /** Listens to events; returns the way to stop. A listener that throws is reported to `onListenerError`, once per event. */
  listen(listener: (event: GuardEvent) => void): () => void;
  /** Commands a control plane may give ("open", "close", "drain", "set-level", …); absent where there is nothing to drive. */
  readonly controls?: Readonly<Record<string, (argument?: number | string) => void>>;
}

/** Listeners of one primitive, isolated from each other and from the caller. */
export class Listeners {
  #listeners: readonly ((event: GuardEvent) => void)[] | undefined;

  /** True when an event would reach somebody; check before building one. */
  get any(): boolean {
    return this.#listeners !== undefined;
  }

  add(listener: (event: GuardEvent) => void): () => void {
    this.#listeners = [...(this.#listeners ?? []), listener];
    return () => {
      const rest = this.#listeners?.filter((each) => each !== listener);
      this.#listeners = rest === undefined || rest.length === 0 ? undefined : rest;
    };
  }

  emit(event: GuardEvent): void {
    if (this.#listeners === undefined) return;
    for (const listener of this.#listeners) {
      try {
        listener(event);
      } catch (error) {
        onListenerError(error, event);
      }
    }
  }
}

let onListenerError: (error: unknown, event: GuardEvent) => void = () => {};

/** Where errors thrown by listeners go (default: nowhere). One hook for the process; set it once at start. */
export function setListenerErrorHook(hook: (error: unknown, event: GuardEvent) => void): void {
  onListenerError = hook;
}
