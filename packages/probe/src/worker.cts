// The second thread: owns the socket to the agent, watches the main loop's heartbeat from outside, and takes the agent's
// commands: those about a blocked main thread it performs itself, the others it hands to the main thread.
import type { Session } from "node:inspector";
import type { ConnectionModule } from "./connection.cts";
import type { LinkModule, ThreadData, ToThread } from "./link.cts";
import type { ProfilesModule } from "./profiles.cts";
import type { StackModule } from "./stack.cts";
import type { ProbeCommand, Result } from "./wire.ts";

const { parentPort, workerData } = require("node:worker_threads") as typeof import("node:worker_threads");
const part = (name: string): unknown => require(`./${name}.cjs`);
const { flagsOf } = part("link") as LinkModule;
const { openConnection } = part("connection") as ConnectionModule;

const tickMs = 100;
const stallRepeatMs = 500;
/** A loop that has turned within this time is not asked for its stack. */
const turningMs = 250;
/** Commands at work in the main thread; more are refused. */
const pendingMax = 16;
/** What the main thread has for an answer, beyond the seconds it was asked to sample. */
const answerMsMax = 35_000;

const { shared, socketPath, hello, stallMs } = workerData as ThreadData;
const flags = new Int32Array(shared);
const pending = new Map<string | number, NodeJS.Timeout>();
const connection = openConnection(socketPath, hello, {
  onLine: (line) => void perform(line),
  onState(connected) {
    Atomics.store(flags, flagsOf.stateAt, connected ? flagsOf.stateConnected : flagsOf.stateAway);
  },
});

parentPort?.on("message", (message: ToThread) => {
  if (typeof message === "string") connection.send(message);
  else if ("seq" in message) {
    connection.send(message.line, () => {
      Atomics.store(flags, flagsOf.flushedAt, message.seq);
      Atomics.notify(flags, flagsOf.flushedAt);
    });
  } else {
    settle((JSON.parse(message.answer) as Result).id);
    if (message.last) clearInterval(ticking);
    connection.send(message.answer, message.last ? () => connection.close(() => process.exit()) : undefined);
  }
});

// The watch. Time is counted in our own ticks, at most two a tick, so that a process that was suspended as a whole
// (SIGSTOP, a laptop's sleep, no CPU for it) is not taken for a blocked loop.
let beat = 0;
let blockedMs = 0;
let reportAtMs = stallMs;
let cpuAtBeat = process.cpuUsage();
let lastTickAt = performance.now();
const ticking = setInterval(() => {
  const now = performance.now();
  const passedMs = Math.min(now - lastTickAt, 2 * tickMs);
  lastTickAt = now;
  const current = Atomics.load(flags, flagsOf.beatAt);
  if (current !== beat) {
    if (reportAtMs > stallMs) say({ type: "stall-end", at: Date.now(), blockedMs: Math.round(blockedMs) });
    beat = current;
    blockedMs = 0;
    reportAtMs = stallMs;
    cpuAtBeat = process.cpuUsage();
    return;
  }
  blockedMs += passedMs;
  if (blockedMs < reportAtMs) return;
  reportAtMs = blockedMs + stallRepeatMs;
  const { user, system } = process.cpuUsage(cpuAtBeat);
  const cpu = Math.round((user + system) / 10 / blockedMs) / 100;
  const phase = beat === 0 ? "starting" : "running";
  say({ type: "stall", at: Date.now(), blockedMs: Math.round(blockedMs), cpu, phase });
}, tickMs);

function say(message: object): void {
  connection.send(JSON.stringify(message));
}

function succeed(id: string | number, value: unknown): void {
  say({ type: "result", id, ok: true, value } satisfies Result);
}

function fail(id: string | number, error: unknown): void {
  say({
    type: "result",
    id,
    ok: false,
    error: error instanceof Error ? error.message : String(error),
  } satisfies Result);
}

async function perform(line: string): Promise<void> {
  let command: ProbeCommand;
  try {
    command = JSON.parse(line) as ProbeCommand;
  } catch {
    return;
  }
  const { id } = command;
  if (typeof id !== "string" && typeof id !== "number") return;
  const blocked = blockedMs > turningMs;
  try {
    if (command.command === "stack") {
      const { mainStack } = part("stack") as StackModule;
      succeed(id, blocked ? await mainStack(openSession, Math.round(blockedMs)) : { state: "turning" });
    } else if (command.command === "cpu" && blocked) {
      succeed(id, await profileBlocked(command.seconds));
    } else if (command.command === "heap" && blocked) {
      fail(id, `the main loop has been blocked for ${Math.round(blockedMs)} ms; ask for "stack" or "cpu"`);
    } else handOver(command);
  } catch (error) {
    fail(id, error);
  }
}

function handOver(command: ProbeCommand): void {
  if (pending.size >= pendingMax) throw new Error(`${pendingMax} commands are at work already; try again later`);
  if (pending.has(command.id)) throw new Error(`a command with id ${command.id} is at work already`);
  const seconds = "seconds" in command && typeof command.seconds === "number" ? command.seconds : 0;
  const deadline = setTimeout(
    () => {
      pending.delete(command.id);
      fail(command.id, "the main thread did not answer in time");
    },
    Math.min(60, seconds) * 1_000 + answerMsMax,
  );
  pending.set(command.id, deadline);
  parentPort?.postMessage(command);
}

function settle(id: string | number): void {
  clearTimeout(pending.get(id));
  pending.delete(id);
}

// Ends early when the loop turns again: see stack.cts about sessions and exits.
async function profileBlocked(wanted: number | undefined): Promise<unknown> {
  const { cpuProfile, secondsWithin } = part("profiles") as ProfilesModule;
  const until = performance.now() + secondsWithin(wanted, 5) * 1_000;
  const session = openSession();
  try {
    const profile = cpuProfile(
      session,
      () =>
        new Promise((resolve) => {
          const looking = setInterval(() => {
            if (performance.now() < until && blockedMs > 0) return;
            clearInterval(looking);
            resolve();
          }, 50);
        }),
    );
    return await Promise.race([profile, tooLate(secondsWithin(wanted, 5) * 1_000 + 5_000)]);
  } finally {
    session.disconnect();
  }
}

function tooLate(ms: number): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(() => reject(new Error("the main thread is blocked outside JavaScript; ask for the stack")), ms);
  });
}

function openSession(): Session {
  const inspector = require("node:inspector") as typeof import("node:inspector");
  const session = new inspector.Session();
  session.connectToMainThread();
  return session;
}
