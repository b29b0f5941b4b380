// What the drills' programs share: a port, JSON in and out, and whether the guards are on. Everything else in a program is
// the failure mode itself.
import { createServer, type IncomingMessage, type Server } from "node:http";
import process from "node:process";

/** Off in a drill without healing: the program then runs as one would write it without the library. */
export const guardsOn = process.env["PRUNELLA_DRILL_GUARDS"] !== "off";
export const port = Number(process.env["PORT"] ?? 0);

export interface Request {
  readonly query: URLSearchParams;
  readonly body: string;
  readonly headers: IncomingMessage["headers"];
}
export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}
type Route = (request: Request) => unknown;

/** A status with a body, for routes that do not simply answer 200. */
export function answer(status: number, body: unknown, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, body, headers, [isAnswer]: true } as Answer;
}
const isAnswer = Symbol("answer");

/** What every program answers: that it lives, and what time it takes it to be. */
const always: Readonly<Record<string, Route>> = { "/healthz": () => "ok", "/now": () => Date.now() };

/** Answers each route with what its function says, as JSON; /healthz with 200 unless a route of that name says otherwise. */
export function serve(routes: Readonly<Record<string, Route>>): Server {
  const server = createServer((request, response) => {
    void (async () => {
      const url = new URL(request.url ?? "/", "http://localhost");
      const route = routes[url.pathname] ?? always[url.pathname];
      let body = "";
      for await (const chunk of request as AsyncIterable<Buffer>) body += chunk.toString("latin1");
      let status = 200;
      let value: unknown;
      let headers: Readonly<Record<string, string>> = {};
      try {
        if (route === undefined) [status, value] = [404, { error: `nothing answers ${url.pathname}` }];
        else {
          const said = await route({
            query: url.searchParams,
            body: Buffer.from(body, "latin1").toString(),
            headers: request.headers,
          });
          if (typeof said === "object" && said !== null && isAnswer in said) {
            const whole = said as unknown as Answer;
            status = whole.status;
            value = whole.body;
            headers = whole.headers ?? {};
          } else value = said;
        }
      } catch (error) {
        status = 500;
        value = { error: error instanceof Error ? error.message : String(error) };
      }
      response.writeHead(status, { "content-type": "application/json", ...headers });
      response.end(JSON.stringify(value ?? null));
    })();
  });
  server.listen(port, "127.0.0.1");
  return server;
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until something holds, at most so long; says whether it did. */
export async function until(holds: () => boolean, limitMs: number): Promise<boolean> {
  const since = performance.now();
  while (!holds()) {
    if (performance.now() - since > limitMs) return false;
    await sleep(10);
  }
  return true;
}

/** Offers a repair of the application's own to Prunella, if it watches. */
export function registerAction(name: string, perform: (argument: unknown) => unknown): void {
  const probe = (
    globalThis as {
      [probeKey]?: { registerAction(name: string, perform: (argument: unknown) => unknown): () => void };
    }
  )[probeKey];
  probe?.registerAction(name, perform);
}
const probeKey: unique symbol = Symbol.for("prunella.probe") as never;
