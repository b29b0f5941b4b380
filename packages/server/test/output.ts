// An API over a target with output: what is asked of the agent is noted, and answered as an agent would.
import { api, startAt, type Api } from "./harness.ts";

export interface Asked {
  readonly lines: number;
  readonly containing: string | null;
  readonly anyOf: readonly string[] | null;
}

export async function withOutput(texts: readonly string[]): Promise<{ on: Api; asked: Asked[] }> {
  const asked: Asked[] = [];
  const on = await api({
    server: {
      agent: {
        connected: () => true,
        logs: async (key, lines, containing, anyOf = null) => {
          asked.push({ lines, containing, anyOf });
          return texts
            .filter((text) => containing === null || text.includes(containing))
            .filter((text) => anyOf === null || anyOf.some((word) => text.toLowerCase().includes(word)))
            .map((text, at) => ({ target: key, stream: "out" as const, at: startAt + at, text }))
            .slice(-lines);
        },
        tail: (key, listener) => {
          setImmediate(() => {
            listener(
              texts.map((text) => ({ target: key, stream: "out" as const, at: startAt, text })),
              3,
            );
          });
          return () => {};
        },
        drive: async () => null,
        heartbeat: () => {},
        guards: () => [],
      },
    },
  });
  on.engine.lines(
    "api",
    texts.map((text, at) => ({ at: on.now() + at, stream: "out" as const, text })),
  );
  await on.advance(2_000);
  return { on, asked };
}

export const output = [
  "request GET /orders/17 200 in 3 ms",
  "WARN cache is nearly full: 93 %",
  "request GET /orders/99 200 in 8 ms",
  '{"level":50,"msg":"card was declined","order":17}',
  "request GET /orders/5 500 in 4 ms",
  "could not connect: ECONNREFUSED 127.0.0.1:5432",
];
