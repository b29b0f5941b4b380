// The application's half: its guards (of the resilience library, if it uses it), its progress, its own repairs.
// Everything the application calls here returns at once and never throws.
import type { ChannelsModule } from "./channels.cts";
import type { GuardReport, Guards, Heartbeat, ProbeCommand, ProbeInterface, Progress } from "./wire.ts";

const part = (name: string): unknown => require(`./${name}.cjs`);
const { guarded } = part("channels") as ChannelsModule;

const guardsMax = 200;
/** Guard events sent an interval; the rest shows in the next snapshots. */
const guardEventsMax = 200;
/** Of these, those that are no trips have a bound of their own. */
const guardInfosMax = 20;
/** Names of progress, and of heartbeats; later ones are ignored. */
const namesMax = 100;
const actionsMax = 100;
const actionTimeoutMs = 30_000;

const guardsKey = Symbol.for("prunella.guards");
const probeKey = Symbol.for("prunella.probe");

/** As in the resilience library: `Store`, which every process with a named primitive has, made a `Registry` where it is used as one. */
interface GuardList {
  list(): readonly Guard[];
  /** Absent in a list that an application keeps by hand: its guards are heard from the next interval on. */
  add?: (guard: Guard) => () => void;
  control?(command: {
    readonly name?: string;
    readonly guard?: string | undefined;
    readonly control?: string;
    readonly action?: string;
    readonly argument?: unknown;
  }): Promise<unknown>;
  actions?(): readonly string[];
}

/** As in the resilience library, `Reporting`. */
interface Guard {
  readonly guard?: string;
  readonly name: string;
  snapshot(): unknown;
  listen(listener: (event: unknown) => void): () => void;
  readonly controls?: Readonly<Record<string, (argument?: number | string) => void>>;
}

type GuardCommand = Omit<ProbeCommand & { readonly command: "guard" }, "id" | "command">;

interface Application {
  /** Progress and heartbeats since the last call. */
  collectProgress(): (Progress | Heartbeat)[];
  /** State of the guards, or undefined where the application has none. Begins a new interval of events. */
  collectGuards(): Guards | undefined;
  /** Gives the guards of that name (and kind) one of their commands; rejects when there is no such guard or control. */
  control(command: GuardCommand): Promise<unknown>;
  /** Runs an action registered here or with the resilience library; rejects when there is none, when it fails, or after 30 s. */
  act(name: string, argument: unknown): Promise<unknown>;
  stop(): void;
}

/** A guard that cannot tell its state must not keep the others from being seen. */
function snapshotOf(guard: Guard): unknown[] {
  try {
    return [guard.snapshot()];
  } catch {
    return [];
  }
}

function watchApplication(report: (event: GuardReport) => void): Application {
  const marks = new Map<string, { at: number; value: number; calls: number; changed: boolean }>();
  const gauges = new Map<string, { guard: string; name: string; state: string; values: object; counts: object }>();
  const beats = new Map<string, { at: number; changed: boolean }>();
  const actions = new Map<string, (argument: unknown) => unknown>();
  /** Held weakly, as their list holds them: being watched never keeps a guard alive. */
  const heard = new WeakMap<Guard, () => void>();
  let events = 0;
  let infos = 0;
  let on = true;

  const probe: ProbeInterface = {
    progress(name, value) {
      const mark = marks.get(name) ?? { at: 0, value: 0, calls: 0, changed: false };
      mark.at = Date.now();
      mark.calls += 1;
      mark.value = typeof value === "number" ? value : mark.calls;
      mark.changed = true;
      if (on && (marks.has(name) || marks.size < namesMax)) marks.set(name, mark);
    },
    heartbeat(name) {
      if (on && (beats.has(name) || beats.size < namesMax)) beats.set(name, { at: Date.now(), changed: true });
    },
    gauge(kind, name, values, counts = {}) {
      const key = `${kind} ${name}`;
      if (!on || (!gauges.has(key) && gauges.size >= namesMax)) return;
      // Copied: the application may go on using its object.
      gauges.set(key, {
        guard: String(kind),
        name: String(name),
        state: "",
        values: { ...values },
        counts: { ...counts },
      });
    },
    registerAction(name, perform) {
      if (on && (actions.has(name) || actions.size < actionsMax)) actions.set(name, perform);
      return () => {
        if (actions.get(name) === perform) actions.delete(name);
      };
    },
  };
  Object.defineProperty(globalThis, probeKey, { value: probe, configurable: true, enumerable: false });

  let guardList: GuardList | undefined;
  const guards = (): readonly Guard[] => guardList?.list().slice(0, guardsMax) ?? [];

  const onEvent = guarded((event: unknown) => {
    // What merely tells how it goes on must not crowd out a trip.
    const isInfo = (event as { level?: unknown } | null)?.level === "info";
    if (isInfo) infos += 1;
    else events += 1;
    if (isInfo ? infos <= guardInfosMax : events <= guardEventsMax) report({ type: "guard", event });
  });

  const hear = (guard: Guard): void => {
    if (on && !heard.has(guard)) heard.set(guard, guard.listen(onEvent));
  };
  const deafen = (guard: Guard): void => {
    heard.get(guard)?.();
    heard.delete(guard);
  };

  /** A guard is heard from the moment it is listed: its first trip may come before the next interval. */
  function take(list: GuardList): void {
    guardList = list;
    const add = list.add?.bind(list);
    if (add !== undefined)
      list.add = (guard) => {
        const remove = add(guard);
        hear(guard);
        return () => {
          remove();
          deafen(guard);
        };
      };
  }

  // The library makes its list at first use, long after this; until then the property only waits for it.
  const early = (globalThis as { [guardsKey]?: GuardList })[guardsKey];
  if (early !== undefined) take(early);
  else
    Object.defineProperty(globalThis, guardsKey, {
      configurable: true,
      enumerable: false,
      get: () => guardList,
      set: (list: GuardList) => {
        Object.defineProperty(globalThis, guardsKey, {
          value: list,
          configurable: true,
          enumerable: false,
          writable: true,
        });
        if (on) guarded(take)(list);
      },
    });

  return {
    collectProgress() {
      const lines: (Progress | Heartbeat)[] = [];
      for (const [name, mark] of marks) {
        if (mark.changed) lines.push({ type: "progress", at: mark.at, name, value: mark.value });
        mark.changed = false;
      }
      for (const [name, beat] of beats) {
        if (beat.changed) lines.push({ type: "heartbeat", at: beat.at, name });
        beat.changed = false;
      }
      return lines;
    },
    collectGuards() {
      events = infos = 0;
      const present = guards();
      present.forEach(hear);
      if (present.length === 0 && gauges.size === 0) return undefined;
      return {
        type: "guards",
        at: Date.now(),
        snapshots: [...present.flatMap(snapshotOf), ...gauges.values()],
      };
    },
    async control({ name, guard: kind, control, argument }) {
      const list = guardList;
      if (list?.control !== undefined)
        return list.control({ name, control, argument, ...(kind === undefined ? {} : { guard: kind }) });
      const meant = (list?.list() ?? []).filter((each) => each.name === name && (kind ?? each.guard) === each.guard);
      if (meant.length === 0) throw new Error(`no guard is named "${name}"`);
      const taking = meant.filter((each) => Object.hasOwn(each.controls ?? {}, control));
      const names = meant.flatMap((each) => Object.keys(each.controls ?? {}));
      if (taking.length === 0)
        throw new Error(`guard "${name}" has no control "${control}"; it has ${names.join(", ") || "none"}`);
      for (const each of taking) each.controls?.[control]?.(argument);
      return taking.length;
    },
    act(name, argument) {
      const list = guardList;
      const perform =
        actions.get(name) ??
        (list?.actions?.().includes(name) === true ? () => list.control?.({ action: name, argument }) : undefined);
      if (perform === undefined) return Promise.reject(new Error(`the application registered no action "${name}"`));
      return new Promise((resolve, reject) => {
        const timer = setTimeout(
          () => reject(new Error(`action "${name}" did not end within ${actionTimeoutMs} ms`)),
          actionTimeoutMs,
        );
        timer.unref();
        Promise.resolve(argument)
          .then(perform)
          .then(resolve, reject)
          .finally(() => clearTimeout(timer));
      });
    },
    stop() {
      on = false;
      Reflect.deleteProperty(globalThis, probeKey);
      guardList?.list().forEach(deafen);
      for (const each of [marks, beats, actions]) each.clear();
    },
  };
}

export type ApplicationModule = { readonly watchApplication: typeof watchApplication };
module.exports = { watchApplication } satisfies ApplicationModule;
