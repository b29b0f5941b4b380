// Heartbeats by the addresses that jobs ping already: Healthchecks' (with /start, /fail, /log and an exit status), Uptime Kuma's
// push and Gatus' external endpoints. A success is a heartbeat; a failure is a fault of the target until the next success.
import type { EventSignal } from "@prunella/core";
import { randomUUID } from "node:crypto";
import type { FastifyReply } from "fastify";
import type { App } from "../app.ts";
import type { Intake } from "../ingest/intake.ts";
import { RequestError } from "../problem.ts";
import { closed, text } from "./shared.ts";

/** Bytes of a ping's body that are kept as diagnostics. */
export const pingBodyMax = 10_000;

export function heartbeatRoutes(app: App, intake: Intake): void {
  const { options, counts } = intake;

  /** The target whose heartbeat a slug is; throws 404. */
  function targetOf(slug: string): string {
    const { checks = [], targets = [] } = (options.configuration() ?? {}) as {
      readonly checks?: readonly {
        readonly target: string;
        readonly how?: { readonly type?: string; readonly slug?: string };
      }[];
      readonly targets?: readonly { readonly key: string; readonly heartbeatMs?: number }[];
    };
    const check = checks.find(({ how }) => how?.type === "heartbeat" && how.slug === slug);
    const target = check?.target ?? targets.find((each) => each.key === slug && each.heartbeatMs !== undefined)?.key;
    if (target === undefined) throw new RequestError(404, "not found: no heartbeat of this name is configured");
    return target;
  }

  async function beat(slug: string, outcome: "ok" | "fail" | "note", message: string): Promise<void> {
    const target = targetOf(slug);
    counts.accept("heartbeat", outcome);
    if (outcome === "note") return;
    if (outcome === "ok") await options.agent.heartbeat(slug);
    const isFiring = outcome === "fail";
    // A success clears what an earlier failure filed; without one there is nothing to clear and nothing to store.
    if (!isFiring && !failing.has(slug)) return;
    const signal: EventSignal = {
      id: `heartbeat:${randomUUID()}`,
      type: "reported",
      target,
      at: options.clock.now(),
      finding: {
        kind: "job-failed",
        distinguisher: slug === target ? "" : slug,
        state: isFiring ? "firing" : "cleared",
        severity: "medium",
        summary: `${slug} says that it failed${message === "" ? "" : `: ${message}`}`.slice(0, 500),
      },
    };
    await intake.take("heartbeat", [signal]);
    if (isFiring) failing.add(slug);
    else failing.delete(slug);
  }
  /** Slugs whose last word was a failure; at most as many as are configured. After a restart a success clears anyway. */
  const failing = new Set<string>(known());
  function known(): string[] {
    const { checks = [], targets = [] } = (options.configuration() ?? {}) as {
      readonly checks?: readonly { readonly how?: { readonly type?: string; readonly slug?: string } }[];
      readonly targets?: readonly { readonly key: string; readonly heartbeatMs?: number }[];
    };
    return [
      ...checks.flatMap(({ how }) => (how?.type === "heartbeat" && how.slug !== undefined ? [how.slug] : [])),
      ...targets.flatMap(({ key, heartbeatMs }) => (heartbeatMs === undefined ? [] : [key])),
    ];
  }

  const ok = (reply: FastifyReply): FastifyReply =>
    reply
      .headers({
        "cache-control": "no-store",
        "access-control-allow-origin": "*",
        "ping-body-limit": String(pingBodyMax),
      })
      .type("text/plain; charset=utf-8")
      .send("OK");
  const bodyText = (body: unknown): string =>
    Buffer.isBuffer(body) ? body.subarray(0, 300).toString("utf8").trim() : "";

  for (const method of ["GET", "HEAD", "POST"] as const) {
    app.route({
      method,
      url: "/ping/:slug",
      exposeHeadRoute: false,
      config: { ingest: true },
      schema: { params: closed({ slug: text(128) }), tags: ["ingest"], summary: "A job is done" },
      handler: async (request, reply) => {
        await beat((request.params as { slug: string }).slug, "ok", "");
        return ok(reply);
      },
    });
    app.route({
      method,
      url: "/ping/:slug/:event",
      exposeHeadRoute: false,
      config: { ingest: true },
      schema: {
        params: closed({ slug: text(128), event: text(16) }),
        tags: ["ingest"],
        summary: "A job started, failed, says something, or ended with an exit status",
      },
      handler: async (request, reply) => {
        const { slug, event } = request.params as { slug: string; event: string };
        const status = /^\d{1,3}$/.test(event) ? Number(event) : null;
        if (status !== null && status <= 255)
          await beat(
            slug,
            status === 0 ? "ok" : "fail",
            status === 0 ? "" : `exit status ${status} ${bodyText(request.body)}`,
          );
        else if (event === "fail") await beat(slug, "fail", bodyText(request.body));
        else if (event === "start" || event === "log") await beat(slug, "note", "");
        else
          throw new RequestError(400, "event: must be start, fail, log or an exit status from 0 to 255", {
            field: "event",
          });
        return ok(reply);
      },
    });
    app.route({
      method,
      url: "/api/push/:token",
      exposeHeadRoute: false,
      config: { ingest: true },
      schema: { params: closed({ token: text(128) }), tags: ["ingest"], summary: "Uptime Kuma's push" },
      handler: async (request, reply) => {
        const { status = "up", msg = "" } = request.query as { status?: string; msg?: string };
        await beat(
          (request.params as { token: string }).token,
          status === "up" ? "ok" : "fail",
          String(msg).slice(0, 300),
        );
        return reply.header("cache-control", "no-store").send({ ok: true });
      },
    });
  }
  app.post(
    "/api/v1/endpoints/:key/external",
    {
      config: { ingest: true },
      schema: { params: closed({ key: text(128) }), tags: ["ingest"], summary: "Gatus' external endpoint" },
    },
    async (request) => {
      const { success, error = "" } = request.query as { success?: string; error?: string };
      if (success !== "true" && success !== "false")
        throw new RequestError(400, "success: must be true or false", { field: "success" });
      await beat(request.params.key, success === "true" ? "ok" : "fail", String(error).slice(0, 300));
      return {};
    },
  );
}
