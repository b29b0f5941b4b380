// Signals from anybody: a list of findings, answered once they are stored; and heartbeats, which may be sent by a bare GET
// from a cron job.
import { IncomingSignal } from "@prunella/contract";
import { InvalidInputError, NotFoundError, type EventSignal } from "@prunella/core";
import { randomUUID } from "node:crypto";
import { Type } from "typebox";
import type { App } from "../app.ts";
import type { ServerOptions } from "../host.ts";
import { answers, closed, optionalBody, text } from "./shared.ts";

/** Signals in one request at most. */
export const signalsMax = 1_000;

const Signals = Type.Array(Type.Object(IncomingSignal.properties, { additionalProperties: false }), {
  minItems: 1,
  maxItems: signalsMax,
});

export function ingestRoutes(app: App, options: ServerOptions): void {
  const { engine, clock, agent } = options;
  app.post(
    "/signals",
    {
      schema: {
        ...answers("ingest", "Report faults, and that they are over", Type.Object({ accepted: Type.Integer() })),
        body: Signals,
      },
    },
    async (request) => {
      const now = clock.now();
      const batch = randomUUID();
      const signals = request.body.map((signal, at): EventSignal => {
        if (!engine.world.targets.has(signal.target))
          throw new InvalidInputError(
            `body.${at}.target`,
            `${JSON.stringify(signal.target)} is not in the configuration`,
            "name a target of /api/v1/targets, or add it under targets:",
          );
        return {
          id: `api:${batch}:${at}`,
          type: "reported",
          target: signal.target,
          at: now,
          finding: {
            kind: signal.kind,
            distinguisher: signal.distinguisher ?? "",
            state: signal.state ?? "firing",
            severity: signal.severity ?? "medium",
            summary: signal.summary,
          },
        };
      });
      await engine.ingest(signals);
      return { accepted: signals.length };
    },
  );
  for (const method of ["GET", "HEAD", "POST"] as const)
    app.route({
      method,
      url: "/ping/:slug",
      exposeHeadRoute: false,
      schema: {
        ...answers("ingest", "A heartbeat: the job is alive", Type.Object({ ok: Type.Literal(true) })),
        params: closed({ slug: text(128) }),
        ...(method === "POST" ? { body: optionalBody(Type.Unknown()) } : {}),
      },
      handler: async (request, reply) => {
        const { slug } = request.params;
        if (!knownSlugs(options.configuration()).has(slug)) throw new NotFoundError("heartbeat", slug);
        await agent.heartbeat(slug);
        return reply.header("cache-control", "no-store").send({ ok: true });
      },
    });
}

/** Slugs of the heartbeats that the configuration expects: of heartbeat checks, and of targets with a heartbeat. */
function knownSlugs(configuration: unknown): Set<string> {
  const slugs = new Set<string>();
  const { checks = [], targets = [] } = (configuration ?? {}) as {
    readonly checks?: readonly { readonly how?: { readonly type?: string; readonly slug?: string } }[];
    readonly targets?: readonly { readonly key: string; readonly heartbeatMs?: number }[];
  };
  for (const { how } of checks) if (how?.type === "heartbeat" && how.slug !== undefined) slugs.add(how.slug);
  for (const target of targets) if (target.heartbeatMs !== undefined) slugs.add(target.key);
  return slugs;
}
