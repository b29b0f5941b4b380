// A signal is one observation of one target. Events are acknowledged once stored and never lost; observations repeat by
// themselves (the next one tells the same truth), so a lost one does no harm and costs no disk write.
import type { ErrorException } from "@prunella/detect";
import type { LatencyCounts } from "./latency.ts";
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
  /** The limit of its own control group, when that is what it was killed for, bytes. */
  readonly memoryLimitBytes?: number;
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
    | {
        readonly type: "error";
        readonly origin: string;
        readonly error: ErrorFacts;
        readonly context?: ErrorContext;
      }
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
        readonly facts?: CheckFacts;
      }
    | { readonly type: "stall"; readonly blockedMs: number; readonly cpuShare: number }
    | { readonly type: "heartbeat"; readonly name: string }
    | { readonly type: "sample"; readonly values: Readonly<Record<string, number>> }
    /** Requests answered since the last one of these from the same process; each request is in exactly one. */
    | {
        readonly type: "traffic";
        readonly requests: number;
        readonly errors: number;
        readonly latency: LatencyCounts;
      }
    | {
        readonly type: "outgoing";
        readonly address: string;
        readonly count: number;
        readonly errors: number;
        readonly lastError: string | null;
        /** Time to the answer's head that 95 % of the calls stayed below, ms; absent: not measured (not HTTP). */
        readonly latencyMsP95?: number | null;
      }
    | { readonly type: "routes"; readonly intervalMs: number; readonly routes: readonly RouteFacts[] }
    | { readonly type: "gauges"; readonly gauges: readonly GaugeFacts[] }
    | { readonly type: "files"; readonly files: readonly FileFacts[] }
    | { readonly type: "locks"; readonly locks: readonly LockFacts[] }
    | { readonly type: "folders"; readonly folders: readonly FolderFacts[] }
  );

/** What a check saw besides its verdict; each is absent where the check cannot know it. */
export interface CheckFacts {
  /** When the certificate that was shown, or the token in the file, ends. */
  readonly certificateEndsAt?: TimeMs;
  readonly tokenEndsAt?: TimeMs;
  /** How long before its end it should be spoken of, ms. */
  readonly warnMs?: number;
  /** The answer's own clock against this machine's, ms; positive: it is ahead. Exact to a second. */
  readonly clockSkewMs?: number;
  /** The network error's code, such as ECONNREFUSED or ENOTFOUND. */
  readonly code?: string;
}

/** Requests to one route over one interval, as the probe counted them. At most 30 routes a signal, the busiest. */
export interface RouteFacts {
  readonly route: string;
  readonly count: number;
  readonly errors: number;
  readonly clientErrors: number;
  readonly aborted: number;
  /** Null where nothing was answered. */
  readonly latencyMsP50: number | null;
  readonly latencyMsP95: number | null;
  readonly latencyMsMax: number | null;
}

/** How full something inside the application is (a pool, a queue, a breaker…), as its guard or its own gauge says. */
export interface GaugeFacts {
  readonly guard: string;
  readonly name: string;
  readonly state: string;
  readonly values: Readonly<Record<string, number>>;
  /** Only ever grow. */
  readonly counts: Readonly<Record<string, number>>;
}

/** A declared configuration file, or the link to the release in use, against how it was when the target last ran well. */
export interface FileFacts {
  readonly path: string;
  readonly role: "config" | "release";
  /** good: as when it last ran well; changed or missing: not so; unknown: it has not run well with any yet. */
  readonly state: "good" | "changed" | "missing" | "unknown";
  /** Last change, or when it was found missing. */
  readonly changedAt: TimeMs;
  /** What is wrong with its syntax (JSON, YAML), or null. */
  readonly syntax: string | null;
  /** What differs from the last good one, at most 2,000 characters, secrets blacked out; "" when nothing does. */
  readonly difference: string;
  /** There is a good one to go back to. */
  readonly restorable: boolean;
}

/** A declared lock file that exists. */
export interface LockFacts {
  readonly path: string;
  /** The process it names, or null when it names none. */
  readonly pid: number | null;
  /** That process lives (and is older than the lock); null: it cannot be said. */
  readonly ownerAlive: boolean | null;
  readonly since: TimeMs;
}

/** A declared folder, and the file system that holds it. */
export interface FolderFacts {
  readonly path: string;
  readonly use: "log" | "cache" | "data";
  readonly bytes: number;
  readonly files: number;
  /** Most it may hold by declaration; null: as much as the disk. */
  readonly bytesMax: number | null;
  readonly freeBytes: number;
  readonly totalBytes: number;
  /** Null: the file system does not count them. */
  readonly freeInodes: number | null;
  readonly totalInodes: number | null;
  /** The file that grew most since the last look, or null. */
  readonly growing: string | null;
}

export type Signal = EventSignal | ObservationSignal;

/** A fault reported from outside (an alert, an API call, a guard of ours), already judged by its sender. */
export interface ReportedFinding {
  readonly kind: string;
  readonly distinguisher: string;
  readonly state: "firing" | "cleared";
  readonly severity: "critical" | "medium" | "low";
  readonly summary: string;
  /** When it counts as over if it is neither repeated nor cleared; absent: after a day. */
  readonly endsAt?: TimeMs;
}

/** An exception as the application saw it. Text is untrusted: it is shown, never interpreted. */
export interface ErrorFacts {
  readonly name: string;
  readonly message: string;
  readonly code: string | null;
  readonly stack: string | null;
  /** What the application attached to it of the request it happened in. */
  readonly fields?: Readonly<Record<string, string | number | boolean>>;
}

/**
 * What the reporter of an error knows besides it; everything is optional and untrusted text. Whoever takes an error in cuts
 * it to these bounds: strings 2,000 characters, 100 tags of 200 + 200 characters, 100 breadcrumbs, 50 frames an exception.
 */
export interface ErrorContext {
  readonly platform?: string;
  readonly level?: string;
  readonly logger?: string;
  readonly transaction?: string;
  /** It is a message, not an exception: `error.message` is grouped with its parameters taken out. */
  readonly isMessage?: boolean;
  /** The message with its parameters left out, where the logger knows it. */
  readonly messageTemplate?: string;
  readonly release?: string;
  readonly environment?: string;
  readonly server?: string;
  /** The sender's own grouping; may hold "{{ default }}". */
  readonly fingerprint?: readonly string[];
  readonly tags?: Readonly<Record<string, string>>;
  /** Method, URL and the like; headers and bodies are not kept. */
  readonly request?: Readonly<Record<string, string>>;
  readonly user?: Readonly<Record<string, string>>;
  /** Oldest first. */
  readonly breadcrumbs?: readonly {
    readonly at: TimeMs | null;
    readonly category: string;
    readonly level: string;
    readonly message: string;
  }[];
  /** Oldest first: the last was finally thrown. Absent: read from the error's stack. */
  readonly exceptions?: readonly ErrorException[];
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
