// One run: the real engine over simulated ports, a plant that breaks, an agent that outlives the control plane, crashes, and
// the invariants checked whenever something happened. A run is a pure function of its options.
import { memoryDisk, memoryStore, type MemoryDisk } from "@prunella/core/testing";
import {
  defaultSafety,
  engine,
  isEvent,
  shippedRemedies,
  StoreError,
  type Actuator,
  type Changes,
  type Engine,
  type EventSignal,
  type Order,
  type Ports,
  type Position,
  type Remedy,
  type Safety,
  type Signal,
  type StepOutcome,
  type Store,
} from "@prunella/core";
import { bugs, type BugName } from "./bugs.ts";
import { Dice, noFaults, swarm, type FaultRates } from "./faults.ts";
import { Invariants } from "./invariants.ts";
import { Plant, plantSpecs, workload, type PlannedBreakage } from "./plant.ts";
import { stream, type Random } from "./random.ts";
import { eventsMax, Scheduler } from "./scheduler.ts";

export interface RunOptions {
  readonly seed: number;
  /** Simulated length of the breaking phase, ms (default 5 min); after it faults stop and the world must converge. */
  readonly lengthMs?: number;
  /** Drawn from the seed when absent. */
  readonly faults?: FaultRates;
  readonly breakages?: readonly PlannedBreakage[];
  /** Crash exactly at this port call, before or after its effect. */
  readonly crash?: { readonly at: number; readonly side: "before" | "after" };
  /** Only these fault numbers fire (shrinking). */
  readonly allowed?: ReadonlySet<number>;
  /** The plant without an engine, for do-no-harm pairs. */
  readonly engineOff?: boolean;
  /** A second engine takes over at this time while the first still believes it decides. */
  readonly takeoverAt?: number;
  /** Pause all repairs between these times. */
  readonly pause?: { readonly from: number; readonly to: number };
  /** Hears what the records say happened, a line each. */
  readonly story?: (line: string) => void;
  readonly bug?: BugName;
  readonly remedies?: readonly Remedy[];
  /** Somebody answers what is proposed: agrees, refuses, agrees twice, or stays away. */
  readonly person?: boolean;
  readonly safety?: Partial<Safety>;
  /** How often events travel from the agent, ms (default 20); more for runs of days, where it makes most of the work. */
  readonly courierMs?: number;
  /** Events after which a run counts as a runaway; default eventsMax. */
  readonly eventsMax?: number;
  /** Called at every full hour of simulated time. */
  readonly hourly?: (hour: Hour) => void;
}

export interface Hour {
  readonly nowMs: number;
  readonly disk: MemoryDisk;
  readonly plant: Plant;
  readonly engine: Engine | null;
  readonly crashes: number;
  readonly events: number;
}

export interface RunResult {
  readonly seed: number;
  readonly failure: string | null;
  readonly nowMs: number;
  readonly events: number;
  readonly ports: number;
  readonly crashes: number;
  readonly traceHash: number;
  readonly trace: readonly string[];
  readonly faults: Dice["fired"];
  readonly marks: ReadonlySet<string>;
  readonly downtimeMs: number;
  readonly effects: number;
  readonly opened: number;
  readonly recovered: number;
  readonly escalated: number;
}

/** After the faults stop, everything must have come to rest within this time. */
export const convergeMs = 600_000;
const origin = 1_700_000_000_000;

interface Life {
  alive: boolean;
  readonly number: number;
  engine: Engine | null;
}

export async function run(options: RunOptions): Promise<RunResult> {
  const { seed } = options;
  const scheduler = new Scheduler(stream(seed, "ties"));
  const rates = options.faults ?? swarm(stream(seed, "swarm"));
  const dice = new Dice(rates, stream(seed, "faults"), options.allowed ?? null, () => scheduler.now);
  const net = stream(seed, "net");
  const lengthMs = options.lengthMs ?? 300_000;
  const courierMs = options.courierMs ?? 20;
  const disk: MemoryDisk = memoryDisk();
  const inner = memoryStore(disk);
  const now = (): number => origin + scheduler.now;
  const outbox: { readonly signal: EventSignal; sending: boolean }[] = [];
  const plant = new Plant(now, (signal) => void outbox.push({ signal, sending: false }));
  const marks = new Set<string>();
  const remedies = options.remedies ?? shippedRemedies;
  const safety: Safety = { ...defaultSafety, globalPerHour: 30, approvalTimeoutMs: 120_000, ...options.safety };
  const invariants = new Invariants({ plant, disk, remedies, safety, marks, now });
  const bug = options.bug === undefined ? null : bugs[options.bug];
  let failure: string | null = null;
  let ports = 0;
  let crashes = 0;
  let lives: Life[] = [];
  const fail = (why: string): void => void (failure ??= why);
  const guard = (check: () => void): void => {
    try {
      check();
    } catch (error) {
      fail(error instanceof Error ? error.message : String(error));
    }
  };

  // ---- a process life and its port calls

  function crash(life: Life, why: string): void {
    if (!life.alive) return;
    life.alive = false;
    // Its timers never fire again and nobody asks it anything; its memory goes with it, as a dead process's does.
    life.engine = null;
    crashes += 1;
    scheduler.note(`crash of life ${life.number}: ${why}`);
    for (const entry of outbox) entry.sending = false;
    scheduler.at(net.between(300, 2_000), "restart", () => launch());
  }

  /** Every port call: a delay, perhaps a crash before or after, and no answer for a life that is over. */
  function call<T>(life: Life, name: string, delayMs: number, apply: () => Promise<T>): Promise<T> {
    const number = ports++;
    return new Promise<T>((resolve, reject) => {
      scheduler.at(delayMs, `call ${name}`, () => {
        if (!life.alive) return;
        if (options.crash?.at === number && options.crash.side === "before") return crash(life, `before ${name}`);
        const crashAfter = (options.crash?.at === number && options.crash.side === "after") || dice.strikes("crash");
        apply().then(
          (value) => {
            if (crashAfter) crash(life, `after ${name}`);
            else if (life.alive) resolve(value);
          },
          (error: unknown) => {
            if (crashAfter) crash(life, `after ${name}`);
            else if (life.alive) reject(error instanceof Error ? error : new Error(String(error)));
          },
        );
      });
    });
  }

  // ---- store: the durable image, with refusals, lost acknowledgements and slowness

  function storeFor(life: Life): Store {
    const delay = (): number => (dice.strikes("slowStore") ? net.between(500, 6_000) : net.between(0, 5));
    const read =
      <A extends unknown[], T>(name: string, work: (...given: A) => Promise<T>) =>
      (...given: A) =>
        call(life, name, delay(), () => work(...given));
    return {
      ...inner,
      open: (heldEpoch) => call(life, "store.open", delay(), () => inner.open(heldEpoch)),
      issue: read("store.issue", inner.issue),
      issueByFingerprint: (fingerprint) => inner.issueByFingerprint(fingerprint),
      tallies: read("store.tallies", inner.tallies),
      incident: read("store.incident", inner.incident),
      commit: (at: Position, changes: Changes) =>
        call(life, "store.commit", delay(), async () => {
          if (dice.strikes("commitRefused")) throw new StoreError("unavailable", "the disk is full (simulated)");
          if (dice.strikes("commitVanished")) throw new StoreError("unknown", "I/O error (simulated, nothing applied)");
          const before = new Map(disk.issues);
          await inner.commit(at, changes);
          guard(() => invariants.committed(changes, before));
          if (dice.strikes("commitLost")) {
            marks.add("lost acknowledgement of a commit");
            throw new StoreError("unknown", "I/O error (simulated, applied)");
          }
        }),
    };
  }

  // ---- agent: outlives the control plane, knows each key, refuses old fences

  const agent = { fence: 0, keys: new Map<string, StepOutcome | "running">() };

  function execute(order: Order, answer: (outcome: StepOutcome) => void): void {
    if (order.fence < agent.fence) {
      marks.add("an order of an older epoch was refused");
      return answer({ kind: "failed", reason: "an older control plane", effect: "none" });
    }
    agent.fence = order.fence;
    const known = agent.keys.get(order.key);
    if (known !== undefined) {
      marks.add("a repeated key did not act twice");
      if (known !== "running") answer(known);
      return;
    }
    agent.keys.set(order.key, "running");
    const half = dice.strikes("orderHalf");
    const hangs = dice.strikes("orderHangs");
    scheduler.at(net.between(20, 400), `act ${order.key} ${order.action.type}`, () => {
      guard(() => invariants.effect(order));
      const outcome = plant.act(order, half);
      agent.keys.set(order.key, outcome);
      if (!hangs) answer(outcome);
    });
  }

  function actuatorFor(life: Life): Actuator {
    return {
      perform: (order) =>
        new Promise((resolve, reject) => {
          const number = ports++;
          if (options.crash?.at === number && options.crash.side === "before")
            return crash(life, `before order ${order.key}`);
          if (dice.strikes("orderLostBefore")) {
            scheduler.at(
              net.between(5, 3_000),
              "order lost",
              () => void (life.alive && reject(new Error("connection lost"))),
            );
            return;
          }
          const lost = dice.strikes("orderLostAfter");
          if (dice.strikes("orderDoubled"))
            scheduler.at(net.between(20, 2_000), `order ${order.key} once more`, () => execute(order, () => {}));
          scheduler.at(net.between(1, 10), `order ${order.key}`, () => {
            execute(order, (outcome) => {
              if (options.crash?.at === number && options.crash.side === "after")
                return crash(life, `after order ${order.key}`);
              if (lost) marks.add("lost acknowledgement of an order");
              scheduler.at(net.between(1, 10), `answer ${order.key}`, () => {
                if (!life.alive) return;
                if (lost) reject(new Error("connection lost"));
                else resolve(outcome);
              });
            });
          });
        }),
      outcomeOf: (key) =>
        call(life, `outcome-of ${key}`, net.between(1, 10), async () => {
          marks.add("an outcome was asked for after a crash or a lost answer");
          return agent.keys.get(key) ?? null;
        }),
    };
  }

  // ---- one life of the control plane

  function launch(): void {
    const life: Life = { alive: true, number: lives.length + 1, engine: null };
    lives = [...lives, life];
    const random: Random = stream(seed, `life ${life.number}`);
    const ports_: Ports = {
      clock: { now },
      system: scheduler.system(`life ${life.number}`, random, () => life.alive),
      store: storeFor(life),
      actuator: actuatorFor(life),
      examiner: {
        examine: (question) =>
          call(life, `examine ${question.want}`, net.between(10, 500), async () => {
            if (dice.strikes("questionFails")) throw new Error("no answer");
            return question.want === "port-owner"
              ? {
                  at: now(),
                  what: "owner",
                  summary: "pid 77",
                  data: { ours: plant.part(question.target).ailment?.curable ?? true },
                }
              : { at: now(), what: question.want === "heap" ? "heap" : "stack", summary: "evidence" };
          }),
      },
      notifier: {
        send: (notification) =>
          call(life, `notify ${notification.key}`, net.between(5, 200), async () => {
            if (dice.strikes("notifyFails")) throw new Error("receiver down");
            invariants.notified(notification);
          }),
      },
      log: { write: (_level, event) => scheduler.note(`log ${event}`) },
    };
    const real = bug?.ports === undefined ? ports_ : bug.ports(ports_, scheduler);
    void engine(real, {
      targets: plantSpecs,
      remedies: bug?.remedies?.(remedies) ?? remedies,
      safety: bug?.safety?.(safety) ?? safety,
    })
      .then((started) => {
        if (!life.alive) return void started.stop();
        life.engine = bug?.engine === undefined ? started : bug.engine(started);
        return undefined;
      })
      .catch((error: unknown) => {
        scheduler.note(`engine did not start: ${String(error)}`);
        if (life.alive) crash(life, "it did not start");
      });
  }

  const current = (): Life | undefined => lives.findLast((life) => life.alive && life.engine !== null);

  /** The agent sends what was not acknowledged, and the levels of this second. */
  function pump(): void {
    const life = current();
    const observations = plant.tick((target) => target !== "" && dice.strikes("probeLies"));
    if (life?.engine != null) {
      const batch: Signal[] = observations.filter(() => !dice.strikes("signalsDropped"));
      if (dice.strikes("signalsDoubled")) batch.push(...observations.toReversed());
      void life.engine.ingest(batch).catch(() => {});
      flush(life);
    }
    scheduler.at(1_000, "pump", pump);
  }

  function flush(life: Life): void {
    for (const entry of outbox.filter((each) => !each.sending)) {
      entry.sending = true;
      const sent = dice.strikes("signalsDoubled") ? [entry.signal, entry.signal] : [entry.signal];
      life.engine
        ?.ingest(sent)
        .then(() => {
          if (!life.alive) return;
          guard(() => invariants.acknowledged(entry.signal));
          outbox.splice(outbox.indexOf(entry), 1);
        })
        .catch(() => void (entry.sending = false));
    }
  }

  /** Events travel at once, not with the next second. */
  function courier(): void {
    const life = current();
    if (life !== undefined && outbox.length > 0) flush(life);
    scheduler.at(courierMs, "courier", courier);
  }

  function hourly(): void {
    options.hourly?.({
      nowMs: scheduler.now,
      disk,
      plant,
      engine: current()?.engine ?? null,
      crashes,
      events: scheduler.events,
    });
    scheduler.at(3_600_000, "hour", hourly);
  }

  // ---- the run

  if (options.engineOff !== true) launch();
  if (options.takeoverAt !== undefined)
    scheduler.at(options.takeoverAt, "takeover", () => (marks.add("takeover by a second engine"), launch()));
  scheduler.at(1_000, "pump", pump);
  if (options.engineOff !== true) scheduler.at(courierMs, "courier", courier);
  if (options.hourly !== undefined) scheduler.at(3_600_000, "hour", hourly);
  const planned = options.breakages ?? workload(stream(seed, "plant"), lengthMs);
  for (const breakage of planned) {
    scheduler.at(breakage.at, `break ${breakage.target} ${breakage.kind}`, () => plant.break(breakage));
    if (breakage.lastsMs !== null)
      scheduler.at(breakage.at + breakage.lastsMs, `pass ${breakage.target} ${breakage.kind}`, () =>
        plant.pass(breakage),
      );
  }
  if (options.pause !== undefined) {
    // A person repeats it until it holds: the control plane may have died over the first try.
    const command = (type: "pause" | "resume") => (): void => {
      if ((disk.settings.paused !== null) === (type === "pause")) return;
      void current()
        ?.engine?.command(
          type === "pause"
            ? { type, target: null, why: "simulated", forMs: null, by: "person:sim" }
            : { type, target: null, by: "person:sim" },
        )
        .catch(() => {});
      scheduler.at(2_000, type, command(type));
    };
    scheduler.at(options.pause.from, "pause", command("pause"));
    scheduler.at(options.pause.to, "resume", command("resume"));
  }
  if (options.person === true) {
    const mind = stream(seed, "person");
    const answered = new Set<string>();
    const look = (): void => {
      for (const repair of disk.repairs.values()) {
        if (repair.state.name !== "proposed" || answered.has(repair.id)) continue;
        answered.add(repair.id);
        const answer = mind.pick(["approve", "approve", "approve twice", "refuse", "stay away"] as const);
        if (answer === "stay away") continue;
        const ask = (): void => {
          const command = answer === "refuse" ? "refuse" : "approve";
          for (let each = 0; each < (answer === "approve twice" ? 2 : 1); each += 1)
            void current()
              ?.engine?.command({ type: command, repair: repair.id, by: "person:sim" })
              .then(() => marks.add(`a person's ${command} was taken`))
              .catch(() => marks.add("a person's answer was refused or lost"));
        };
        scheduler.at(mind.between(1_000, 60_000), answer, ask);
      }
      scheduler.at(1_000, "person", look);
    };
    scheduler.at(1_000, "person", look);
  }
  scheduler.at(lengthMs, "faults stop", () => void (dice.healed = true));

  const endAt = lengthMs + convergeMs;
  let rested = false;
  while (failure === null && !rested && scheduler.now < endAt) {
    if (!(await scheduler.step())) {
      fail("nothing is left to run: somebody awaits what no port scheduled");
      break;
    }
    if (scheduler.events > (options.eventsMax ?? eventsMax))
      fail(`runaway: more than ${options.eventsMax ?? eventsMax} events`);
    if (scheduler.now > lengthMs + 30_000 && scheduler.events % 500 === 0)
      rested = options.engineOff !== true && current() !== undefined && invariants.atRest() && outbox.length === 0;
  }
  if (failure === null && options.engineOff !== true) guard(() => invariants.end(outbox.length));
  for (const life of lives) {
    life.alive = false;
    void life.engine?.stop();
  }
  if (options.story !== undefined) {
    for (const each of [...disk.transitions.values()].sort((a, b) => Number(a.id.slice(1)) - Number(b.id.slice(1))))
      options.story(
        `${((each.at - origin) / 1000).toFixed(1)} s ${each.subject} ${each.subjectId} ${each.target ?? ""} ${each.from ?? "new"} -> ${each.to}: ${each.why.slice(0, 100)}`,
      );
  }
  const incidents = [...disk.incidents.values()];
  return {
    seed,
    failure,
    nowMs: scheduler.now,
    events: scheduler.events,
    ports,
    crashes,
    traceHash: scheduler.traceHash,
    trace: scheduler.tail,
    faults: dice.fired,
    marks,
    downtimeMs: plant.downtimeMs(),
    effects: plant.effects.length,
    opened: incidents.length,
    recovered: incidents.filter((incident) => incident.outcome === "recovered").length,
    escalated: incidents.filter((incident) => incident.outcome === "escalated").length,
  };
}

export { isEvent, noFaults };
