// The shell around the decisions: two loops and their ports. The detection loop takes signals in and brings issues and
// incidents up to date; the healing loop reconciles targets and performs what was committed. Neither waits for the other:
// they meet in the ledger's lane and in wakes. Everything decided here is decided by a stage (see flow.ts).
import { boundedQueue, dualLoop, type GuardEvent, type Reporting } from "@prunella/resilience";
import {
  ageOutside,
  checkAlertRules,
  defaultAlertRules,
  delivery,
  labelsOf,
  manageAlerts,
  outsideFindings,
  routesOf,
  type AlertRules,
  type DeliveryCounts,
} from "../alerting/index.ts";
import {
  defaultDetection,
  detect,
  eventsTaken,
  fingerprintOf,
  newLearner,
  newView,
  observe,
  sloTrackers,
  whyGone,
  type Detection,
  type Detector,
  type LearnedFace,
  type Learner,
  type LogLine,
  type TargetView,
} from "../detection/index.ts";
import { InvalidInputError, StoreError } from "../errors.ts";
import { fold, notification } from "../issue/index.ts";
import type { Ports } from "../ports.ts";
import type { Remedy, Repair, Safety, StepOutcome } from "../repair/index.ts";
import {
  isEvent,
  ownTarget,
  type EventSignal,
  type Signal,
  type TargetKey,
  type TargetSpec,
  type TimeMs,
} from "../signal/index.ts";
import { newAdjusting, type AdjustingRules } from "../tuning/index.ts";
import { Draft, type World } from "../world.ts";
import { carryOut, type Command, type Done } from "./commands.ts";
import { hourMs, newBooks } from "./books.ts";
import { drillMark, unexplained } from "./intake.ts";
import { openLedger, type Ledger } from "./ledger.ts";
import { message, ownFaults } from "./own-faults.ts";
import { recallSlos, sloPoints } from "./slo-books.ts";
import { learn, reconcile, resume, take, type Context, type Effect } from "./reconcile.ts";
import { repeat, within } from "./timers.ts";
import { watchWeather } from "./weather.ts";

export interface EngineOptions extends Partial<AdjustingRules> {
  readonly targets: readonly TargetSpec[];
  readonly remedies: readonly Remedy[];
  readonly safety: Safety;
  readonly detectors?: readonly Detector[];
  /** What is learned and which rules hold; everything is on by default. */
  readonly detection?: Detection;
  /** Who is told of what, and when. Default: everything at once to the receiver "default". */
  readonly alerting?: AlertRules;
  /** Period of the detection loop, ms (default 1,000). */
  readonly detectionMs?: number;
  /** Period of the healing loop, ms (default 1,000). */
  readonly healingMs?: number;
  /** Signals held while they wait for the detection loop (default 20,000); beyond it the oldest observation is shed and counted. */
  readonly signalsMax?: number;
  /** Signals taken in one iteration (default 2,000); the rest waits for the next, which follows at once. */
  readonly signalsPerTickMax?: number;
  /** Log lines held while they wait (default 20,000); beyond it the oldest are not analysed (they are in their files) and counted. */
  readonly linesMax?: number;
}

/** What a configuration says; replaced as one. */
export type Rules = Partial<AdjustingRules> &
  Pick<EngineOptions, "targets" | "remedies" | "safety" | "detection" | "alerting">;

export interface Engine {
  /** Takes signals in. Resolves when every event among them is stored; rejects when the store cannot. */
  ingest(signals: readonly Signal[]): Promise<void>;
  /**
   * Lines of one target's output, in the order in which they were written. Not stored: they are in their files; what is
   * learned from them is.
   */
  lines(target: TargetKey, lines: readonly LogLine[]): void;
  command(command: Command): Promise<Done>;
  /** New configuration: targets, remedies and safety are replaced together; repairs in flight keep their frozen remedy. */
  configure(options: Rules): void;
  /** What is known now; for reading only. */
  readonly world: World;
  readonly views: ReadonlyMap<TargetKey, TargetView>;
  /** The recent past of metrics, and templates of logs; for reading only. */
  readonly learned: LearnedFace;
  readonly context: () => Context;
  /** Hears of each committed change, isolated; returns the way to stop. */
  listen(listener: (change: EngineChange) => void): () => void;
  readonly guards: readonly Reporting[];
  /** What came of notifications since start. */
  readonly deliveries: DeliveryCounts;
  readonly health: () => EngineHealth;
  stop(): Promise<void>;
}

export interface EngineChange {
  readonly at: TimeMs;
  readonly targets: readonly TargetKey[];
}

export interface EngineHealth {
  readonly detectionAt: TimeMs | null;
  readonly healingAt: TimeMs | null;
  readonly signalsWaiting: number;
  readonly signalsTaken: number;
  readonly signalsShed: number;
  readonly linesWaiting: number;
  readonly linesShed: number;
  readonly effectsInFlight: number;
  readonly storeFailures: number;
  readonly lastStoreFailure: string | null;
  readonly fenced: boolean;
}

interface Waiting {
  readonly signal: Signal;
  readonly stored: ((error?: unknown) => void) | null;
}

/** Bound of one iteration, ms. Above its period, so that one slow disk write is not filed as a stall (docs/decisions/loop-bounds.md). */
const boundMs = 5_000;
/** Tallies and minutes of metrics are committed this often, ms. */
const booksMs = 15_000;
/** Log lines analysed in one iteration; the rest waits for the next, which follows at once. About 30 ms of work. */
const linesPerTickMax = 5_000;
/** Learned state written at once, and at a stop, characters of JSON… */
const savedAtOnce = 400_000;
/** …written this often, ms: a crash costs a minute of what was learned. */
const learnedMs = 60_000;
const savedAtStop = 8_000_000;
/** A store that takes no commits for this long is told past the outbox, ms. */
const storeAlarmMs = 5_000;

export async function engine(ports: Ports, options: EngineOptions): Promise<Engine> {
  const { clock, system, log } = ports;
  const self: TargetSpec = {
    key: ownTarget,
    kind: "self",
    group: ownTarget,
    dependsOn: [],
    addresses: [],
    checks: [],
    startupMs: 0,
    labels: {},
  };
  let configured = rulesOf(options);
  const adjust = newAdjusting();
  const own = ownFaults(clock, () => views.get(ownTarget));
  const views = new Map<TargetKey, TargetView>(configured.targets.map((target) => [target.key, newView(target)]));
  const ledger: Ledger = await openLedger(ports.store, clock, log, configured.targets);
  const learner: Learner = newLearner(await ports.store.learned());
  learner.configure(options.detection ?? defaultDetection, configured.targets);
  // How processes ended is told once; after a restart of ours it is read back, so a fault keeps its name.
  const ends = await ports.store.signals({ type: "exited", from: clock.now() - 24 * hourMs, limit: 200 });
  for (const signal of ends.items.toReversed()) {
    const view = views.get(signal.target);
    if (view !== undefined) observe(view, signal);
  }
  for (const view of views.values()) {
    Object.assign(view, { process: null, seenAt: null });
    eventsTaken(view);
  }
  for (const view of views.values()) await recallSlos(ports.store, view, clock.now());
  const signalsPerTickMax = options.signalsPerTickMax ?? 2_000;
  const queue = boundedQueue<Waiting>({
    name: "signals",
    system,
    capacity: options.signalsMax ?? 20_000,
    policy: "drop-oldest",
    onShed: (waiting) => {
      counts.shed += 1;
      waiting.stored?.(new StoreError("unavailable", "more signals than can be taken in; send again later"));
    },
  });
  const lines = boundedQueue<{ readonly target: TargetKey; readonly line: LogLine }>({
    name: "log-lines",
    system,
    capacity: options.linesMax ?? 20_000,
    policy: "drop-oldest",
    onShed: () => (counts.linesShed += 1),
  });
  const dirty = new Set<TargetKey>(configured.targets.map((target) => target.key));
  const lookAt = new Map<TargetKey, TimeMs>();
  const inFlight = new Map<string, Effect>();
  const listeners = new Set<(change: EngineChange) => void>();
  const counts = { taken: 0, shed: 0, linesShed: 0, storeFailures: 0 };
  const last = {
    detectionAt: null as TimeMs | null,
    healingAt: null as TimeMs | null,
    storeFailure: null as string | null,
    booksAt: clock.now(),
    tallyAt: clock.now(),
    learnedAt: clock.now(),
  };
  const books = newBooks(await ports.store.tallies({ from: clock.now() - hourMs, to: clock.now() }));
  let fenced = false;
  let stopping = false;
  const detectors: readonly Detector[] = [
    ...(options.detectors ?? []),
    (view, now) => learner.findings(view, now),
    outsideFindings(() => ledger.world),
  ];
  const messages = delivery({
    notifier: ports.notifier,
    clock,
    system,
    log,
    outbox: () => ledger.world.outbox.values(),
    book: (booked) => transact([], (draft) => booked.forEach((each) => draft.notify(each))),
  });
  let storeFailingSince: TimeMs | null = null;
  let storeFailedAt = -1;

  const loops = dualLoop<never, never>({
    name: "engine",
    system,
    first: {
      name: "detection",
      intervalMs: options.detectionMs ?? 1_000,
      timeoutMs: boundMs,
      run: detectionIteration,
      onError: (error) => loopFailed("detection", error),
    },
    second: {
      name: "healing",
      intervalMs: options.healingMs ?? 1_000,
      timeoutMs: boundMs,
      run: healingIteration,
      onError: (error) => loopFailed("healing", error),
    },
  });

  function rulesOf(of: Rules, known: AlertRules = defaultAlertRules) {
    const { remedies, safety, scaling = [], tuning = [], shares = [] } = of;
    const alerting = of.alerting === undefined ? known : checkAlertRules(of.alerting);
    return { targets: withSelf(of.targets), remedies, safety, scaling, tuning, shares, alerting };
  }

  function withSelf(targets: readonly TargetSpec[]): TargetSpec[] {
    return [...targets.filter((target) => target.key !== ownTarget), self];
  }

  function context(): Context {
    return {
      remedies: configured.remedies,
      safety: configured.safety,
      views,
      inFlight: new Set(inFlight.keys()),
      fence: ledger.epoch,
      random: () => system.random(),
      edges: learner.edges(clock.now()),
      investigate: (incident) => learner.evidence(incident, views),
    };
  }

  /** One decision: committed, told, and its failures counted in one place. */
  async function transact<T>(
    targets: readonly TargetKey[],
    decide: (draft: Draft) => T,
    needs: readonly string[] = [],
  ): Promise<T> {
    try {
      const result = await ledger.transact(decide, needs);
      // A decision that changed nothing needed no commit, so it says nothing of the store.
      if (ledger.sequence > storeFailedAt) storeFailingSince = null;
      tell(targets);
      return result;
    } catch (error) {
      if (error instanceof StoreError) {
        storeFailingSince ??= clock.now();
        storeFailedAt = ledger.sequence;
        counts.storeFailures += 1;
        last.storeFailure = error.message;
        if (error.code === "fenced") fence(error);
      }
      throw error;
    }
  }

  function tell(targets: readonly TargetKey[]): void {
    const change: EngineChange = { at: clock.now(), targets };
    for (const listener of listeners) {
      try {
        listener(change);
      } catch (error) {
        log.write("error", "listener-failed", { message: String(error) });
      }
    }
  }

  /** Another control plane took over: this one stops deciding at once. */
  function fence(error: unknown): void {
    if (fenced) return;
    fenced = true;
    log.write("error", "fenced", { message: String(error) });
    // Whoever waits for an answer gets one now and can turn to the other.
    for (const { stored } of queue.takeAll(queue.size)) stored?.(fencedError());
  }

  function fencedError(): StoreError {
    return new StoreError("fenced", "another control plane has taken over; ask that one");
  }

  // ---- detection: signal -> finding -> issue

  async function detectionIteration(): Promise<void> {
    if (fenced) return;
    const batch = queue.takeAll(signalsPerTickMax);
    const events: EventSignal[] = [];
    const touched = new Set<TargetKey>();
    for (const { signal } of batch) {
      const view = views.get(signal.target);
      if (isEvent(signal)) events.push(signal);
      if (view === undefined) continue;
      observe(view, signal);
      learner.observe(signal, view);
      touched.add(signal.target);
      if (signal.type === "sample") books.sample(signal.target, signal.at, signal.values);
      if (signal.type === "check" && signal.ok)
        books.sample(signal.target, signal.at, { [`checkLatencyMs.${signal.check}`]: signal.latencyMs });
      // A late or early clock of the sender must not open an hour that is over, or one that is not yet.
      if (signal.type === "traffic") books.traffic(signal.target, clock.now(), signal);
    }
    counts.taken += batch.length;
    const now = clock.now();
    readLines(now, touched);
    const found = new Map(
      [...views].map(([key, view]) => [key, learner.escalated(key, detect(view, now, detectors), now)]),
    );
    try {
      const needs = [...found.values()].flatMap((findings) => findings.map(fingerprintOf));
      const changed = await transact(
        [...touched],
        (draft) => {
          for (const event of events) draft.putSignal(event);
          const before = new Map(draft.incidents().map((incident) => [incident.id, incident]));
          for (const [key, findings] of found)
            fold(draft, key, unexplained(draft, key, findings), drillMark(views.get(key), now), (incident) =>
              whyGone(views.get(key), incident.kind, draft.issue(incident.issue)?.distinguisher ?? "", now),
            );
          keepBooks(draft, now);
          return draft.incidents().filter((incident) => before.get(incident.id) !== incident);
        },
        needs,
      );
      for (const view of views.values()) eventsTaken(view);
      learner.taken();
      for (const { stored } of batch) stored?.();
      for (const incident of changed) dirty.add(incident.target);
      // What is cleared, verified or suppressed depends on views too: look again where anything is open.
      for (const key of touched) if (hasOpen(key)) dirty.add(key);
      if (dirty.size > 0) loops.second.wake();
    } catch (error) {
      for (const { stored } of batch) stored?.(error);
      throw error;
    } finally {
      last.detectionAt = clock.now();
      if (queue.size > 0 || lines.size > 0) loops.first.wake();
    }
  }

  /** Log lines through the miner; errors with stacks found in them join those that probes report. */
  function readLines(now: TimeMs, touched: Set<TargetKey>): void {
    const byTarget = new Map<TargetKey, LogLine[]>();
    for (const { target, line } of lines.takeAll(linesPerTickMax)) {
      const own = byTarget.get(target) ?? [];
      byTarget.set(target, own);
      own.push(line);
    }
    for (const [target, own] of byTarget) if (views.has(target)) learner.lines(target, own);
    learner.advance(now);
    for (const { target, at, error } of learner.takeErrors()) {
      const view = views.get(target);
      if (view === undefined) continue;
      observe(view, { id: "", type: "error", target, at, origin: "log", error });
      touched.add(target);
    }
  }

  function hasOpen(target: TargetKey): boolean {
    for (const incident of ledger.world.incidents.values()) if (incident.target === target) return true;
    for (const repair of ledger.world.repairs.values())
      if (repair.target === target && repair.state.name !== "ended") return true;
    return false;
  }

  /** Hours of watching and minutes of metrics go to the store now and then, with the commit that is due anyway. */
  function keepBooks(draft: Draft, now: TimeMs): void {
    const passedMs = Math.min(5_000, now - last.tallyAt);
    last.tallyAt = now;
    for (const view of views.values())
      if (view.spec.kind !== "self" && view.seenAt !== null && now - view.seenAt < 10_000) {
        books.watch(view, now, passedMs);
        view.slos.watched(now, passedMs, view.healthySince !== null);
      }
    if (now - last.booksAt < booksMs) return;
    last.booksAt = now;
    for (const tally of books.tallies(now)) draft.putTally(tally);
    for (const point of books.takeSeries(now)) draft.putSeries(point);
    for (const [target, view] of views)
      for (const count of view.slos.take(now)) for (const point of sloPoints(target, count)) draft.putSeries(point);
    if (now - last.learnedAt < learnedMs) return;
    last.learnedAt = now;
    for (const row of learner.save(now, savedAtOnce)) draft.putLearned(row);
  }

  // ---- healing: diagnosis -> repair -> verification -> report

  async function healingIteration(): Promise<void> {
    if (fenced) return;
    const now = clock.now();
    for (const [key, at] of lookAt) {
      if (at > now) continue;
      lookAt.delete(key);
      dirty.add(key);
    }
    for (const repair of ledger.world.repairs.values())
      if (repair.state.name !== "ended" && !lookAt.has(repair.target)) dirty.add(repair.target);
    for (const incident of ledger.world.incidents.values())
      if (!lookAt.has(incident.target)) dirty.add(incident.target);
    try {
      const adjusted = await transact([], (draft) => {
        watchWeather(draft, context());
        return adjust(draft, configured, views);
      });
      for (const key of adjusted) dirty.add(key);
      for (const key of [...dirty]) {
        dirty.delete(key);
        try {
          await look(key);
        } catch (error) {
          dirty.add(key);
          throw error;
        }
      }
      await transact([], (draft) => {
        ageOutside(draft);
        manageAlerts(draft, configured.alerting);
      });
    } finally {
      // What was committed before is told even while the store takes nothing more.
      if (!stopping) messages.run(now);
    }
    last.healingAt = clock.now();
    armLook();
  }

  async function look(key: TargetKey): Promise<void> {
    const target = ledger.world.targets.get(key);
    if (target === undefined || stopping) return;
    const next = await transact([key], (draft) => reconcile(draft, context(), target));
    follow(key, next.effect, next.lookAt);
  }

  /** After the commit: perform the effect, if there is one, and remember when to look again. */
  function follow(key: TargetKey, effect: Effect | null, at: TimeMs | null): void {
    if (at !== null) lookAt.set(key, Math.min(at, lookAt.get(key) ?? Number.POSITIVE_INFINITY));
    if (effect !== null) start(key, effect);
  }

  function start(target: TargetKey, effect: Effect): void {
    if (stopping || inFlight.has(effect.key)) return;
    if (inFlight.size >= configured.safety.effectsMax) {
      // The intent is stored; the next look asks what became of it and gives the order again.
      lookAt.set(target, clock.now() + 250);
      return;
    }
    inFlight.set(effect.key, effect);
    void perform(effect)
      .then((result) => settleEffect(target, effect, result))
      .catch((error: unknown) => log.write("error", "effect-not-booked", { key: effect.key, message: String(error) }))
      .finally(() => {
        inFlight.delete(effect.key);
        wakeHealing(target);
      });
  }

  async function perform(effect: Effect): Promise<unknown> {
    switch (effect.type) {
      case "order":
        return within(system, ports.actuator.perform(effect.order), effect.order.timeoutMs + 4_000).catch(
          (error: unknown): StepOutcome => ({ kind: "unknown", reason: message(error) }),
        );
      case "outcome-of":
        // No answer is no knowledge: the key is asked about again until the step's own deadline.
        return within(system, ports.actuator.outcomeOf(effect.key), 5_000).catch(() => "running" as const);
      case "question":
        return within(system, ports.examiner.examine(effect.question), effect.question.timeoutMs + 500).catch(
          () => null,
        );
      default:
        return effect satisfies never;
    }
  }

  async function settleEffect(target: TargetKey, effect: Effect, result: unknown): Promise<void> {
    const next = await transact([target], (draft) => {
      const repair: Repair | undefined = effect.type === "question" ? undefined : draft.repair(effect.repair);
      switch (effect.type) {
        case "question":
          learn(draft, effect.incident, result as Parameters<typeof learn>[2], context());
          return null;
        case "order":
          return repair === undefined ? null : take(draft, context(), repair, effect.key, result as StepOutcome);
        case "outcome-of":
          return repair === undefined
            ? null
            : resume(draft, context(), repair, effect.key, result as StepOutcome | "running" | null);
        default:
          return effect satisfies never;
      }
    });
    if (next === null) return;
    inFlight.delete(effect.key);
    follow(target, next.effect, next.lookAt);
  }

  // ---- wakes, bounds, own faults

  let lookTimer: { cancel(): void } | null = null;
  /** Wakes the healing loop at the next time at which something is due, ahead of its period. */
  function armLook(): void {
    lookTimer?.cancel();
    const due = Math.min(...lookAt.values());
    lookTimer =
      Number.isFinite(due) && !stopping
        ? system.setTimer(() => loops.second.wake(), Math.max(5, due - clock.now()))
        : null;
  }

  function wakeHealing(target: TargetKey): void {
    if (stopping) return;
    dirty.add(target);
    loops.second.wake();
  }

  function loopFailed(name: string, error: unknown): void {
    log.write("error", "iteration-failed", { loop: name, message: message(error) });
    if (error instanceof StoreError) {
      own.file("store-failing", "", `the store does not take commits: ${error.message}`);
      alarmOfStore(error);
    } else own.file("loop-stalled", name, `an iteration of the ${name} loop ended badly: ${message(error)}`);
  }

  /**
   * What cannot be stored cannot wait in the outbox either: that the store fails is told straight to the receivers, each
   * time it fails for long, and again until it was delivered.
   */
  function alarmOfStore(reason: StoreError): void {
    const since = storeFailingSince;
    const now = clock.now();
    if (since === null || fenced || stopping || now - since < storeAlarmMs) return;
    const text = `Repairs hold and signals are refused until it takes commits again. ${reason.message}`;
    const alarm = notification(now, `store-failing:${since}`, "self", "Prunella's store takes no commits", text, {
      severity: "critical",
      issue: null,
      id: null,
      target: ownTarget,
    });
    const labels = { ...labelsOf(new Draft(ledger.world, now), alarm), kind: "store-failing" };
    const receivers = new Set(routesOf(configured.alerting.route, labels).flatMap(({ route }) => route.receivers));
    messages.direct(
      [...receivers].map((receiver) => ({
        ...alarm,
        receiver,
        alert: alarm.key,
        labels,
        status: "firing" as const,
        startedAt: since,
      })),
    );
  }

  const stopListening = [loops.first, loops.second].map((loop) =>
    loop.listen((event: GuardEvent) => event.event === "completed" && own.clear()),
  );
  const clearTimer = repeat(system, 5_000, own.clear);
  loops.start();

  return {
    get world() {
      return ledger.world;
    },
    views,
    learned: learner.read,
    context,
    guards: [queue, lines, loops.first, loops.second],
    deliveries: messages.counts,
    async ingest(signals) {
      if (fenced) throw fencedError();
      const stored: Promise<void>[] = [];
      let urgent = false;
      for (const signal of signals) {
        urgent ||=
          isEvent(signal) ||
          signal.type === "stall" ||
          (signal.type === "check" && !signal.ok) ||
          (signal.type === "process" && !signal.running);
        if (!isEvent(signal)) queue.offer({ signal, stored: null });
        else
          stored.push(
            new Promise((resolve, reject) =>
              queue.offer({ signal, stored: (error) => (error === undefined ? resolve() : reject(error as Error)) }),
            ),
          );
      }
      if (urgent || queue.size > signalsPerTickMax / 2) loops.first.wake();
      await Promise.all(stored);
    },
    lines(target, given) {
      for (const line of given) lines.offer({ target, line });
      if (lines.size > linesPerTickMax / 2) loops.first.wake();
    },
    async command(command) {
      if (fenced) throw fencedError();
      if ("issue" in command) await ledger.recallIssue(command.issue);
      if (command.type === "import") for (const claim of command.claims) await ledger.recallIssue(claim.id);
      if (command.type === "merge") await ledger.recallIssue(command.into);
      const ended =
        command.type === "verdict" && !ledger.world.incidents.has(command.incident)
          ? await ports.store.incident(command.incident)
          : null;
      const repair = "repair" in command ? ledger.world.repairs.get(command.repair) : undefined;
      const result = await transact([], (draft) => {
        if (ended !== null) draft.know(ended);
        return carryOut(draft, command);
      });
      if (repair !== undefined) dirty.add(repair.target);
      if (command.type === "act") dirty.add(command.target);
      if (command.type === "resume") for (const key of views.keys()) dirty.add(key);
      loops.second.wake();
      return result;
    },
    configure(next) {
      if (next.targets.length === 0 && next.remedies.length === 0)
        throw new InvalidInputError("targets", "is empty", "configure at least one target");
      configured = rulesOf(next, configured.alerting);
      const keep = new Set(configured.targets.map((target) => target.key));
      for (const key of views.keys()) if (!keep.has(key)) views.delete(key);
      for (const target of configured.targets) {
        const known = views.get(target.key);
        // What was seen so far is kept; only the specification is new.
        views.set(
          target.key,
          known === undefined
            ? newView(target)
            : { ...known, spec: target, slos: sloTrackers(target.slos ?? [], known.slos) },
        );
      }
      ledger.setTargets(configured.targets);
      learner.configure(next.detection ?? defaultDetection, configured.targets);
    },
    listen(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    health: () => ({
      detectionAt: last.detectionAt,
      healingAt: last.healingAt,
      signalsWaiting: queue.size,
      signalsTaken: counts.taken,
      signalsShed: counts.shed,
      linesWaiting: lines.size,
      linesShed: counts.linesShed,
      effectsInFlight: inFlight.size,
      storeFailures: counts.storeFailures,
      lastStoreFailure: last.storeFailure,
      fenced,
    }),
    async stop() {
      stopping = true;
      messages.stop();
      lookTimer?.cancel();
      clearTimer.cancel();
      for (const stop of stopListening) stop();
      await loops.stop();
      if (fenced) return;
      // What was learned since the last turn; a store that fails now costs that and nothing else.
      await transact([], (draft) => {
        for (const row of learner.save(clock.now(), savedAtStop)) draft.putLearned(row);
      }).catch((error: unknown) => log.write("warn", "learned-not-saved", { message: message(error) }));
    },
  };
}
