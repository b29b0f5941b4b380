// What the server stands on: the running engine, or the data folder alone when no control plane runs (the command line's
// way of reading). Everything that changes something goes through `command` and `ingest`.
import type { Claim, Report } from "@prunella/contract";
import type { CatalogueMode, Clock, DrillProof, Engine, LearnedFace, Log, LongRun, Store } from "@prunella/core";

/** The part of an engine that the API needs. */
export type EngineFace = Pick<
  Engine,
  "world" | "views" | "context" | "command" | "ingest" | "listen" | "health" | "guards" | "deliveries"
> & {
  /** Recent metrics and mined logs; absent where nothing is running that could have learned. */
  readonly learned?: LearnedFace;
};

export interface LogLine {
  readonly target: string;
  readonly stream: "out" | "err";
  readonly at: number;
  readonly text: string;
}

export interface AgentFace {
  connected(): boolean;
  /**
   * Newest lines of a target's output that fit, oldest first. `anyOf`: those that hold one of these, whatever their case.
   * Rejects when the agent is not connected.
   */
  logs(
    target: string,
    lines: number,
    containing: string | null,
    anyOf?: readonly string[] | null,
  ): Promise<readonly LogLine[]>;
  /** Lines of a target as they come; `lost` were left out before or among them. Returns the way to stop. */
  tail?(target: string, listener: (lines: readonly LogLine[], lost: number) => void): () => void;
  /** Drives a guard inside a service, through its probe. */
  drive(target: string, command: Readonly<Record<string, unknown>>): Promise<unknown>;
  /** A heartbeat named by its slug has come in. */
  heartbeat(slug: string): unknown;
  /** Snapshots of the guards inside a service, as its probe last reported them. */
  guards(target: string): readonly unknown[];
}

/** What is sent out beside notifications. */
export interface Outgoing {
  /** When somebody else was last told that Prunella lives; null: never, or nobody is told. */
  readonly deadmanAt: number | null;
  readonly loki: { readonly shipped: number; readonly lost: number; readonly waiting: number };
  readonly scrapes: { readonly succeeded: number; readonly failed: number };
}

export interface Senders {
  readonly sentry: readonly { readonly project: string; readonly key: string; readonly target: string }[];
  /** OpenTelemetry's service names that differ from those of targets. */
  readonly services: Readonly<Record<string, string>>;
}

export interface IncomingLine {
  readonly at: number;
  readonly level: "trace" | "debug" | "info" | "warn" | "error" | "fatal";
  readonly text: string;
}

export interface ReportSources {
  /** Failure modes that are known beforehand. */
  readonly catalogue?: () => readonly CatalogueMode[];
  /** Runs of drills, newest first. */
  readonly drills?: () => Promise<readonly DrillProof[]>;
  /** Stress, soak and load runs that were recorded, newest first. */
  readonly longRuns?: () => Promise<readonly LongRun[]>;
}

export interface DrillMode {
  readonly id: string;
  readonly severity: "critical" | "medium" | "low";
  readonly title: string;
  readonly fault: string;
  readonly rootCause: string;
  readonly detector: string;
  readonly guard: string;
  readonly remedy: string;
  readonly metric: string;
}

export interface ScheduledDrill {
  readonly drill: string;
  /** Remedies that it proves. */
  readonly remedies: readonly string[];
  /** A pass older than this proves nothing any more, ms. */
  readonly staleMs: number;
}

/** Drills, as the control plane runs them: one at a time, each as a process of its own. */
export interface DrillFace {
  readonly modes: readonly DrillMode[];
  /** When it runs by itself, in words; null: never. */
  schedule(drill: string): string | null;
  /** Those that run by themselves; bounded by the configuration. */
  scheduled(): readonly ScheduledDrill[];
  /** Begins a run; resolves with its id. Rejects with ConflictError while another one runs. */
  start(drill: string, withoutHealing: boolean): Promise<string>;
  /** Ends the run; its rollbacks are carried out first. False when it is not running. */
  abort(run: string): boolean;
}

export interface Render {
  readonly report: (report: Report, format: "markdown" | "html") => string;
  readonly issues: (issues: readonly Claim[]) => string;
}

export interface ServerOptions {
  readonly host: string;
  /** 0: any free port; the address is in the result. */
  readonly port: number;
  /** File with the token that every request must carry; null: none, which only a loopback address allows. */
  readonly tokenFile: string | null;
  readonly version: string;
  readonly engine: EngineFace;
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly agent: AgentFace;
  /** The configuration in force, as JSON. */
  readonly configuration: () => unknown;
  /** Who may send errors as whom; secrets are looked up. Absent: nothing beyond the names of targets. */
  readonly senders?: () => Senders;
  readonly outgoing?: () => Outgoing;
  /** Hears of log lines that came in from outside. */
  readonly onLines?: (target: string, lines: readonly IncomingLine[]) => void;
  /** Where reports find what is not in the store; absent: there is none of it. */
  readonly sources?: ReportSources;
  /** Absent: drills are listed from what is stored, and none can be run. */
  readonly drills?: DrillFace;
  /** Reports and issues as text for people; absent: they are told as JSON only. */
  readonly render?: Render;
  /** Folder of the built web UI; absent: a plain status page answers at "/". */
  readonly web?: string;
}
