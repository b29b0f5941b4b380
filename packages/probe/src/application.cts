// The application's half: its guards (of the resilience library, if it uses it), its progress, its own repairs.
// Everything the application calls here returns at once and never throws.
import type { ChannelsModule } from "./channels.cts";
import type { GuardReport, Guards, Heartbeat, ProbeInterface, Progress } from "./wire.ts";

const part = (name: string): unknown => require(`./${name}.cjs`);
const { guarded } = part("channels") as ChannelsModule;

const guardsMax = 200;
/** Guard events sent an interval; the rest shows in the next snapshots. */
const guardEventsMax = 200;
/** Names of progress, and of heartbeats; later ones are ignored. */
const namesMax = 100;
const actionsMax = 100;
const actionTimeoutMs = 30_000;

const guardsKey = Symbol.for("prunella.guards");
const probeKey = Symbol.for("prunella.probe");

/** As in the resilience library, `Reporting`. */
interface Guard {
  readonly name: string;
  snapshot(): unknown;
  listen(listener: (event: unknown) => void): () => void;
  readonly controls?: Readonly<Record<string, (argument?: number | string) => void>>;
}

interface Application {
  /** Progress and heartbeats since the last call. */
  collectProgress(): (Progress | Heartbeat)[];
  /** State of the guards, or undefined where the application has none. Begins a new interval of events. */
  collectGuards(): Guards | undefined;
  /** Gives a guard one of its commands; throws when there is no such guard or control. */
  control(name: string, control: string, argument?: number | string): void;
  /** Runs a registered action; rejects when there is none, when it fails, or after 30 s. */
  act(name: string, argument: unknown): Promise<unknown>;
  stop(): void;
}

function watchApplication(report: (event: GuardReport) => void): Application {
  const marks = new Map<string, { at: number; value: number; calls: number; changed: boolean }>();
  const gauges = new Map<string, { guard: string; name: string; state: string; values: object; counts: object }>();
  const beats = new Map<string, { at: number; changed: boolean }>();
  const actions = new Map<string, (argument: unknown) => unknown>();
  const unlisten = new Map<Guard, () => void>();
  let events = 0;
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

  function guards(): Guard[] {
    const registry = (globalThis as { [guardsKey]?: { list(): readonly Guard[] } })[guardsKey];
    return registry === undefined ? [] : registry.list().slice(0, guardsMax);
  }

  const onEvent = guarded((event: unknown) => {
    events += 1;
    if (events <= guardEventsMax) report({ type: "guard", event });
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
      events = 0;
      const present = new Set(guards());
      for (const guard of present) if (!unlisten.has(guard)) unlisten.set(guard, guard.listen(onEvent));
      for (const [guard, stop] of unlisten) {
        if (present.has(guard)) continue;
        unlisten.delete(guard);
        stop();
      }
      if (present.size === 0 && gauges.size === 0) return undefined;
      return {
        type: "guards",
        at: Date.now(),
        snapshots: [...[...present].map((guard) => guard.snapshot()), ...gauges.values()],
      };
    },
    control(name, control, argument) {
      const guard = guards().find((each) => each.name === name);
      if (guard === undefined) throw new Error(`no guard is named "${name}"`);
      const perform = Object.hasOwn(guard.controls ?? {}, control) ? guard.controls?.[control] : undefined;
      if (perform === undefined)
        throw new Error(
          `guard "${name}" has no control "${control}"; it has ${Object.keys(guard.controls ?? {}).join(", ") || "none"}`,
        );
      perform.call(guard.controls, argument);
    },
    act(name, argument) {
      const perform = actions.get(name);
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
      for (const stop of unlisten.values()) stop();
      for (const each of [marks, beats, actions, unlisten]) each.clear();
    },
  };
}

export type ApplicationModule = { readonly watchApplication: typeof watchApplication };
module.exports = { watchApplication } satisfies ApplicationModule;
