// The records of a data folder when no control plane runs: the API's own application over a store that only reads and an
// engine that only remembers. What would change something is refused there.
import {
  defaultSafety,
  newView,
  ownTarget,
  shippedRemedies,
  StoreError,
  worldFrom,
  type Remedy,
  type Safety,
  type TargetSpec,
} from "@prunella/core";
import { application, type EngineFace } from "@prunella/server";
import { readOnlyStore } from "@prunella/store";
import { existsSync, readFileSync } from "node:fs";
import type { DataFolder } from "./folder.ts";
import { renderer, sourcesOf } from "./sources.ts";
import { version } from "./version.ts";

export interface Offline {
  get(url: string): Promise<{ readonly ok: boolean; readonly status: number; readonly body: string }>;
  close(): Promise<void>;
}

interface Rules {
  readonly targets: readonly TargetSpec[];
  readonly remedies: readonly Remedy[];
  readonly safety: Partial<Safety>;
}

export async function openOffline(folder: DataFolder): Promise<Offline> {
  const rules: Rules = existsSync(folder.plan)
    ? (JSON.parse(readFileSync(folder.plan, "utf8")) as Rules)
    : { targets: [], remedies: shippedRemedies, safety: {} };
  const store = readOnlyStore(folder.database);
  const opened = await store.open();
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
  const targets = [...rules.targets.filter((target) => target.key !== ownTarget), self];
  const world = worldFrom(opened, targets);
  // Nobody watches: what is known of the targets is nothing, and says so.
  const views = new Map(targets.map((target) => [target.key, newView(target)]));
  const refuse = (): Promise<never> =>
    Promise.reject(new StoreError("unavailable", "no control plane runs; start one with prunella up"));
  const engine: EngineFace = {
    world,
    views,
    context: () => ({
      remedies: rules.remedies,
      safety: { ...defaultSafety, ...rules.safety },
      views,
      inFlight: new Set(),
      fence: opened.epoch,
      random: () => 0,
    }),
    command: refuse,
    ingest: refuse,
    listen: () => () => undefined,
    guards: [],
    deliveries: { delivered: new Map(), failed: new Map(), inFlight: 0 },
    health: () => ({
      detectionAt: null,
      healingAt: null,
      signalsWaiting: 0,
      linesWaiting: 0,
      linesShed: 0,
      signalsTaken: 0,
      signalsShed: 0,
      effectsInFlight: 0,
      storeFailures: 0,
      lastStoreFailure: null,
      fenced: false,
    }),
  };
  const app = await application({
    host: "127.0.0.1",
    port: 0,
    tokenFile: null,
    version,
    engine,
    store,
    clock: { now: () => Math.max(Date.now(), opened.lastAt) },
    log: { write: () => undefined },
    agent: {
      connected: () => false,
      logs: refuse,
      drive: refuse,
      heartbeat: () => undefined,
      guards: () => [],
    },
    configuration: () => rules,
    sources: sourcesOf(folder, store),
    render: renderer,
  });
  return {
    async get(url) {
      const response = await app.inject({ method: "GET", url, headers: { host: "127.0.0.1" } });
      return {
        ok: response.statusCode >= 200 && response.statusCode < 300,
        status: response.statusCode,
        body: response.body,
      };
    },
    async close() {
      await app.close();
      await store.close();
    },
  };
}
