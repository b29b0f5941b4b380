// The control plane's end of the agent link: performs orders and asks questions through the agent, takes its signals in, and
// reconnects for ever. Events are acknowledged after `onSignals` has resolved, never before; if it rejects, the connection is
// dropped and the agent sends them again, so nothing acknowledged is lost and nothing lost is acknowledged.
import { connect, type Socket } from "node:net";
import type {
  Actuator,
  EventSignal,
  Evidence,
  Examiner,
  ObservationSignal,
  Order,
  Question,
  StepOutcome,
  TargetKey,
} from "@prunella/core";
import type { System, Timer } from "@prunella/resilience";
import type { Plan } from "../plan.ts";
import { smallSystem } from "../small-system.ts";
import { decodeToControl, encodeMessage, messageReader } from "./codec.ts";
import type { LogLine, Reply, ToAgent, ToControl } from "./wire.ts";

export interface LinkOptions {
  /** See `agentSocketPath`. */
  readonly socketPath: string;
  /** Epoch of the store: an agent that has seen a higher one refuses this control plane. */
  readonly fence: number;
  /** Called with the plan in force after each connect and whenever it changes. */
  readonly onPlan: (plan: Plan) => void;
  /**
   * Resolves once the events are stored (they are then acknowledged). Called with at most one batch at a time; meanwhile at
   * most 2,000 signals are held here, beyond that the agent holds them (and drops observations, which repeat).
   */
  readonly onSignals: (events: readonly EventSignal[], observations: readonly ObservationSignal[]) => Promise<void>;
  /** Lines that services wrote, in order; `lost` were left out before or among them. */
  readonly onLines?: (batch: Extract<ToControl, { type: "lines" }>) => void;
  readonly onGuards?: (target: TargetKey, snapshots: readonly unknown[]) => void;
  /** "connected" after the agent's hello; otherwise why there is no connection. Called on every change. */
  readonly onConnection?: (state: "connected" | "lost", reason: string) => void;
  /** First wait before connecting again; doubles to 1,000 ms. Default 50 ms. */
  readonly reconnectMs?: number;
  readonly system?: System;
}

export interface LinkClient extends Actuator, Examiner {
  /** True between the agent's hello and the loss of the connection. */
  readonly connected: boolean;
  /**
   * The last lines of a target's output that fit, oldest first, back through its rotated files; at most 5,000 are given.
   * `anyOf`: only lines that hold one of these, whatever their case.
   */
  logs(
    target: TargetKey,
    lines: number,
    containing?: string | null,
    anyOf?: readonly string[] | null,
  ): Promise<readonly LogLine[]>;
  /** Drives a guard or an action inside a service through its probe. */
  drive(
    target: TargetKey,
    command: Readonly<Record<string, unknown>>,
  ): Promise<{ readonly ok: boolean; readonly value: unknown }>;
  /** Passes on a ping for the heartbeat check of this slug; lost when not connected (pings repeat). */
  heartbeat(slug: string): void;
  /** Asks the agent to stop every service and then itself. */
  stopAll(): void;
  close(): void;
}

/** Added to an order's own time limit before this side gives up waiting for its outcome. */
const replyGraceMs = 5_000;
const aliveMs = 1_000;
const heldMax = 2_000;
const reconnectMsMax = 1_000;

export function linkClient(options: LinkOptions): LinkClient {
  const system = options.system ?? smallSystem;
  const waiting = new Map<number, { resolve: (reply: Reply) => void; reject: (error: Error) => void; timer: Timer }>();
  let socket: Socket | null = null;
  let ready = false;
  let closed = false;
  let lastId = 0;
  let failures = 0;
  let retry: Timer | null = null;
  let events: { number: number; signal: EventSignal }[] = [];
  let observations: ObservationSignal[] = [];
  let storing = false;
  let alive: Timer | null = null;

  open();

  function open(): void {
    retry = null;
    const mine = connect(options.socketPath);
    socket = mine;
    let reason = "the agent closed the connection";
    mine.on("connect", () =>
      mine.write(encodeMessage({ type: "hello", version: 1, fence: options.fence, pid: process.pid })),
    );
    mine.on("error", (error) => (reason = error.message));
    mine.on(
      "data",
      messageReader(
        (value) => {
          const message = decodeToControl(value);
          if (socket !== mine) return;
          if (message === null) drop(mine, "the agent sent a message of an unknown form");
          else receive(message);
        },
        (fault) => drop(mine, fault),
      ),
    );
    mine.on("close", () => {
      if (socket === mine) lost(reason);
    });
  }

  function sayAlive(): void {
    send({ type: "alive" });
    alive = ready ? system.setTimer(sayAlive, aliveMs) : null;
  }

  function drop(mine: Socket, reason: string): void {
    mine.destroy();
    if (socket === mine) lost(reason);
  }

  function lost(reason: string): void {
    socket = null;
    const was = ready;
    ready = false;
    events = [];
    observations = [];
    for (const [id, call] of waiting) {
      waiting.delete(id);
      call.timer.cancel();
      call.reject(new Error(`the connection to the agent was lost before it answered: ${reason}`));
    }
    if (was || failures === 0) options.onConnection?.("lost", reason);
    if (closed) return;
    const delay = Math.min(reconnectMsMax, (options.reconnectMs ?? 50) * 2 ** Math.min(failures, 10));
    failures += 1;
    retry = system.setTimer(open, delay, true);
  }

  function receive(message: ToControl): void {
    switch (message.type) {
      case "hello":
        ready = true;
        failures = 0;
        alive?.cancel();
        sayAlive();
        options.onConnection?.("connected", `agent ${message.agent}, process ${message.pid}`);
        options.onPlan(message.plan);
        return;
      case "plan":
        options.onPlan(message.plan);
        return;
      case "event":
        events.push({ number: message.number, signal: message.signal });
        break;
      case "observations":
        for (const signal of message.signals) observations.push(signal);
        break;
      case "lines":
        options.onLines?.(message);
        return;
      case "guards":
        options.onGuards?.(message.target, message.snapshots);
        return;
      case "reply": {
        const call = waiting.get(message.id);
        waiting.delete(message.id);
        call?.timer.cancel();
        call?.resolve(message.reply);
        return;
      }
      default:
        message satisfies never;
    }
    if (events.length + observations.length >= heldMax) socket?.pause();
    if (!storing) void store();
  }

  async function store(): Promise<void> {
    storing = true;
    while (events.length + observations.length > 0) {
      const mine = socket;
      const batch = events;
      const seen = observations;
      events = [];
      observations = [];
      mine?.resume();
      try {
        await options.onSignals(
          batch.map((event) => event.signal),
          seen,
        );
        const last = batch.at(-1);
        if (last !== undefined && socket === mine && mine !== null)
          mine.write(encodeMessage({ type: "acknowledge", through: last.number }));
      } catch (error) {
        if (mine !== null && batch.length > 0)
          drop(mine, `signals could not be stored: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
    storing = false;
  }

  function send(message: ToAgent): void {
    if (ready) socket?.write(encodeMessage(message));
  }

  function call(build: (id: number) => ToAgent, timeoutMs: number): Promise<Reply> {
    if (!ready) return Promise.reject(new Error("not connected to the agent"));
    lastId += 1;
    const id = lastId;
    const line = encodeMessage(build(id));
    return new Promise((resolve, reject) => {
      const timer = system.setTimer(() => {
        waiting.delete(id);
        reject(new Error(`the agent did not answer within ${timeoutMs} ms`));
      }, timeoutMs);
      waiting.set(id, { resolve, reject, timer });
      socket?.write(line);
    });
  }

  return {
    get connected() {
      return ready;
    },
    async perform(order: Order): Promise<StepOutcome> {
      if (!ready) return { kind: "failed", reason: "the agent is not connected", effect: "none" };
      const reply = await call((id) => ({ type: "order", id, order }), order.timeoutMs + replyGraceMs);
      if (reply.kind === "refused") return { kind: "failed", reason: reply.reason, effect: "none" };
      if (reply.kind === "outcome" && reply.outcome !== null && reply.outcome !== "running") return reply.outcome;
      throw new Error(`the agent answered an order with ${reply.kind}`);
    },
    async outcomeOf(key) {
      const reply = await call((id) => ({ type: "outcome-of", id, key }), replyGraceMs);
      if (reply.kind === "outcome") return reply.outcome;
      throw new Error(reply.kind === "refused" ? reply.reason : `the agent answered with ${reply.kind}`);
    },
    async examine(question: Question): Promise<Evidence | null> {
      const reply = await call((id) => ({ type: "question", id, question }), question.timeoutMs + replyGraceMs);
      if (reply.kind === "evidence") return reply.evidence;
      throw new Error(reply.kind === "refused" ? reply.reason : `the agent answered with ${reply.kind}`);
    },
    async logs(target, lines, containing = null, anyOf = null) {
      const reply = await call((id) => ({ type: "logs", id, target, lines, containing, anyOf }), 2 * replyGraceMs);
      if (reply.kind === "logs") return reply.lines;
      throw new Error(reply.kind === "refused" ? reply.reason : `the agent answered with ${reply.kind}`);
    },
    async drive(target, command) {
      const reply = await call((id) => ({ type: "drive", id, target, command }), 40_000);
      if (reply.kind === "driven") return { ok: reply.ok, value: reply.value };
      throw new Error(reply.kind === "refused" ? reply.reason : `the agent answered with ${reply.kind}`);
    },
    heartbeat: (slug) => send({ type: "heartbeat", slug }),
    stopAll: () => send({ type: "stop-all" }),
    close() {
      closed = true;
      retry?.cancel();
      const mine = socket;
      if (mine !== null) drop(mine, "closed by the control plane");
    },
  };
}
