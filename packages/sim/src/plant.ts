// The world under care: services with hidden health, dependencies between them, breakages drawn before the run (open loop),
// repairs that help, do nothing or make it worse, and a record of every effect as it happened to the plant. Checkers trust the
// plant, never the engine's bookkeeping.
import type { EventSignal, ObservationSignal, Order, StepOutcome, TargetSpec } from "@prunella/core";
import type { Random } from "./random.ts";

export type Breakage =
  "crash" | "kill" | "hang" | "freeze" | "sick" | "leak" | "mute" | "loop" | "port" | "down" | "blip";

export interface PlannedBreakage {
  readonly at: number;
  readonly target: string;
  readonly kind: Breakage;
  /** How long it lasts if nobody repairs it, ms; null: for ever. */
  readonly lastsMs: number | null;
  /** Restarting cures it. */
  readonly curable: boolean;
}

export interface Part {
  readonly spec: TargetSpec;
  running: boolean;
  wanted: boolean;
  pid: number;
  startedAt: number;
  since: number;
  ailment: PlannedBreakage | null;
  hungSince: number | null;
  rss: number;
  lastHeartbeat: number;
  /** Stretches of real health: the checkers' truth. */
  goodSince: number | null;
  readonly downtime: { ms: number; since: number | null };
}

export interface EffectRecord {
  readonly at: number;
  readonly key: string;
  readonly target: string;
  readonly action: string;
  readonly disturbed: boolean;
}

export const plantSpecs: readonly TargetSpec[] = [
  {
    key: "db",
    kind: "external",
    group: "db",
    dependsOn: [],
    addresses: ["127.0.0.1:5432"],
    checks: [check("tcp")],
    startupMs: 0,
    labels: {},
  },
  service("api", ["db"], 5e8),
  service("web/0", ["api"], undefined, "web"),
  service("web/1", ["api"], undefined, "web"),
  service("web/2", ["api"], undefined, "web"),
  { ...service("worker", ["db"], undefined), heartbeatMs: 5_000 },
];

function service(
  key: string,
  dependsOn: readonly string[],
  memoryBytesMax: number | undefined,
  group = key,
): TargetSpec {
  return {
    key,
    kind: "service",
    group,
    dependsOn,
    addresses: [],
    checks: [check("http")],
    ...(memoryBytesMax === undefined ? {} : { memoryBytesMax }),
    startupMs: 4_000,
    labels: {},
  };
}

function check(name: string): TargetSpec["checks"][number] {
  return { name, role: "liveness", failures: 3, successes: 1, everyMs: 1_000 };
}

/** Breakages of a run, drawn before it so that repairing changes nothing of what comes. */
export function workload(random: Random, lengthMs: number): PlannedBreakage[] {
  const planned: PlannedBreakage[] = [];
  const count = random.between(1, 6);
  for (let each = 0; each < count; each += 1) {
    const spec = random.pick(plantSpecs);
    const kind: Breakage =
      spec.kind === "external"
        ? random.pick(["down", "blip"])
        : random.pick([
            "crash",
            "kill",
            "hang",
            "freeze",
            "sick",
            "leak",
            spec.heartbeatMs === undefined ? "sick" : "mute",
            "loop",
            "port",
          ]);
    planned.push({
      at: random.between(5_000, lengthMs),
      target: spec.key,
      kind,
      lastsMs:
        kind === "blip"
          ? random.between(500, 2_500)
          : kind === "down"
            ? random.between(5_000, 120_000)
            : random.oneIn(4)
              ? random.between(2_000, 60_000)
              : null,
      curable: !random.oneIn(5),
    });
  }
  return planned.sort((a, b) => a.at - b.at);
}

export class Plant {
  readonly parts = new Map<string, Part>();
  readonly effects: EffectRecord[] = [];
  readonly #emit: (signal: EventSignal) => void;
  readonly #now: () => number;
  #pid = 100;
  #event = 0;

  constructor(now: () => number, emit: (signal: EventSignal) => void) {
    this.#now = now;
    this.#emit = emit;
    for (const spec of plantSpecs) {
      this.parts.set(spec.key, {
        spec,
        running: true,
        wanted: true,
        pid: this.#pid++,
        startedAt: 0,
        since: 0,
        ailment: null,
        hungSince: null,
        rss: 1e8,
        lastHeartbeat: 0,
        goodSince: 0,
        downtime: { ms: 0, since: null },
      });
    }
  }

  part(key: string): Part {
    const part = this.parts.get(key);
    if (part === undefined) throw new Error(`the plant has no ${key}`);
    return part;
  }

  /** Truth: it runs, nothing ails it, and what it needs is there. */
  isGood(part: Part): boolean {
    if (part.spec.kind === "external") return part.ailment === null;
    return (
      part.running &&
      part.ailment === null &&
      part.spec.dependsOn.every((key) => this.parts.get(key) === undefined || this.isGood(this.part(key)))
    );
  }

  break(planned: PlannedBreakage): void {
    const part = this.part(planned.target);
    if (part.ailment !== null || (part.spec.kind === "service" && !part.running)) return;
    part.ailment = planned;
    switch (planned.kind) {
      case "crash":
      case "loop":
      case "port":
        this.#die(part, 1, null);
        break;
      case "kill":
        this.#die(part, null, "SIGKILL");
        break;
      case "hang":
      case "freeze":
        part.hungSince = this.#now();
        break;
      default:
    }
    // A plain death leaves nothing behind: the next start is well.
    if (planned.kind === "crash" || planned.kind === "kill") part.ailment = null;
    this.account();
  }

  /** What lasts only so long passes by itself. */
  pass(planned: PlannedBreakage): void {
    const part = this.part(planned.target);
    if (part.ailment !== planned) return;
    part.ailment = null;
    part.hungSince = null;
    this.account();
  }

  #die(part: Part, code: number | null, signal: string | null): void {
    if (!part.running) return;
    part.running = false;
    part.since = this.#now();
    part.hungSince = null;
    const taken = part.ailment?.kind === "port";
    this.#say({
      type: "exited",
      target: part.spec.key,
      pid: part.pid,
      exit: { code, signal, outOfMemory: false },
      uptimeMs: this.#now() - part.startedAt,
      expected: false,
      lastLines: taken ? ["Error: listen EADDRINUSE: address already in use :::8080"] : ["boom"],
    });
    this.account();
  }

  #say(signal: { readonly type: string; readonly target: string } & Record<string, unknown>): void {
    this.#emit({ id: `ev${this.#event++}`, at: this.#now(), ...signal } as unknown as EventSignal);
  }

  /** The effect as it happens. `half`: it stops what runs and then fails to start. */
  act(order: Order, half: boolean): StepOutcome {
    const part = this.part(order.target);
    const disturbed = part.running;
    this.effects.push({ at: this.#now(), key: order.key, target: order.target, action: order.action.type, disturbed });
    switch (order.action.type) {
      case "start":
      case "restart":
        if (part.running && order.action.type === "start") return { kind: "succeeded", detail: "it runs already" };
        part.running = false;
        part.since = this.#now();
        if (half) {
          this.account();
          return { kind: "failed", reason: "stopped, but could not be started", effect: "some" };
        }
        this.#start(part);
        return { kind: "succeeded", detail: `pid ${part.pid}` };
      case "free-port":
        if (part.ailment?.kind === "port" && part.ailment.curable) part.ailment = null;
        return { kind: "succeeded", detail: "freed" };
      default:
        return { kind: "succeeded", detail: "done" };
    }
  }

  #start(part: Part): void {
    Object.assign(part, {
      running: true,
      wanted: true,
      pid: this.#pid++,
      startedAt: this.#now(),
      since: this.#now(),
      hungSince: null,
      rss: 1e8,
      lastHeartbeat: this.#now(),
    });
    const ailment = part.ailment;
    // Restarting cures what a fresh process does not have; the rest comes back.
    if (ailment !== null && ailment.curable && ailment.kind !== "loop" && ailment.kind !== "port") part.ailment = null;
    this.#say({ type: "started", target: part.spec.key, pid: part.pid, adopted: false });
    if (part.ailment?.kind === "hang" || part.ailment?.kind === "freeze") part.hungSince = this.#now();
    this.account();
  }

  /** One second of the plant: ailments work on, and each part says how it is. */
  tick(lies: (target: string) => boolean): ObservationSignal[] {
    const at = this.#now();
    const signals: ObservationSignal[] = [];
    for (const part of this.parts.values()) {
      const target = part.spec.key;
      if (part.spec.kind === "service") {
        if ((part.ailment?.kind === "loop" || part.ailment?.kind === "port") && part.running) this.#die(part, 1, null);
        if (part.ailment?.kind === "leak" && part.running) {
          part.rss += 1.5e7;
          if (part.rss > 8e8) this.#die(part, null, "SIGKILL");
        }
        signals.push(
          part.running
            ? { type: "process", target, at, running: true, pid: part.pid, startedAt: part.startedAt }
            : { type: "process", target, at, running: false, since: part.since, wanted: part.wanted, exit: null },
        );
        if (part.running) signals.push({ type: "sample", target, at, values: { rssBytes: part.rss, cpuShare: 0.05 } });
        if (part.running && part.hungSince !== null)
          signals.push({
            type: "stall",
            target,
            at,
            blockedMs: Math.max(1, at - part.hungSince),
            cpuShare: part.ailment?.kind === "freeze" ? 0 : 1,
          });
        if (
          part.running &&
          part.hungSince === null &&
          part.ailment?.kind !== "mute" &&
          part.spec.heartbeatMs !== undefined
        )
          signals.push({ type: "heartbeat", target, at, name: "main" });
      }
      const answers =
        part.spec.kind === "external"
          ? part.ailment === null
          : part.running &&
            part.hungSince === null &&
            part.ailment?.kind !== "sick" &&
            part.spec.dependsOn.every((key) => this.isGood(this.part(key)));
      const ok = lies(target) ? !answers : answers;
      for (const each of part.spec.checks)
        signals.push({
          type: "check",
          target,
          at,
          check: each.name,
          ok,
          latencyMs: 3,
          message: ok ? "200" : "no answer",
        });
    }
    this.account();
    return signals;
  }

  /** Books health and downtime as they really are. */
  account(): void {
    const at = this.#now();
    for (const part of this.parts.values()) {
      if (this.isGood(part)) {
        part.goodSince ??= at;
        if (part.downtime.since !== null) part.downtime.ms += at - part.downtime.since;
        part.downtime.since = null;
      } else {
        part.goodSince = null;
        part.downtime.since ??= at;
      }
    }
  }

  downtimeMs(): number {
    return [...this.parts.values()].reduce(
      (sum, part) => sum + part.downtime.ms + (part.downtime.since === null ? 0 : this.#now() - part.downtime.since),
      0,
    );
  }
}
