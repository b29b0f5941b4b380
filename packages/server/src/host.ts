// What the server stands on: the running engine, or the data folder alone when no control plane runs (the command line's
// way of reading). Everything that changes something goes through `command` and `ingest`.
import type { Clock, Engine, LearnedFace, Log, Store } from "@prunella/core";

/** The part of an engine that the API needs. */
export type EngineFace = Pick<Engine, "world" | "views" | "context" | "command" | "ingest" | "listen" | "health"> & {
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
  /** Folder of the built web UI; absent: a plain status page answers at "/". */
  readonly web?: string;
}
