// A signal is one observation of one target. Events are acknowledged once stored and never lost; observations repeat by
// themselves (the next one tells the same truth), so a lost one does no harm and costs no disk write.
import type { TargetKey } from "./target.ts";

/** Times are milliseconds since 1970-01-01T00:00:00Z on a clock that never goes backwards (see ports.ts). */
export type TimeMs = number;

interface Common {
  readonly target: TargetKey;
  readonly at: TimeMs;
}

/** How a process ended. `code` and `signal` are both null when an adopted process ended and nobody could ask the kernel. */
export interface Exit {
  readonly code: number | null;
  readonly signal: string | null;
  /** The kernel killed it for want of memory. */
  readonly outOfMemory: boolean;
}

/** Something that happened once. `id` is unique per sender; a repeated one is recognised and ignored. */
export type EventSignal = Common & { readonly id: string } & (
    | { readonly type: "started"; readonly pid: number; readonly adopted: boolean }
    | {
        readonly type: "exited";
        readonly pid: number;
        readonly exit: Exit;
        readonly uptimeMs: number;
        /** Prunella asked for it: no fault. */
        readonly expected: boolean;
        /** Last lines of its output, newest last, at most 50 lines of 2,000 characters. */
        readonly lastLines: readonly string[];
        /** An exception the probe saw on its way down, when there was one. */
        readonly error?: ErrorFacts;
      }
    | { readonly type: "start-failed"; readonly reason: string; readonly lastLines: readonly string[] }
    | { readonly type: "error"; readonly origin: string; readonly error: ErrorFacts }
    | {
        readonly type: "change";
        readonly what: "config" | "deploy" | "restart" | "environment";
        readonly summary: string;
      }
    | {
        readonly type: "guard";
        readonly guard: string;
        readonly name: string;
        readonly event: string;
        /** "trip": it stepped in; "info": it tells how it goes on. Absent in old records: a trip. */
        readonly level?: "info" | "trip";
        readonly detail: Readonly<Record<string, string | number | boolean>>;
      }
    | {
        /** A drill is about to break this target: what goes bad from `beganAt` to `untilAt` is the drill's doing. */
        readonly type: "drill";
        readonly drill: string;
        readonly beganAt: TimeMs;
        readonly untilAt: TimeMs;
      }
    | { readonly type: "reported"; readonly finding: ReportedFinding }
    | { readonly type: "lost"; readonly count: number; readonly reason: string }
  );

/** What holds at this moment; repeated every interval. */
export type ObservationSignal = Common &
  (
    | { readonly type: "process"; readonly running: true; readonly pid: number; readonly startedAt: TimeMs }
    | {
        readonly type: "process";
        readonly running: false;
        readonly since: TimeMs;
        readonly wanted: boolean;
        readonly exit: Exit | null;
      }
    | {
        readonly type: "check";
        readonly check: string;
        readonly ok: boolean;
        readonly latencyMs: number;
        readonly message: string;
      }
    | { readonly type: "stall"; readonly blockedMs: number; readonly cpuShare: number }
    | { readonly type: "heartbeat"; readonly name: string }
    | { readonly type: "sample"; readonly values: Readonly<Record<string, number>> }
    | { readonly type: "guards"; readonly states: readonly GuardState[] }
    | {
        readonly type: "outgoing";
        readonly address: string;
        readonly count: number;
        readonly errors: number;
        readonly lastError: string | null;
      }
  );

export type Signal = EventSignal | ObservationSignal;

/** How a guard inside the application is doing: a word of its own, such as "closed", "open", "ok", "full". */
export interface GuardState {
  readonly guard: string;
  readonly name: string;
  readonly state: string;
  /** Its gauges, at most 20. */
  readonly values?: Readonly<Record<string, number>>;
}

/** A fault reported from outside (an alert, an API call, a guard of ours), already judged by its sender. */
export interface ReportedFinding {
  readonly kind: string;
  readonly distinguisher: string;
  readonly state: "firing" | "cleared";
  readonly severity: "critical" | "medium" | "low";
  readonly summary: string;
}

/** An exception as the application saw it. Text is untrusted: it is shown, never interpreted. */
export interface ErrorFacts {
  readonly name: string;
  readonly message: string;
  readonly code: string | null;
  readonly stack: string | null;
}

/** True for signals that must be stored before they are acknowledged. */
export function isEvent(signal: Signal): signal is EventSignal {
  return "id" in signal;
}

/** Metric names that samples use for processes; others pass through untouched. Units are part of the name. */
export const processMetrics = [
  "rssBytes",
  "cpuShare",
  "threads",
  "descriptors",
  "heapUsedBytes",
  "heapLimitBytes",
  "lagMsP99",
  "requestsPerSecond",
  "errorsPerSecond",
  "latencyMsP95",
] as const;
