// Bugs planted on purpose, to prove that the simulator has teeth: each must be found within a bounded number of seeds. They
// are put in from outside, at the ports and the options, so that the engine itself stays what it is.
import type { Engine, Ports, Remedy, Safety } from "@prunella/core";
import type { Scheduler } from "./scheduler.ts";

export interface Bug {
  readonly what: string;
  readonly ports?: (ports: Ports, scheduler: Scheduler) => Ports;
  readonly remedies?: (remedies: readonly Remedy[]) => readonly Remedy[];
  readonly safety?: (safety: Safety) => Safety;
  readonly engine?: (engine: Engine) => Engine;
}

export type BugName =
  "act-before-journal" | "forget-budget" | "verify-on-no-data" | "two-repairs-at-once" | "real-time";

export const bugs: Readonly<Record<BugName, Bug>> = {
  "act-before-journal": {
    what: "an order leaves although its intent was not stored",
    ports: (ports) => ({
      ...ports,
      store: {
        ...ports.store,
        // The commit that holds an intent is answered before it was made, and then lost.
        commit: (at, changes) =>
          changes.repairs?.some((repair) => repair.state.name === "acting") === true && ports.system.random() < 0.2
            ? Promise.resolve()
            : ports.store.commit(at, changes),
      },
    }),
  },
  "forget-budget": {
    what: "budgets are ignored",
    remedies: (remedies) =>
      remedies.map((remedy) => ({
        ...remedy,
        budgets: remedy.budgets.map((budget) => ({ ...budget, runs: 1_000 })),
        backoff: { firstMs: 100, factor: 1, maxMs: 100 },
      })),
  },
  "verify-on-no-data": {
    what: "a repair is verified at once, whatever was seen",
    remedies: (remedies) => remedies.map((remedy) => ({ ...remedy, verify: { windowMs: 1, withinMs: 60_000 } })),
  },
  "two-repairs-at-once": {
    what: "the actuator is told everything twice under another repair's name",
    ports: (ports) => ({
      ...ports,
      actuator: {
        ...ports.actuator,
        perform: (order) => {
          void ports.actuator
            .perform({ ...order, key: order.key.replace(/\d+/, (number) => String(Number(number) + 1)) })
            .catch(() => {});
          return ports.actuator.perform(order);
        },
      },
    }),
  },
  "real-time": {
    what: "the engine reads the real clock",
    ports: (ports) => ({
      ...ports,
      clock: { now: () => ports.clock.now() + (Number(process.hrtime.bigint() % 7n) as number) },
    }),
  },
};
