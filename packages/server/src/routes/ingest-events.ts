// CloudEvents 1.0: structured, batched and binary, with the webhook's handshake. The data is a signal as POST /api/v1/signals
// takes it; where it names no target or kind, the event's subject and type stand for them. One (source, id) counts once.
import type { EventSignal } from "@prunella/core";
import { createHash } from "node:crypto";
import type { FastifyRequest } from "fastify";
import type { App } from "../app.ts";
import { kebab, severityOf } from "../ingest/alertmanager.ts";
import { json } from "../ingest/body.ts";
import type { Intake } from "../ingest/intake.ts";
import { targetNamed } from "../ingest/matching.ts";
import { dict, string, timeMs, type Dict } from "../ingest/read.ts";
import { RequestError } from "../problem.ts";

/** Events of one batch; requests a second that are promised in the handshake. */
export const batchMax = 1_000;
const promisedPerMinute = 60_000;

interface CloudEvent {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string | null;
  readonly at: number | null;
  readonly data: Dict;
}

export function cloudEventRoutes(app: App, intake: Intake): void {
  const { options, counts } = intake;
  const url = "/api/v1/ingest/cloudevents";
  app.options(url, { config: { ingest: true }, schema: { hide: true } }, async (request, reply) => {
    const origin = request.headers["webhook-request-origin"];
    if (typeof origin === "string" && origin.length <= 300)
      reply.headers({ "webhook-allowed-origin": origin, "webhook-allowed-rate": String(promisedPerMinute) });
    return reply.header("allow", "POST").code(204).send();
  });
  app.post(
    url,
    { config: { ingest: true }, schema: { tags: ["ingest"], summary: "CloudEvents 1.0 that carry signals" } },
    async (request) => {
      const events = decode(request);
      const signals = events.map((event, at): EventSignal => {
        const target = targetNamed(options.engine.world.targets, [string(event.data["target"], 128), event.subject]);
        if (target === null)
          throw new RequestError(400, `${at}.subject: names no target; name one in subject or in data.target`, {
            field: "subject",
          });
        return {
          id: `cloudevents:${createHash("sha256").update(`${event.source} ${event.id}`).digest("hex").slice(0, 32)}`,
          type: "reported",
          target,
          at: intake.recordTime(event.at),
          finding: {
            kind: kebab(string(event.data["kind"], 64) ?? event.type.split(".").slice(-2).join("-")),
            distinguisher: string(event.data["distinguisher"], 200) ?? "",
            state: event.data["state"] === "cleared" ? "cleared" : "firing",
            severity: severityOf(string(event.data["severity"])),
            summary: string(event.data["summary"], 2_000) ?? event.type,
          },
        };
      });
      const accepted = await intake.take("cloudevents", signals);
      counts.accept("cloudevents", "reported", accepted);
      return { accepted: signals.length };
    },
  );
}

function decode(request: FastifyRequest): CloudEvent[] {
  const type = (request.headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
  if (type === "application/cloudevents-batch+json") {
    const body = json(request.body);
    if (!Array.isArray(body) || body.length > batchMax)
      throw new RequestError(400, `body: must be a list of at most ${batchMax} events`, { field: "body" });
    return (body as unknown[]).map((event) => structured(event));
  }
  if (type === "application/cloudevents+json") return [structured(json(request.body))];
  if (request.headers["ce-specversion"] === undefined)
    throw new RequestError(415, "content-type: send application/cloudevents+json, its batch, or ce- headers", {
      field: "content-type",
    });
  const attributes: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(request.headers))
    if (name.startsWith("ce-") && typeof value === "string") attributes[name.slice(3)] = decoded(value);
  const hasBody = Buffer.isBuffer(request.body) && request.body.length > 0;
  return [structured({ ...attributes, data: hasBody ? json(request.body) : {} })];
}

function structured(of: unknown): CloudEvent {
  const event = dict(of);
  const [id, source, type] = ["id", "source", "type"].map((name) => string(event?.[name], 500));
  if (event === null || event["specversion"] !== "1.0")
    throw new RequestError(400, 'specversion: must be "1.0"', { field: "specversion" });
  if (id === null || id === undefined || id === "") throw new RequestError(400, "id: is missing", { field: "id" });
  if (source === null || source === undefined || source === "")
    throw new RequestError(400, "source: is missing", { field: "source" });
  if (type === null || type === undefined || type === "")
    throw new RequestError(400, "type: is missing", { field: "type" });
  const text = string(event["data_base64"], 100_000);
  const data = text === null ? event["data"] : json(Buffer.from(text, "base64"));
  return {
    id,
    source,
    type,
    subject: string(event["subject"], 200),
    at: timeMs(event["time"]),
    data: dict(data) ?? {},
  };
}

function decoded(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}
