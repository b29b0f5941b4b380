// Drills as the control plane runs them: each is the command line's own `drill`, as a process of its own, one at a time, so
// that what a drill does to its world cannot touch this one. Its run is stored when it begins and when it has ended.
import { failureModes } from "@prunella/catalogue";
import { ConflictError, type Clock, type DrillRun, type Engine, type Log } from "@prunella/core";
import type { DrillFace } from "@prunella/server";
import { spawn, type ChildProcess } from "node:child_process";
import { randomUUID } from "node:crypto";
import path from "node:path";
import process from "node:process";

/** A drill may take this long, ms; then it is ended as if it had been aborted. */
export const drillMsMax = 900_000;
/** …and if it does not end by itself after that, it is killed. */
const endMsMax = 150_000;
const outputMax = 5_000_000;

export interface DrillsOptions {
  readonly engine: Pick<Engine, "command">;
  readonly clock: Clock;
  readonly log: Log;
  readonly schedule: (drill: string) => string | null;
  readonly scheduled: DrillFace["scheduled"];
  /** The data folder and the API's token, by which an experiment reaches this control plane. */
  readonly data: string;
  readonly tokenFile: () => string | null;
}

export interface Drills extends DrillFace {
  readonly running: string | null;
  /** Resolves with the run when it has ended. */
  run(drill: string, withoutHealing: boolean, file?: string): Promise<DrillRun>;
  stop(): Promise<void>;
}

export function drills(options: DrillsOptions): Drills {
  let current: { readonly id: string; readonly child: ChildProcess; readonly ended: Promise<DrillRun> } | null = null;

  const store = (run: DrillRun): Promise<unknown> =>
    options.engine
      .command({ type: "record-drill", by: "drill", run })
      .catch((error: unknown) =>
        options.log.write("error", "drill-not-stored", { run: run.id, message: String(error) }),
      );

  async function begin(drill: string, withoutHealing: boolean, file?: string): Promise<NonNullable<typeof current>> {
    if (current !== null)
      throw new ConflictError(`${current.id} is running; drills run one at a time: wait for it, or abort it`);
    const id = `DRILL-${randomUUID().slice(0, 13)}`;
    const begun = newRun(id, drill, withoutHealing, options.clock.now());
    const token = options.tokenFile();
    // An experiment runs against what runs here, a drill in a world of its own. Only the newest journal is kept.
    const args =
      file === undefined
        ? ["drill", drill]
        : [
            ...(token === null ? [] : ["--token", token]),
            ...["drill", "run", file, "--journal", path.join(options.data, "journal.json")],
          ];
    const child = spawn(
      process.execPath,
      [entry(), ...args, "--json", "--id", id, ...(withoutHealing ? ["--without-healing"] : [])],
      {
        stdio: ["ignore", "pipe", "pipe"],
        detached: true,
        env: {
          ...process.env,
          PRUNELLA_AGENT_SOCKET: "",
          ...(file === undefined ? {} : { PRUNELLA_DATA: options.data }),
        },
      },
    );
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      if (said.length < outputMax) said += text;
    });
    let complained = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => (complained = `${complained}${text}`.slice(-1_000)));
    const late = setTimeout(() => child.kill("SIGINT"), drillMsMax);
    const ended = new Promise<DrillRun>((resolve) => {
      child.on("error", (error) => resolve(failed(begun, error.message, options.clock.now())));
      child.on("close", (code, signal) => {
        const run = runIn(said, id);
        const why = complained.trim() === "" ? "and said nothing" : `: ${complained.trim()}`;
        resolve(
          run === null
            ? failed(begun, `the drill ended with ${signal ?? code ?? "nothing"} ${why}`, options.clock.now())
            : // By the name under which it was begun: an experiment calls itself by its title.
              { ...run, drill },
        );
      });
    }).then(async (run) => {
      clearTimeout(late);
      current = null;
      await store(run);
      return run;
    });
    current = { id, child, ended };
    await store(begun);
    options.log.write("info", "drill-begun", { run: id, drill });
    return current;
  }

  return {
    modes: failureModes,
    schedule: options.schedule,
    scheduled: options.scheduled,
    get running() {
      return current?.id ?? null;
    },
    start: async (drill, withoutHealing) => (await begin(drill, withoutHealing)).id,
    run: async (drill, withoutHealing, file) => (await begin(drill, withoutHealing, file)).ended,
    abort(run) {
      if (current === null || current.id !== run) return false;
      current.child.kill("SIGINT");
      return true;
    },
    async stop() {
      const left = current;
      if (left === null) return;
      left.child.kill("SIGINT");
      const kill = setTimeout(() => left.child.kill("SIGKILL"), endMsMax);
      kill.unref();
      // Its rollbacks are its own; nobody waits for them here.
    },
  };
}

function entry(): string {
  return path.join(import.meta.dirname, "..", "bin", "prunella.mjs");
}

export function newRun(id: string, drill: string, withoutHealing: boolean, startedAt: number): DrillRun {
  return {
    id,
    drill,
    state: "running",
    withoutHealing,
    startedAt,
    endedAt: null,
    beganAt: null,
    detectedAt: null,
    repairedAt: null,
    recoveredAt: null,
    rootCause: null,
    conditions: [],
    evidence: [],
    incident: null,
    error: null,
  };
}

function failed(begun: DrillRun, why: string, now: number): DrillRun {
  return { ...begun, state: "failed", endedAt: now, error: why };
}

/** The run that the command line printed, or null when it printed none. */
function runIn(said: string, id: string): DrillRun | null {
  try {
    const { runs } = JSON.parse(said) as { readonly runs: readonly DrillRun[] };
    return runs.find((run) => run.id === id) ?? null;
  } catch {
    return null;
  }
}
