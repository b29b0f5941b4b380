// A remedy says what to do about a kind of finding: ordered steps, how it is verified, what it may cost, what comes next.
// Remedies are data. A run keeps a frozen copy, so editing or deleting a remedy never changes a repair in flight.
import type { FaultKind } from "../detection/index.ts";

/** observe: record what would be done; suggest: propose to whoever looks; approve: ask a person; auto: do it. */
export type Mode = "observe" | "suggest" | "approve" | "auto";

export interface Remedy {
  readonly name: string;
  readonly when: {
    readonly kinds: readonly FaultKind[];
    readonly target: string | null;
    readonly labels: Readonly<Record<string, string>>;
  };
  readonly steps: readonly Step[];
  readonly mode: Mode;
  /** All hold at once. */
  readonly budgets: readonly Budget[];
  readonly backoff: Backoff;
  readonly verify: Verify;
  readonly recurrence: Recurrence;
  /** After this many runs verified in a row it may do the next thing by itself: suggest -> approve -> auto. Absent: never. */
  readonly earns?: { readonly verified: number };
  /** Name of the remedy to try when this one did not help; null: a person. */
  readonly next: string | null;
  readonly source: "shipped" | "configuration" | "plugin";
  readonly solution: string;
}

/** At most `runs` per target (or of all targets, by scope) in any `windowMs`. At the bound the remedy is refused until a run leaves the window. */
export interface Budget {
  readonly scope: "target" | "remedy";
  readonly runs: number;
  readonly windowMs: number;
}

/** Wait before the nth run in a row on one target: 0 for the first, then firstMs x factor^(n-2), at most maxMs, full jitter on the upper half. */
export interface Backoff {
  readonly firstMs: number;
  readonly factor: number;
  readonly maxMs: number;
}

export interface Verify {
  /** The target must be watched healthy this long without a break. */
  readonly windowMs: number;
  /** …and this must have been achieved this long after the last step, else the run failed. */
  readonly withinMs: number;
}

export interface Recurrence {
  /** A fault that returns this soon after a verified run counts as a failure of the remedy. */
  readonly windowMs: number;
  /** At this many returns in the window a person is called. */
  readonly max: number;
  /** …and the remedy is tried no more ("stop"), or goes on keeping the service alive within its budgets ("continue"). */
  readonly then: "stop" | "continue";
}

export interface Step {
  readonly action: Action;
  readonly timeoutMs: number;
  /** Undone in reverse order when verification fails; null: cannot be undone. */
  readonly undo: Action | null;
}

/** What one step does. Typed and allow-listed: there is no shell. */
export type Action =
  | { readonly type: "restart"; readonly graceful: boolean }
  | { readonly type: "start" }
  | { readonly type: "stop" }
  | { readonly type: "signal"; readonly signal: string }
  | { readonly type: "free-port"; readonly port: number | null }
  | { readonly type: "exec"; readonly argv: readonly string[]; readonly cwd: string | null }
  | {
      readonly type: "http";
      readonly method: string;
      readonly url: string;
      readonly body: string | null;
      readonly expectStatus: readonly [number, number];
    }
  | { readonly type: "wait"; readonly forMs: number }
  | {
      readonly type: "plugin";
      readonly name: string;
      readonly arguments: Readonly<Record<string, string | number | boolean>>;
    };

/** Facts about each action that guards need; stated here once, never by the remedy's author. */
export interface ActionFacts {
  /** Repeating it with the same key does no further harm. */
  readonly idempotent: boolean;
  readonly reversible: boolean;
  /** It touches only a process that Prunella itself runs. */
  readonly ownProcessOnly: boolean;
}

export const actionFacts: Readonly<Record<Action["type"], ActionFacts>> = {
  restart: { idempotent: true, reversible: false, ownProcessOnly: true },
  start: { idempotent: true, reversible: true, ownProcessOnly: true },
  stop: { idempotent: true, reversible: true, ownProcessOnly: true },
  signal: { idempotent: false, reversible: false, ownProcessOnly: true },
  "free-port": { idempotent: true, reversible: false, ownProcessOnly: true },
  exec: { idempotent: false, reversible: false, ownProcessOnly: false },
  http: { idempotent: false, reversible: false, ownProcessOnly: false },
  wait: { idempotent: true, reversible: true, ownProcessOnly: true },
  plugin: { idempotent: false, reversible: false, ownProcessOnly: false },
};
