// One process of a service, supervised: started, adopted, watched, stopped with everything it left behind. It never decides
// to restart: that is the control plane's. Invariant: at most one process runs at a time; `record` says what is on disk.
import type { ChildProcess } from "node:child_process";
import type { ServicePlan } from "@prunella/adapters";
import type { ErrorFacts, Exit, ObservationSignal, TimeMs } from "@prunella/core";
import type { ControlGroups, Shares } from "./control-groups.ts";
import { settledWithin, signalAll, sleep, sweep, trySignal, writersOf } from "./group.ts";
import { launch, runsNode, userOf } from "./launch.ts";
import { logFileOf, recover, rotate, sizeOf } from "./log-file.ts";
import { tail } from "./log-tail.ts";
import type { NewEvent } from "./outbox.ts";
import { isAlive, markerName, membersOf, readStat } from "./proc/read.ts";
import type { ServiceRecord } from "./state.ts";
import type { LogWrite } from "./words.ts";

export interface ServiceContext {
  readonly now: () => TimeMs;
  readonly logFolder: string;
  /** Short name of the data folder, the first part of the marker. */
  readonly folder: string;
  readonly emit: (event: NewEvent) => void;
  /** Something to be observed at once: the process came or went. */
  readonly observe: (signal: ObservationSignal) => void;
  readonly save: () => void;
  readonly log: LogWrite;
  /** Environment that preloads the probe; empty when there is none. */
  readonly probeEnvironment: (plan: ServicePlan) => Readonly<Record<string, string>>;
  /** The exception the probe of this process saw on its way down, waiting a moment for its last words. */
  readonly lastError: (target: string, pid: number) => Promise<ErrorFacts | null>;
  readonly groups: ControlGroups;
  /** A count that rises when the kernel kills for want of memory, and null where it cannot be read. */
  readonly memoryKills: () => number | null;
  readonly remember: (pid: number, startTicks: number, target: string) => void;
  /** A process of this service ended: what it declared is looked at before its end is told. */
  readonly beforeEnd?: (plan: ServicePlan) => void;
}

export type StartOutcome =
  | { readonly kind: "running"; readonly pid: number; readonly already: boolean }
  | { readonly kind: "failed"; readonly reason: string };

export type StopOutcome =
  | { readonly kind: "stopped"; readonly forced: boolean }
  | { readonly kind: "not-running" }
  | { readonly kind: "stuck"; readonly pids: readonly number[] };

interface Run {
  readonly pid: number;
  readonly startTicks: number;
  readonly startedAt: TimeMs;
  readonly child: ChildProcess | null;
  readonly memoryKills: number | null;
  /** Prunella asked it to end. */
  expected: boolean;
  readonly ended: Promise<void>;
  readonly end: () => void;
}

/** How long a process is waited for after SIGKILL before it is called stuck (it hangs in the kernel). */
const killMsMax = 5_000;
/** Looks for processes that were started before their parent was in its control group. */
const placeRoundsMax = 5;

export class Service {
  readonly target: string;
  readonly record: ServiceRecord;
  plan: ServicePlan;
  readonly #context: ServiceContext;
  readonly #marker: string;
  #run: Run | null = null;
  #starting: Promise<StartOutcome> | null = null;
  #tidying: Promise<unknown> = Promise.resolve();
  #rotating = false;

  constructor(target: string, plan: ServicePlan, record: ServiceRecord, context: ServiceContext) {
    this.target = target;
    this.plan = plan;
    this.record = record;
    this.#context = context;
    this.#marker = `${context.folder}:${target}`;
  }

  /** The process that runs, if one does. */
  get pid(): number | null {
    return this.#run?.pid ?? null;
  }
  get adopted(): boolean {
    return this.#run !== null && this.#run.child === null;
  }
  get marker(): string {
    return this.#marker;
  }
  get uptimeMs(): number | null {
    return this.#run === null ? null : Math.max(0, this.#context.now() - this.#run.startedAt);
  }
  /** Which of several instances it is, from 0: in its environment, so that each can take a port of its own. */
  get #instance(): string {
    return this.target.split("/")[1] ?? "0";
  }
  /** Path of a log file: `logs/<target>.out.log`, a "/" of the target written "~". */
  logFile(stream: "out" | "err"): string {
    return logFileOf(this.#context.logFolder, this.target, stream);
  }

  observation(): ObservationSignal {
    const { target, record } = this;
    const at = this.#context.now();
    if (this.#run !== null) {
      const { pid, startedAt } = this.#run;
      return { type: "process", target, at, running: true, pid, startedAt };
    }
    return {
      type: "process",
      target,
      at,
      running: false,
      since: record.downSince,
      // One that waits for its turn at the start is not missed yet.
      wanted: record.wanted && record.startedAt > 0,
      exit: record.lastExit,
    };
  }

  /** What it has of the machine: as it was last ordered, else as the plan says. Null: it declares no resources. */
  get shares(): Shares | null {
    const { resources } = this.plan;
    if (resources === undefined) return null;
    return this.record.shares ?? { cpu: resources.cpu, memory: resources.memoryMax };
  }

  /** Puts the process, and what it started before it was there, into the service's own control group. */
  #place(pid: number): void {
    const { resources } = this.plan;
    const { groups } = this.#context;
    const { shares } = this;
    if (resources === undefined || shares === null || groups.absent !== null) return;
    let placed: readonly number[] = [pid];
    let problem = groups.place(this.target, placed, resources, shares);
    for (let round = 0; round < placeRoundsMax && problem === null; round += 1) {
      const outside = membersOf(pid, this.#marker)
        .map((member) => member.pid)
        .filter((each) => !placed.includes(each));
      if (outside.length === 0) return;
      problem = groups.place(this.target, outside, resources, shares);
      placed = [...placed, ...outside];
    }
    if (problem !== null) this.#context.log("warn", "shares-not-set", { target: this.target, reason: problem });
  }

  /** Its plan's shares have changed: they hold for the process that runs, too. */
  share(): void {
    if (this.#run !== null) this.#place(this.#run.pid);
  }

  /** Takes over a process that an earlier agent started. Its exit status will not be known. */
  adopt(pid: number, startTicks: number, startedAt: TimeMs): void {
    this.#place(pid);
    this.#begin(pid, startTicks, startedAt, null);
    for (const stream of ["out", "err"] as const) {
      // The agent before died while it rotated: whoever it had stopped goes on.
      if (recover(this.logFile(stream), this.plan.logs.files))
        signalAll(
          membersOf(pid, this.#marker).map((member) => member.pid),
          "SIGCONT",
        );
    }
    this.#context.emit({ type: "started", target: this.target, pid, adopted: true });
  }

  /** Says that the process of an earlier agent ended while nobody looked. */
  reportLost(): void {
    const { record } = this;
    const { pid } = record;
    if (pid === null) return;
    const now = this.#context.now();
    this.#recordExit({ code: null, signal: null, outOfMemory: false });
    this.#context.emit({
      type: "exited",
      target: this.target,
      pid,
      exit: { code: null, signal: null, outOfMemory: false },
      uptimeMs: Math.max(0, now - record.startedAt),
      expected: false,
      lastLines: this.lastLines(),
    });
  }

  /** Starts the process unless it runs. Whoever asks while a start is under way gets that one's outcome. */
  start(): Promise<StartOutcome> {
    this.record.wanted = true;
    if (this.#run !== null) return Promise.resolve({ kind: "running", pid: this.#run.pid, already: true });
    this.#starting ??= this.#launch().finally(() => {
      this.#starting = null;
    });
    return this.#starting;
  }

  async #launch(): Promise<StartOutcome> {
    await this.#tidying;
    for (const stream of ["out", "err"] as const) recover(this.logFile(stream), this.plan.logs.files);
    this.record.outFrom = sizeOf(this.logFile("out"));
    this.record.errFrom = sizeOf(this.logFile("err"));
    const { plan } = this;
    const launched = await launch({
      plan,
      outFile: this.logFile("out"),
      errFile: this.logFile("err"),
      environment: { ...this.#probeEnvironment(), [markerName]: this.#marker, PRUNELLA_INSTANCE: this.#instance },
    });
    if (launched.kind === "failed") {
      if (this.record.downSince === 0) this.record.downSince = this.#context.now();
      this.#context.save();
      this.#context.emit({ type: "start-failed", target: this.target, reason: launched.reason, lastLines: [] });
      this.#context.observe(this.observation());
      return launched;
    }
    const { pid, child } = launched;
    const startTicks = readStat(pid)?.startTicks ?? 0;
    this.#place(pid);
    const run = this.#begin(pid, startTicks, this.#context.now(), child);
    this.#context.emit({ type: "started", target: this.target, pid, adopted: false });
    child.once("exit", (code, signal) => this.#ended(run, code, signal));
    return { kind: "running", pid, already: false };
  }

  /**
   * Ends the process and all it left behind: the stop signal to its group, until `timeoutMs` SIGKILL (at once when not
   * graceful), then a sweep for members that moved to another session. `wanted` is not touched.
   */
  async stop(graceful: boolean, timeoutMs = this.plan.stop.timeoutMs): Promise<StopOutcome> {
    // A process that is about to be would come after its end.
    if (this.#starting !== null) await this.#starting;
    const run = this.#run;
    if (run === null) {
      await this.#tidying;
      const left = await sweep(null, this.#marker, killMsMax);
      return left.length === 0 ? { kind: "not-running" } : { kind: "stuck", pids: left.map((member) => member.pid) };
    }
    run.expected = true;
    let forced = !graceful;
    if (graceful) {
      const deadline = performance.now() + timeoutMs;
      const signal = this.plan.stop.signal as NodeJS.Signals;
      trySignal(-run.pid, signal);
      // A stopped process cannot act on the signal until it goes on.
      trySignal(-run.pid, "SIGCONT");
      const apart = membersOf(null, this.#marker).filter((member) => member.group !== run.pid);
      signalAll(
        apart.map((member) => member.pid),
        signal,
      );
      await settledWithin(run.ended, timeoutMs);
      // Its children may still be finishing their work.
      while (performance.now() < deadline && membersOf(run.pid, this.#marker).length > 0) await sleep(20);
      forced = membersOf(run.pid, this.#marker).length > 0;
    }
    if (forced) trySignal(-run.pid, "SIGKILL");
    const left = await sweep(run.pid, this.#marker, killMsMax);
    if (left.length === 0) await settledWithin(run.ended, killMsMax);
    if (left.length > 0) return { kind: "stuck", pids: left.map((member) => member.pid) };
    this.#context.groups.remove(this.target);
    return { kind: "stopped", forced };
  }

  /** Sends a signal to the process itself. False when it does not run. */
  signal(signal: NodeJS.Signals): boolean {
    return this.#run !== null && trySignal(this.#run.pid, signal);
  }

  /** For adopted processes, whose parent cannot tell: call it often, or when there is a hint. */
  lookAfter(): void {
    const run = this.#run;
    if (run === null || run.child !== null) return;
    if (!isAlive(run.pid, run.startTicks)) this.#ended(run, null, null);
  }

  /** The newest lines of this process's own output: errors last, at most 50 of 2,000 characters. */
  lastLines(): string[] {
    const read = (stream: "out" | "err", lines: number): string[] => {
      const from = stream === "out" ? this.record.outFrom : this.record.errFrom;
      return tail(this.logFile(stream), { lines, containing: null, from, bytesMax: 65_536 }).map((line) => line.text);
    };
    const errors = read("err", 50);
    return [...read("out", Math.max(10, 50 - errors.length)), ...errors].slice(-50);
  }

  /** Rotates a log file that has grown beyond its limit. Does nothing while a rotation is under way. */
  async rotateIfLarge(stream: "out" | "err"): Promise<void> {
    if (sizeOf(this.logFile(stream)) > this.plan.logs.bytesMax) await this.rotateNow(stream);
  }

  /** Rotates a log file, however large it is; says what came of it. */
  async rotateNow(stream: "out" | "err"): Promise<string> {
    const file = this.logFile(stream);
    if (this.#rotating) return "a rotation is under way";
    if (sizeOf(file) === 0) return "empty";
    this.#rotating = true;
    try {
      const writers = writersOf(() => this.pid, this.#marker);
      const done = await rotate(file, this.plan.logs.files, writers);
      if (done.kind === "rotated") {
        if (stream === "out") this.record.outFrom = 0;
        else this.record.errFrom = 0;
        this.#context.save();
      }
      const fields = done.kind === "rotated" ? { bytes: done.bytes, pausedMs: done.pausedMs } : { reason: done.reason };
      this.#context.log("debug", `log-${done.kind}`, { target: this.target, stream, ...fields });
      return done.kind === "rotated" ? `${done.bytes} bytes rotated` : done.reason;
    } finally {
      this.#rotating = false;
    }
  }

  #probeEnvironment(): Readonly<Record<string, string>> {
    const { plan } = this;
    if (plan.probe === "off" || (plan.probe === "auto" && !runsNode(plan.command, plan.cwd))) return {};
    // Another user may read neither the probe's file nor its socket: without it the service starts at least.
    if (plan.user !== null && userOf(plan.user)?.uid !== process.getuid?.()) return {};
    return this.#context.probeEnvironment(plan);
  }

  #begin(pid: number, startTicks: number, startedAt: TimeMs, child: ChildProcess | null): Run {
    let end = (): void => {};
    const ended = new Promise<void>((resolve) => {
      end = resolve;
    });
    const memoryKills = this.#memoryKills();
    this.#run = { pid, startTicks, startedAt, child, memoryKills, expected: false, ended, end };
    Object.assign(this.record, { pid, startTicks, startedAt, downSince: 0, lastExit: null });
    this.#context.remember(pid, startTicks, this.target);
    this.#context.save();
    this.#context.observe(this.observation());
    return this.#run;
  }

  #ended(run: Run, code: number | null, signal: string | null): void {
    if (this.#run !== run) return;
    const at = this.#context.now();
    const kills = this.#memoryKills();
    const outOfMemory =
      signal === "SIGKILL" && !run.expected && kills !== null && run.memoryKills !== null && kills > run.memoryKills;
    const limit = this.#context.groups.kills(this.target) === null ? null : (this.shares?.memory ?? null);
    const exit: Exit = {
      code,
      signal,
      outOfMemory,
      ...(outOfMemory && limit !== null ? { memoryLimitBytes: limit } : {}),
    };
    this.#run = null;
    this.#recordExit(exit);
    this.#context.beforeEnd?.(this.plan);
    this.#context.observe(this.observation());
    // What it left behind would hold its port and write to its logs. `start` and `stop` wait for this.
    if (!run.expected) this.#tidying = sleep(1).then(() => this.#sweep(run.pid));
    // Read before a successor writes to the same files.
    const lastLines = this.lastLines();
    run.end();
    void this.#context.lastError(this.target, run.pid).then((error) =>
      this.#context.emit({
        type: "exited",
        target: this.target,
        pid: run.pid,
        exit,
        uptimeMs: Math.max(0, at - run.startedAt),
        expected: run.expected,
        lastLines,
        ...(error === null ? {} : { error }),
      }),
    );
  }

  /** Never rejects: when /proc cannot be read now, what was left behind is looked for again at the next start. */
  async #sweep(leader: number): Promise<void> {
    try {
      await sweep(leader, this.#marker, killMsMax);
      this.#context.groups.remove(this.target);
    } catch (error) {
      this.#context.log("error", "sweep-failed", { target: this.target, reason: String(error) });
    }
  }

  /** Of its own group, where it has one: a kill elsewhere on the machine is none of its own. */
  #memoryKills(): number | null {
    return this.#context.groups.kills(this.target) ?? this.#context.memoryKills();
  }

  #recordExit(exit: Exit): void {
    Object.assign(this.record, { pid: null, downSince: this.#context.now(), lastExit: exit });
    this.#context.save();
  }
}
