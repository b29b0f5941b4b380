// What probe and agent say to each other: newline-delimited JSON over a Unix socket, one object a line, at most
// `lineBytesMax` a line. Every `at` is milliseconds since 1970; durations are milliseconds; sizes are bytes.

/** Version of this protocol, sent in `hello`. */
export const wireVersion = 1;
/** Longest line either side sends, in bytes; a longer one is dropped and counted. */
export const lineBytesMax = 256_000;

/** Number of latency buckets: 0.25 ms, then four per doubling (width 19 %), to 73 s; the last one holds all above. */
export const latencyBuckets = 74;
/** Upper bounds of the buckets in ms, inclusive; the last bucket has none (Infinity). */
export const latencyBoundsMs: readonly number[] = Array.from({ length: latencyBuckets }, (_, at) =>
  at === latencyBuckets - 1 ? Infinity : 0.25 * 2 ** (at / 4),
);

/** Counts per bucket of `latencyBoundsMs`; trailing zeros are left out. */
export interface Latency {
  readonly counts: readonly number[];
}

/** First line of every connection. */
export interface Hello {
  readonly type: "hello";
  readonly version: number;
  readonly pid: number;
  readonly ppid: number;
  /** PRUNELLA_SERVICE of the process, or null. */
  readonly service: string | null;
  /** Version of Node, without the "v". */
  readonly node: string;
  readonly startedAt: number;
  /** Path of the script that runs, or the name of the executable. */
  readonly argv0: string;
}

/** Requests to one route, over one interval. */
export interface RouteStats {
  readonly method: string;
  /** The framework's route where it says one, else the path with ids replaced by ":id"; "other" beyond the bound. */
  readonly route: string;
  /** Requests answered; those in `aborted` not included. */
  readonly count: number;
  /** Answered 5xx. */
  readonly errors: number;
  /** Answered 4xx. */
  readonly clientErrors: number;
  /** The connection closed before the answer was out. */
  readonly aborted: number;
  readonly latency: Latency;
}

/** Calls to one host and port, over one interval. */
export interface OutgoingStats {
  readonly host: string;
  /** 0 for a Unix socket, whose path is `host`. */
  readonly port: number;
  /** HTTP calls answered, plus everything in `errors` that failed without an answer. */
  readonly count: number;
  /** Failed connections, failed calls, answers 5xx. */
  readonly errors: number;
  readonly lastError: string | null;
  /** Connections opened, by HTTP clients and by anything else that uses node:net or node:tls. */
  readonly connects: number;
  /** Connections being opened now. */
  readonly connecting: number;
  /** Time to the answer's head, of HTTP calls. */
  readonly latency: Latency;
}

/** The periodic measurement of the main thread. Counters cover `intervalMs`. */
export interface Stats {
  readonly type: "stats";
  readonly at: number;
  readonly intervalMs: number;
  /** Delay of the event loop beyond what was asked of it. */
  readonly lagMs: { readonly p50: number; readonly p99: number; readonly max: number };
  /** Share of the interval in which the event loop did something, 0 to 1. */
  readonly utilization: number;
  readonly heap: { readonly used: number; readonly total: number; readonly limit: number };
  readonly rss: number;
  readonly external: number;
  readonly gc: { readonly count: number; readonly totalMs: number; readonly maxMs: number };
  /** Resources that keep the event loop alive. */
  readonly handles: number;
  /** CPU time of the whole process. */
  readonly cpuMs: number;
  readonly http: {
    readonly inFlight: number;
    /** Age of the oldest request that is not answered yet. */
    readonly oldestMs: number;
    /** At most `routesMax`; the rest is folded into "other". */
    readonly routes: readonly RouteStats[];
  };
  /** At most `destinationsMax`; the rest is folded into "other". */
  readonly outgoing: readonly OutgoingStats[];
}
export const routesMax = 100;
export const destinationsMax = 50;

/** The main loop has not turned for `blockedMs`; repeated every 500 ms while it lasts. */
export interface Stall {
  readonly type: "stall";
  readonly at: number;
  readonly blockedMs: number;
  /** Cores that the whole process used since the loop last turned: near 1 is a spin, near 0 a wait. */
  readonly cpu: number;
  /** "starting" while the loop has not turned once, that is while modules load. */
  readonly phase: "starting" | "running";
}
export interface StallEnd {
  readonly type: "stall-end";
  readonly at: number;
  readonly blockedMs: number;
}

/** An error as plain data; strings are cut (message 2,000 characters, stack 8,000), causes at five. */
export interface ErrorDescription {
  readonly name: string;
  readonly message: string;
  readonly code: string | null;
  readonly stack: string | null;
  readonly causes: readonly Omit<ErrorDescription, "causes" | "context">[];
  /** What the application's error context says of the request it happened in; absent where none was attached. */
  readonly context?: Readonly<Record<string, string | number | boolean>>;
}
export interface ErrorReport {
  readonly type: "error";
  readonly at: number;
  readonly origin: "uncaughtException" | "unhandledRejection" | "warning";
  /** True when nothing in the process handles it, so that the process is about to die. */
  readonly fatal: boolean;
  readonly error: ErrorDescription;
}

/** State of the guards that the application made with the resilience library: see its `GuardSnapshot`. */
export interface Guards {
  readonly type: "guards";
  readonly at: number;
  readonly snapshots: readonly unknown[];
}
/** One event of a guard: see the resilience library's `GuardEvent`. At most 200 an interval. */
export interface GuardReport {
  readonly type: "guard";
  readonly event: unknown;
}
/** The application got on with `name`; calls within 100 ms are one line, the last value counts. */
export interface Progress {
  readonly type: "progress";
  readonly at: number;
  readonly name: string;
  /** What the application said, or the number of calls so far. */
  readonly value: number;
}
/** The application says that the part called `name` lives. */
export interface Heartbeat {
  readonly type: "heartbeat";
  readonly at: number;
  readonly name: string;
}
/** Lines that did not get out since the last `dropped` line: the queue was full while the agent was away. */
export interface Dropped {
  readonly type: "dropped";
  readonly at: number;
  readonly count: number;
}

/** Answer to a command. */
export type Result =
  | { readonly type: "result"; readonly id: string | number; readonly ok: true; readonly value?: unknown }
  | { readonly type: "result"; readonly id: string | number; readonly ok: false; readonly error: string };

export type ProbeMessage =
  Hello | Stats | Stall | StallEnd | ErrorReport | Guards | GuardReport | Progress | Heartbeat | Dropped | Result;

/** A frame; line and column count from 1, 0 when unknown (native code). */
export interface Frame {
  readonly function: string;
  /** Path of the file; "node:…" for Node's own, "native" or "" where there is none. */
  readonly url: string;
  readonly line: number;
  readonly column: number;
}

/** Value of "stack": what the main thread does now. */
export type StackValue =
  /** The loop turns; there is no stack to blame. */
  | { readonly state: "turning" }
  /** Blocked in JavaScript: innermost frame first, at most 50. */
  | { readonly state: "blocked"; readonly blockedMs: number; readonly frames: readonly Frame[] }
  /** Blocked outside JavaScript: in a system call, a lock, or long native work; the kernel's view of the thread. */
  | {
      readonly state: "native";
      readonly blockedIn: "native";
      readonly blockedMs: number;
      readonly wchan: string | null;
      /** Number of the system call and its arguments as in /proc/PID/syscall, or "running". */
      readonly syscall: string | null;
      /** Lines "State", and the two counts of context switches. */
      readonly status: Readonly<Record<string, string>>;
    };

/** Value of "heap": what was allocated during `seconds` and was still live at the end (sampled). */
export interface HeapValue {
  readonly seconds: number;
  readonly sampledBytes: number;
  /** By self size, at most 20. */
  readonly allocators: readonly (Frame & { readonly bytes: number })[];
}

/** Value of "cpu". */
export interface CpuValue {
  readonly seconds: number;
  /** By self time, at most 20. */
  readonly functions: readonly (Frame & { readonly selfMs: number; readonly share: number })[];
  /** A .cpuprofile, or null when it is larger than 200 kB. */
  readonly profile: unknown;
}

/** What the agent asks; every command is answered with a `result` of the same id. */
export type ProbeCommand = { readonly id: string | number } & (
  | { readonly command: "stack" }
  /** `seconds` 1 to 60, default 10. `collect` runs a garbage collection (a pause) before it looks. */
  | { readonly command: "heap"; readonly seconds?: number; readonly collect?: boolean }
  /** `seconds` 1 to 60, default 5. */
  | { readonly command: "cpu"; readonly seconds?: number }
  | {
      readonly command: "guard";
      /** Kind ("breaker", "queue"…): parts of one policy share its name. Left out: every guard of that name that takes it. */
      readonly guard?: string;
      readonly name: string;
      readonly control: string;
      readonly argument?: number | string;
    }
  /** Runs what the application registered; its promise may take 30 s. */
  | { readonly command: "action"; readonly name: string; readonly arguments?: unknown }
  /** Turns the probe off until the process is started again. */
  | { readonly command: "off" }
);

/** What an application finds at `globalThis[Symbol.for("prunella.probe")]` while the probe is on. */
export interface ProbeInterface {
  /** The part called `name` got on; `value` (a position, a count) defaults to the number of calls. */
  progress(name: string, value?: number): void;
  /** The part called `name` lives. */
  heartbeat(name: string): void;
  /**
   * How full something of the application's own is (a pool, a queue), for applications without the resilience library. `kind`
   * is "pool" (values max, lent, waiting), "queue" (size, capacity, durable 0 or 1) or a word of its own; `counts` only ever
   * grow (a pool's released, a queue's in and out). The last call of an interval counts; at most 100 names.
   */
  gauge(
    kind: string,
    name: string,
    values: Readonly<Record<string, number>>,
    counts?: Readonly<Record<string, number>>,
  ): void;
  /** Offers a repair that the control plane may call; returns the way to take it back. At most 100. */
  registerAction(name: string, perform: (argument: unknown) => unknown): () => void;
}
