// HTTP check: status, text in the body, latency, days until the certificate ends. Redirects are not followed. Certificates
// are verified only when the check asks about them (like Kubernetes probes). node:http is loaded at the first such check,
// and node:https at the first that needs it; not by import, whose view of a built-in module calls its getters and so loads
// undici and HTTP/2 with it, 15 MB that nobody here uses.
import type * as Http from "node:http";
import type * as Https from "node:https";
import type { TLSSocket } from "node:tls";
import type { CheckFacts } from "@prunella/core";
import { result, type CheckResult, type How } from "./result.ts";

/** Connections of all HTTP checks together; checks beyond it wait for one within their own time limit. */
export const connectionsMax = 1_024;
/** Bytes of a body that are searched for `bodyIncludes`. */
const bodyBytesMax = 262_144;
const dayMs = 86_400_000;

interface Clients {
  readonly http: { readonly request: typeof Http.request; readonly agent: Http.Agent };
  readonly https: () => { readonly request: typeof Https.request; readonly agent: Https.Agent };
}
let clients: Clients | null = null;

function load(): Clients {
  const options = { keepAlive: true, keepAliveMsecs: 30_000, maxFreeSockets: 2, maxTotalSockets: connectionsMax };
  const http = process.getBuiltinModule("node:http");
  let secure: ReturnType<Clients["https"]> | null = null;
  return {
    http: { request: http.request, agent: new http.Agent(options) },
    https() {
      if (secure !== null) return secure;
      const https = process.getBuiltinModule("node:https");
      return (secure = { request: https.request, agent: new https.Agent(options) });
    },
  };
}

export async function httpCheck(how: How<"http">, timeoutMs: number): Promise<CheckResult> {
  clients ??= load();
  const loaded = clients;
  const startedAt = performance.now();
  const first = await attempt(loaded, how, timeoutMs, startedAt);
  // A kept connection that the server closed just now says nothing about the server: ask once more on a new one.
  if (first === "stale") {
    const second = await attempt(loaded, how, timeoutMs - (performance.now() - startedAt), startedAt);
    return second === "stale" ? result(false, startedAt, "the connection was reset twice") : second;
  }
  return first;
}

function attempt(
  loaded: Clients,
  how: How<"http">,
  timeoutMs: number,
  startedAt: number,
): Promise<CheckResult | "stale"> {
  return new Promise((resolve) => {
    let request: Http.ClientRequest;
    const finish = (ok: boolean, message: string, facts?: CheckFacts): void => {
      clearTimeout(timer);
      resolve(result(ok, startedAt, message, facts));
    };
    const timer = setTimeout(
      () => {
        finish(false, `no answer within ${Math.round(performance.now() - startedAt)} ms`);
        request.destroy();
      },
      Math.max(1, timeoutMs),
    );
    try {
      const secure = how.url.startsWith("https:");
      const client = secure ? loaded.https() : loaded.http;
      request = client.request(how.url, {
        method: how.method,
        headers: { "user-agent": "prunella-probe/1", accept: "*/*", ...how.headers },
        agent: client.agent,
        ...(secure ? { rejectUnauthorized: how.certificateDaysMin !== null } : {}),
      });
    } catch (error) {
      finish(false, `cannot be asked: ${text(error)}`);
      return;
    }
    request.on("error", (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      if (request.reusedSocket && (error.code === "ECONNRESET" || error.code === "EPIPE")) resolve("stale");
      else resolve(result(false, startedAt, text(error), codeOf(error)));
    });
    request.on("response", (response) => {
      const latencyMs = performance.now() - startedAt;
      const endsAt = how.url.startsWith("https:") ? certificateEnd(response.socket as TLSSocket) : null;
      const certificate = endsAt === null ? null : Math.floor((endsAt - Date.now()) / dayMs);
      const skew = clockSkewOf(response.headers.date, latencyMs);
      const facts: CheckFacts = {
        ...(endsAt === null ? {} : { certificateEndsAt: endsAt }),
        ...(skew === null ? {} : { clockSkewMs: skew }),
      };
      collect(response, how.bodyIncludes === null ? 0 : bodyBytesMax, (body) => {
        const problem = judge(how, response.statusCode ?? 0, body, latencyMs, certificate);
        finish(problem === null, problem ?? `${response.statusCode} in ${Math.round(latencyMs)} ms`, facts);
      });
    });
    request.end();
  });
}

/** Characters of a wrong body that are told. */
const saidMax = 80;

function judge(how: How<"http">, status: number, body: string, latencyMs: number, days: number | null): string | null {
  if (status < how.statusMin || status > how.statusMax)
    return `answered ${status}, expected ${how.statusMin} to ${how.statusMax}`;
  if (how.bodyIncludes !== null && !body.includes(how.bodyIncludes))
    return `answered ${status}, and the body does not contain ${JSON.stringify(how.bodyIncludes)}: ${JSON.stringify(body.slice(0, saidMax))}${body.length > saidMax ? "…" : ""}`;
  if (how.latencyMsMax !== null && latencyMs > how.latencyMsMax)
    return `took ${Math.round(latencyMs)} ms, at most ${how.latencyMsMax} ms expected`;
  if (how.certificateDaysMin !== null && days !== null && days < how.certificateDaysMin)
    return `the certificate ends in ${days} days, at least ${how.certificateDaysMin} expected`;
  return null;
}

/** Reads a body to its end so that the connection can be kept, or gives it up when it is longer than anyone wants. */
function collect(response: Http.IncomingMessage, bytesMax: number, done: (body: string) => void): void {
  const chunks: Buffer[] = [];
  let held = 0;
  let passed = 0;
  const end = (): void => done(Buffer.concat(chunks).toString());
  response.on("data", (chunk: Buffer) => {
    passed += chunk.length;
    if (held < bytesMax) {
      chunks.push(chunk.subarray(0, bytesMax - held));
      held += Math.min(chunk.length, bytesMax - held);
    }
    if (passed > bodyBytesMax) {
      response.removeAllListeners("data");
      response.removeAllListeners("end");
      response.destroy();
      end();
    }
  });
  response.once("end", end);
}

function certificateEnd(socket: TLSSocket): number | null {
  const ends = Date.parse(socket.getPeerCertificate().valid_to);
  return Number.isNaN(ends) ? null : ends;
}

/** The answer's Date header against our clock; null where there is none, or where they agree within a header's exactness. */
function clockSkewOf(date: string | undefined, latencyMs: number): number | null {
  const theirs = date === undefined ? Number.NaN : Date.parse(date);
  if (Number.isNaN(theirs)) return null;
  const skew = theirs - (Date.now() - latencyMs / 2);
  return Math.abs(skew) < 2_000 ? null : Math.round(skew);
}

function codeOf(error: NodeJS.ErrnoException): CheckFacts {
  return error.code === undefined ? {} : { code: error.code };
}

function text(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0) return text(error.errors[0]);
  return error instanceof Error ? error.message : String(error);
}
