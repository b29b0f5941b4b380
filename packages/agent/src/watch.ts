// The once-a-second look at everything: what each service uses, how its logs grow, how the machine and the agent itself are;
// and the closer look at adopted processes, whose parent cannot tell when they end.
import type { ObservationSignal, TargetKey, TimeMs } from "@prunella/core";
import type { ControlGroups } from "./control-groups.ts";
import type { LogBook } from "./log-book.ts";
import { diskValues, memoryValues, ownUsage } from "./machine.ts";
import type { ProbeHub } from "./probes.ts";
import { probeValues } from "./probe-values.ts";
import { sampler } from "./sampler.ts";
import type { Service } from "./service.ts";
import { ownTarget, type LogWrite } from "./words.ts";

export const lookEveryMs = 1_000;
const adoptedEveryMs = 50;
/** Rounds between two looks at what changes slowly: disk, the agent's own use. */
const slowEvery = 10;

export interface WatchOptions {
  readonly now: () => TimeMs;
  readonly dataFolder: string;
  readonly services: ReadonlyMap<TargetKey, Service>;
  /** The newest sample of each target is kept here. */
  readonly samples: Map<TargetKey, ObservationSignal>;
  readonly probes: ProbeHub;
  readonly groups: ControlGroups;
  readonly book: LogBook;
  /** Counters of the agent, for the sample of Prunella's own target. */
  readonly counters: () => Readonly<Record<string, number>>;
  readonly observe: (signals: readonly ObservationSignal[]) => void;
  /** Whatever else is to be looked at once a second. `elapsedMs` is much more than 1,000 after the agent was suspended. */
  readonly onRound: (at: TimeMs, elapsedMs: number) => void;
  readonly log: LogWrite;
}

export interface Watch {
  /** Ends the rounds and gives their descriptors back; adopted processes are still looked after. */
  stopRounds(): void;
  stop(): void;
}

export function watch(options: WatchOptions): Watch {
  const { services, samples } = options;
  const usage = sampler();
  const own = ownUsage();
  let disk: Record<string, number> = {};
  let used: Record<string, number> = {};
  let usedAt = performance.now();
  let lastAt = performance.now();
  let rounds = 0;
  let failing = false;

  function round(): void {
    const elapsedMs = performance.now() - lastAt;
    lastAt = performance.now();
    const at = options.now();
    const roots = new Map<TargetKey, number>();
    const signals: ObservationSignal[] = [];
    for (const service of services.values()) {
      if (service.pid !== null) roots.set(service.target, service.pid);
      else samples.delete(service.target);
      signals.push(service.observation());
      options.book.look(service, at);
    }
    for (const [target, taken] of usage.sample(roots, elapsedMs)) {
      const logBytes = options.book.bytesPerSecond(target);
      const values = {
        ...taken,
        ...probeValues(options.probes.statsOf(target)),
        ...(services.get(target)?.shares == null ? {} : options.groups.values(target, elapsedMs)),
        ...(logBytes === null ? {} : { logBytesPerSecond: logBytes }),
      };
      const sample: ObservationSignal = { type: "sample", target, at, values };
      samples.set(target, sample);
      signals.push(sample);
    }
    if (rounds % slowEvery === 0) {
      void diskValues(options.dataFolder).then((values) => (disk = values));
      used = { ...own(performance.now() - usedAt), ...memoryValues() };
      usedAt = performance.now();
    }
    const mine: ObservationSignal = {
      type: "sample",
      target: ownTarget,
      at,
      values: { ...used, ...disk, ...options.counters() },
    };
    samples.set(ownTarget, mine);
    options.observe([...signals, mine]);
    options.onRound(at, elapsedMs);
    rounds += 1;
  }

  // Whatever fails (no descriptor free, /proc not to be read) fails this second only.
  const everySecond = setInterval(() => {
    try {
      round();
      failing = false;
    } catch (error) {
      if (!failing) options.log("error", "watch-failing", { reason: String(error) });
      failing = true;
    }
  }, lookEveryMs);
  // Adoption happens only when the agent starts: without adopted processes, or once they are gone, nothing wakes up for them.
  const adopted = setInterval(() => {
    let left = 0;
    for (const service of services.values()) {
      if (service.adopted) service.lookAfter();
      if (service.adopted) left += 1;
    }
    if (left === 0) clearInterval(adopted);
  }, adoptedEveryMs);

  function stopRounds(): void {
    clearInterval(everySecond);
    usage.close();
  }
  return {
    stopRounds,
    stop() {
      stopRounds();
      clearInterval(adopted);
    },
  };
}
