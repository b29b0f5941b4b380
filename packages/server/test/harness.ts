// The API over the real engine and a store in memory, under manual time. Every option has a default, so that what a test
// sets is its point.
import { defaultSafety, engine, shippedRemedies, type Engine, type Safety, type TargetSpec } from "@prunella/core";
import { memoryStore, type MemoryStore } from "@prunella/core/testing";
import { manualSystem } from "@prunella/resilience/testing";
import { application, type ServerOptions } from "@prunella/server";

export const startAt = 1_700_000_000_000;

export interface Api {
  readonly engine: Engine;
  readonly store: MemoryStore;
  readonly beats: string[];
  now(): number;
  advance(ms: number): Promise<void>;
  /** Sends a request; a body makes it a POST with JSON. */
  ask(url: string, body?: unknown, more?: Ask): Promise<Answer>;
  /** Runs time until an answer that needs the loops has come. */
  /** On a real socket of the loopback; the address. */
  listen(): Promise<string>;
  close(): Promise<void>;
}
export interface Ask {
  readonly method?: "GET" | "HEAD" | "POST" | "DELETE" | "PUT" | "PATCH" | "OPTIONS";
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is. */
  readonly raw?: string | Buffer;
}
export interface Answer {
  readonly status: number;
  readonly json: any;
  readonly text: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

export function target(of: Partial<TargetSpec> & { readonly key: string }): TargetSpec {
  return {
    kind: "service",
    group: of.key,
    dependsOn: [],
    addresses: [],
    checks: [],
    startupMs: 5_000,
    labels: {},
    ...of,
  };
}

export async function api(
  options: {
    readonly targets?: readonly TargetSpec[];
    readonly safety?: Partial<Safety>;
    readonly server?: Partial<ServerOptions>;
  } = {},
): Promise<Api> {
  const system = manualSystem();
  const store = memoryStore();
  const now = (): number => startAt + system.now();
  const beats: string[] = [];
  const instance = await engine(
    {
      clock: { now },
      system,
      store,
      actuator: {
        perform: async () => ({ kind: "succeeded", detail: "done" }),
        outcomeOf: async () => null,
      },
      examiner: { examine: async () => null },
      notifier: { send: async () => {} },
      log: { write: () => {} },
    },
    {
      targets: options.targets ?? [
        target({ key: "api" }),
        target({ key: "web/0", group: "web" }),
        target({ key: "db", kind: "external" }),
      ],
      remedies: shippedRemedies,
      safety: { ...defaultSafety, ...options.safety },
    },
  );
  const app = await application({
    host: "127.0.0.1",
    port: 0,
    tokenFile: null,
    version: "0.0.0",
    engine: instance,
    store,
    clock: { now },
    log: { write: (_level, event, fields) => failures.push(`${event} ${JSON.stringify(fields)}`) },
    agent: {
      connected: () => true,
      logs: async (key, lines) => [{ target: key, stream: "out", at: now(), text: `${lines} wanted` }],
      drive: async () => null,
      heartbeat: (slug) => void beats.push(slug),
      guards: () => [{ guard: "breaker", name: "db", state: "open", values: { level: 3 }, counts: { opened: 1 } }],
    },
    configuration: () => ({
      targets: [{ key: "api", heartbeatMs: 5_000 }],
      services: [{ name: "api", env: { PASSWORD: "hunter2" } }],
    }),
    ...options.server,
  });
  await system.advance(2_000);
  return {
    engine: instance,
    store,
    beats,
    now,
    advance: (ms) => system.advance(ms),
    async ask(url, body, { method, headers = {}, raw } = {}) {
      const sends = body !== undefined || raw !== undefined;
      const pending = app.inject({
        method: method ?? (sends ? "POST" : "GET"),
        url,
        headers: { host: "127.0.0.1", ...(sends ? { "content-type": "application/json" } : {}), ...headers },
        ...(sends ? { payload: raw ?? JSON.stringify(body) } : {}),
      });
      let done = false;
      void pending.then(
        () => (done = true),
        () => (done = true),
      );
      // Commits wait for manual time; give the request turns of the event loop and the engine its ticks.
      for (let turn = 0; turn < 100_000 && !done; turn += 1) {
        await new Promise((resolve) => setImmediate(resolve));
        // Work off the event loop (unpacking a body) takes its time; manual time then goes slower.
        if (turn < 200 ? turn % 20 === 19 : turn % 2_000 === 0) await system.advance(50);
      }
      const response = await pending;
      return {
        status: response.statusCode,
        json: /json/.test(String(response.headers["content-type"])) ? JSON.parse(response.body) : null,
        text: response.body,
        headers: response.headers,
      };
    },
    listen: () => app.listen({ host: "127.0.0.1", port: 0 }),
    async close() {
      await app.close();
      await instance.stop();
    },
  };
}

/** What the server logged as its own fault; tests demand that it stays empty. */
export const failures: string[] = [];
