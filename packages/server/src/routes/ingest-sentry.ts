// Sentry's ingest: a DSN of http://KEY@HOST:PORT/PROJECT sends its errors here. Keys and projects are configured; a key is the
// only way in, and lets nobody do anything else. Answered 200 once stored; 429 before anything is read while we are behind.
import { createHash, timingSafeEqual } from "node:crypto";
import type { EventSignal } from "@prunella/core";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { App } from "../app.ts";
import type { Intake } from "../ingest/intake.ts";
import {
  decodeCheckIn,
  decodeClientReport,
  decodeEnvelope,
  decodeEvent,
  decodeLogs,
  keyOfHeader,
  type SentryEvent,
} from "../ingest/sentry.ts";
import { timeMs } from "../ingest/read.ts";
import { RequestError } from "../problem.ts";
import { closed, text } from "./shared.ts";

export interface SentryProject {
  readonly project: string;
  readonly key: string;
  readonly target: string;
}

/** A sender's clock is believed to be wrong from this much on, ms. */
const skewMsMin = 5_000;

export function sentryRoutes(app: App, intake: Intake): void {
  const { options, counts } = intake;
  const projects = (): readonly SentryProject[] => options.senders?.().sentry ?? [];

  function projectOf(request: FastifyRequest, dsnKey: string | null): SentryProject {
    const { project: id } = request.params as { project: string };
    const { sentry_key: queryKey } = request.query as { sentry_key?: unknown };
    const header = request.headers["x-sentry-auth"] ?? request.headers.authorization;
    const given = [
      keyOfHeader(Array.isArray(header) ? header[0] : header),
      typeof queryKey === "string" ? queryKey : null,
      dsnKey,
    ].filter((key) => key !== null);
    const [key] = given;
    if (key === undefined)
      throw new RequestError(403, "sentry_key: is missing; use the DSN of the configuration", { field: "sentry_key" });
    const project = projects().find((each) => each.project === id && same(each.key, key));
    if (project === undefined || given.some((each) => each !== key))
      throw new RequestError(403, "sentry_key: fits no project of this address; use the DSN of the configuration", {
        field: "sentry_key",
      });
    return project;
  }

  function errorSignal(project: SentryProject, event: SentryEvent, skewMs: number): EventSignal | null {
    if (event.error === null || !["fatal", "error"].includes(event.level)) return null;
    return {
      id: `sentry:${project.project}:${event.id}`,
      type: "error",
      target: project.target,
      at: intake.recordTime(event.at, skewMs),
      origin: event.origin,
      error: event.error,
    };
  }

  async function takeEnvelope(request: FastifyRequest): Promise<{ id?: string }> {
    const body = bytes(request);
    const envelope = decodeEnvelope(body);
    const project = projectOf(request, envelope.dsnKey);
    const sentAt = timeMs(envelope.header["sent_at"]);
    const skew = sentAt === null ? 0 : options.clock.now() - sentAt;
    const skewMs = Math.abs(skew) >= skewMsMin ? skew : 0;
    const signals: EventSignal[] = [];
    for (const [at, item] of envelope.items.entries()) {
      switch (item.type) {
        case "event": {
          const signal = errorSignal(project, decodeEvent(item.payload, envelope.eventId), skewMs);
          if (signal === null) counts.drop("sentry", "below-error");
          else signals.push(signal);
          break;
        }
        case "log":
          for (const [index, { at: when, error }] of decodeLogs(item.payload).entries())
            signals.push({
              id: `sentry:${project.project}:log:${envelope.eventId ?? digest(body)}:${at}:${index}`,
              type: "error",
              target: project.target,
              at: intake.recordTime(when, skewMs),
              origin: "sentry log",
              error,
            });
          break;
        case "check_in": {
          const checkIn = decodeCheckIn(item.payload);
          if (checkIn === null) counts.drop("sentry", "not-understood");
          else if (checkIn.status === "ok") await options.agent.heartbeat(checkIn.slug);
          counts.accept("sentry", "check-in");
          break;
        }
        case "client_report":
          for (const [reason, count] of decodeClientReport(item.payload))
            counts.drop("sentry", `client-${reason}`, count);
          break;
        default:
          counts.drop("sentry", "not-used");
      }
    }
    counts.accept("sentry", "error", await intake.take("sentry", signals));
    return envelope.eventId === null ? {} : { id: envelope.eventId };
  }

  async function takeStore(request: FastifyRequest): Promise<{ id: string }> {
    const project = projectOf(request, null);
    const event = decodeEvent(bytes(request), null);
    const signal = errorSignal(project, event, 0);
    if (signal === null) counts.drop("sentry", "below-error");
    else counts.accept("sentry", "error", await intake.take("sentry", [signal]));
    return { id: event.id };
  }

  for (const [name, take] of [
    ["envelope", takeEnvelope],
    ["store", takeStore],
  ] as const) {
    const url = `/api/:project/${name}`;
    const config = { ingest: true, ownAccess: true };
    const schema = { params: closed({ project: text(64) }), tags: ["ingest"], summary: `Sentry's ${name} endpoint` };
    app.post(url, { config, schema }, async (request, reply) => {
      cors(reply);
      return reply.send(await take(request));
    });
    app.options(url, { config, schema: { ...schema, hide: true } }, async (_request, reply) =>
      cors(reply).code(204).send(),
    );
  }
}

/** A browser's page may send its errors from anywhere; it can read nothing but whether they came. */
function cors(reply: FastifyReply): FastifyReply {
  return reply.headers({
    "access-control-allow-origin": "*",
    "access-control-allow-methods": "POST, OPTIONS",
    "access-control-allow-headers":
      "x-sentry-auth, x-requested-with, x-forwarded-for, origin, referer, accept, authentication, authorization, content-type, content-encoding, transfer-encoding",
    "access-control-expose-headers": "X-Sentry-Rate-Limits, Retry-After",
    "cross-origin-resource-policy": "cross-origin",
  });
}

function bytes(request: FastifyRequest): Buffer {
  return Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
}

function digest(body: Buffer): string {
  return createHash("sha256").update(body).digest("hex").slice(0, 32);
}

function same(a: string, b: string): boolean {
  const hash = (of: string): Buffer => createHash("sha256").update(of).digest();
  return timingSafeEqual(hash(a), hash(b));
}
