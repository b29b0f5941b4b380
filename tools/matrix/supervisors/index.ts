// What the matrix asks of a supervisor: start the services of a stage, say which processes run them and what it found and did,
// restart one by hand, end.
import type { Stage } from "../stage.ts";

export interface Incident {
  readonly target: string;
  readonly kind: string;
  readonly severity: string;
  readonly detectedAt: number;
  readonly repairStartedAt: number | null;
  readonly rootCause: string | null;
  readonly outcome: string | null;
}
export interface Repair {
  readonly target: string;
  readonly remedy: string;
  readonly startedAt: number;
  readonly outcome: string | null;
}

export interface Supervisor {
  readonly name: string;
  /** The process of each service, 0 when it does not run. */
  pids(): Readonly<Record<string, number>>;
  /** Everything it consists of and runs, parents first. */
  family(): readonly number[];
  restart(service: string): Promise<void>;
  /** Null for supervisors that keep no such record: what they did is then judged by processes that were replaced. */
  records(
    since: number,
  ): Promise<{ readonly incidents: readonly Incident[]; readonly repairs: readonly Repair[] } | null>;
  /** It has learned what it needs to know of the good state (a configuration kept as good). */
  ready(): Promise<void>;
  stop(): Promise<void>;
}

export interface SupervisorMaker {
  readonly name: string;
  /** Why it cannot be used on this machine, or null. */
  missing(): string | null;
  start(stage: Stage): Promise<Supervisor>;
}
