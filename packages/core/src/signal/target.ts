// A target is anything watched. Its specification comes from the configuration and is frozen while it is in force.

/** Name of a target: a service ("api"), one instance of several ("api/1"), or a thing Prunella does not run ("db"). */
export type TargetKey = string;

/** The target under which Prunella files faults of its own loops, store and agent. */
export const ownTarget: TargetKey = "prunella";

export interface TargetSpec {
  readonly key: TargetKey;
  /** "service": Prunella runs it, so restart is within its rights; "external": watched only; "self": Prunella itself. */
  readonly kind: "service" | "external" | "self";
  /** Instances of one service share a group; blast radius is counted within it. A single service is its own group. */
  readonly group: string;
  /** Targets that this one needs; their faults explain its own. */
  readonly dependsOn: readonly TargetKey[];
  /** "host:port" of each address at which others reach this target; joins outgoing calls to their target. */
  readonly addresses: readonly string[];
  /** Names of the active checks, each with its role; a target without one is judged by its process alone. */
  readonly checks: readonly CheckRole[];
  /** Longest silence of the application's heartbeat in ms; absent: no heartbeat is expected. */
  readonly heartbeatMs?: number;
  /** Memory limit in bytes against which growth is forecast; absent: the heap limit the probe reports, if any. */
  readonly memoryBytesMax?: number;
  /** Descriptors (open files) at which growth is forecast to end badly; absent: the limit the kernel sets for the process. */
  readonly descriptorsMax?: number;
  /** Threads above which something is wrong; absent: 500. */
  readonly threadsMax?: number;
  /** Folders whose files are records that the target works on; one that kills it again and again is known by its name. */
  readonly recordFolders?: readonly string[];
  /** Time in ms from start within which a target may still be unhealthy (start-up). Default 30,000. */
  readonly startupMs: number;
  readonly labels: Readonly<Record<string, string>>;
  /** What it promises to those who use it; absent: nothing. At most one of each objective. */
  readonly slos?: readonly SloSpec[];
}

export type SloObjective = "availability" | "errors" | "p95" | "memory" | "cpu";

export interface SloSpec {
  readonly objective: SloObjective;
  /** Share that must be good, above 0 and below 1: of the time for availability, memory and cpu, of requests for the others. */
  readonly goal: number;
  /** Milliseconds for p95, bytes for memory, cores for cpu; null for availability and errors. */
  readonly limit: number | null;
  /** The time the error budget is for, ms. */
  readonly windowMs: number;
}

export interface CheckRole {
  readonly name: string;
  /** Only a liveness check may cause a repair; readiness is shown and holds dependents back. */
  readonly role: "liveness" | "readiness";
  /** Consecutive failures before it counts as failing, and successes before it counts as passing again. */
  readonly failures: number;
  readonly successes: number;
  readonly everyMs: number;
}
