// A remedy says what to do about a kind of finding: ordered steps, how it is verified, what it may cost, what comes next.
// Remedies are data. A run keeps a frozen copy, so editing or deleting a remedy never changes a repair in flight.
import type { FaultKind } from "../detection/index.ts";

/** observe: record what would be done; suggest: propose to whoever looks; approve: ask a person; auto: do it. */
export type Mode = "observe" | "suggest" | "approve" | "auto";

/** In `when.kinds`: every kind for which nothing else fits (the general ladder). Only shipped remedies may say it. */
export const otherKinds = "(any other)";

export interface Remedy {
  readonly name: string;
  readonly when: {
    readonly kinds: readonly FaultKind[];
    readonly target: string | null;
    readonly labels: Readonly<Record<string, string>>;
    /** Words of causes, one of which the diagnosis must have established ("a+b": both); absent or empty: whatever the cause. */
    readonly causes?: readonly string[];
    /** Causes that must not have been established. */
    readonly unlessCauses?: readonly string[];
    /** Only between these times of the day, minutes after midnight UTC; from > to reaches over midnight. */
    readonly between?: { readonly fromMinute: number; readonly toMinute: number } | null;
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
  /** …and a measured value must have become better than it was; absent: health is enough. */
  readonly objective?: Objective;
}

/** Median of one metric over the verified window, against the median before, bettered by a share of it. */
export interface Objective {
  readonly metric: string;
  readonly goal: "lower" | "higher";
  readonly baseline: number;
  readonly marginShare: number;
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

/**
 * What one step does. Typed and allow-listed: there is no shell. Where a path, port, lock or guard may be null, it is taken from
 * what the diagnosis established when the run is created (resolve.ts), and must then still be one that was declared.
 */
export type Action =
  | { readonly type: "restart"; readonly graceful: boolean }
  | { readonly type: "start" }
  | { readonly type: "stop" }
  /** Instances of the target's service: to a number, or by so many; always within the service's own bounds. */
  | { readonly type: "scale"; readonly to: number | null; readonly by: number }
  /** A share of the machine for each instance of the target's service: a weight, or bytes; within the service's own bounds. */
  | { readonly type: "share"; readonly resource: "cpu" | "memory"; readonly to: number }
  | { readonly type: "signal"; readonly signal: string }
  | { readonly type: "free-port"; readonly port: number | null }
  | { readonly type: "exec"; readonly argv: readonly string[]; readonly cwd: string | null }
  | {
      readonly type: "http";
      readonly method: string;
      readonly url: string;
      readonly body: string | null;
      readonly headers?: Readonly<Record<string, string>>;
      readonly expectStatus: readonly [number, number];
    }
  /** One statement with its values apart: "sqlite:FILE" or "postgres://…"; `database` may be "$NAME", read from the agent's environment. */
  | {
      readonly type: "sql";
      readonly database: string;
      readonly statement: string;
      readonly values: readonly (string | number | null)[];
    }
  /** A log of the service (null: its own output), emptied after its text went to FILE.1; `files` of those are kept. */
  | { readonly type: "rotate"; readonly path: string | null; readonly files: number }
  /** The oldest files of a declared log or cache folder go until it holds at most `keepShare` of its room. Never "data". */
  | { readonly type: "prune"; readonly path: string | null; readonly keepShare: number; readonly olderThanMs: number }
  | { readonly type: "restore"; readonly what: "config" | "release"; readonly path: string | null }
  /** A record is moved from its declared folder to the declared quarantine beside it. */
  | { readonly type: "quarantine"; readonly path: string | null }
  | { readonly type: "unlock"; readonly path: string | null }
  /** Drives a guard inside the application: open, close, drain, set-limit, set-level … */
  | {
      readonly type: "guard";
      readonly name: string | null;
      readonly control: string;
      readonly argument: number | string | null;
    }
  /** Calls what the application registered as a repair of its own. */
  | { readonly type: "call"; readonly name: string; readonly argument: string | number | boolean | null }
  | { readonly type: "wait"; readonly forMs: number }
  /** Waits until the target's own checks pass (null), or a URL or tcp address answers; fails at the step's timeout. */
  | { readonly type: "wait-for"; readonly url: string | null }
  | { readonly type: "notify"; readonly text: string }
  /** The steps after it wait for a person. */
  | { readonly type: "approve"; readonly text: string }
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
  /** It touches only a process that Prunella itself runs, or a file that its service declared for this. */
  readonly ownProcessOnly: boolean;
  /** How far a mistake reaches. */
  readonly blastRadius: "none" | "instance" | "service" | "machine" | "outside";
  /** A step's time when its author names none, ms. At its end the outcome is unknown. */
  readonly timeoutMs: number;
}

const own = { ownProcessOnly: true } as const;
const beyond = { idempotent: false, reversible: false, ownProcessOnly: false } as const;

export const actionFacts: Readonly<Record<Action["type"], ActionFacts>> = {
  restart: { ...own, idempotent: true, reversible: false, blastRadius: "instance", timeoutMs: 60_000 },
  start: { ...own, idempotent: true, reversible: true, blastRadius: "instance", timeoutMs: 60_000 },
  stop: { ...own, idempotent: true, reversible: true, blastRadius: "instance", timeoutMs: 60_000 },
  scale: { ...own, idempotent: true, reversible: true, blastRadius: "service", timeoutMs: 60_000 },
  share: { ...own, idempotent: true, reversible: true, blastRadius: "service", timeoutMs: 5_000 },
  signal: { ...own, idempotent: false, reversible: false, blastRadius: "instance", timeoutMs: 5_000 },
  "free-port": { ...own, idempotent: true, reversible: false, blastRadius: "machine", timeoutMs: 15_000 },
  rotate: { ...own, idempotent: true, reversible: false, blastRadius: "service", timeoutMs: 30_000 },
  prune: { ...own, idempotent: true, reversible: false, blastRadius: "service", timeoutMs: 60_000 },
  restore: { ...own, idempotent: true, reversible: true, blastRadius: "service", timeoutMs: 30_000 },
  quarantine: { ...own, idempotent: true, reversible: true, blastRadius: "service", timeoutMs: 15_000 },
  unlock: { ...own, idempotent: true, reversible: false, blastRadius: "service", timeoutMs: 5_000 },
  guard: { ...own, idempotent: true, reversible: true, blastRadius: "instance", timeoutMs: 10_000 },
  call: { ...own, idempotent: false, reversible: false, blastRadius: "instance", timeoutMs: 35_000 },
  wait: { ...own, idempotent: true, reversible: true, blastRadius: "none", timeoutMs: 60_000 },
  "wait-for": { ...own, idempotent: true, reversible: true, blastRadius: "none", timeoutMs: 60_000 },
  notify: { ...own, idempotent: true, reversible: true, blastRadius: "none", timeoutMs: 5_000 },
  approve: { ...own, idempotent: true, reversible: true, blastRadius: "none", timeoutMs: 1_800_000 },
  exec: { ...beyond, blastRadius: "outside", timeoutMs: 60_000 },
  http: { ...beyond, blastRadius: "outside", timeoutMs: 15_000 },
  sql: { ...beyond, blastRadius: "outside", timeoutMs: 15_000 },
  plugin: { ...beyond, blastRadius: "outside", timeoutMs: 60_000 },
};

/** Actions that do nothing to anybody by themselves: a remedy of these alone fits any target. */
export function isHarmless(action: Action): boolean {
  return actionFacts[action.type].blastRadius === "none";
}

/** A step with its usual time and, where the action has one, its usual undo. */
export function step(action: Action, more: Partial<Omit<Step, "action">> = {}): Step {
  return { action, timeoutMs: actionFacts[action.type].timeoutMs, undo: undoOf(action), ...more };
}

/** What takes an action back when verification fails; null: nothing does, or leaving it is better. */
export function undoOf(action: Action): Action | null {
  switch (action.type) {
    case "scale":
      return action.to === null ? { type: "scale", to: null, by: -action.by } : null;
    case "guard": {
      const back: Readonly<Record<string, string>> = {
        open: "close",
        close: "open",
        isolate: "close",
        pause: "resume",
      };
      const control = back[action.control];
      return control === undefined ? null : { ...action, control, argument: null };
    }
    default:
      // A restored file stays restored: it is the one with which the target last ran well.
      return null;
  }
}
