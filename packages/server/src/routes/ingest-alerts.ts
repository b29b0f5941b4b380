// Alerts from Alertmanager (its webhook) and from a Prometheus that takes us for one (POST /api/v2/alerts). Answered once the
// decision about them is stored. An alert about a target that is failing already becomes a witness of that incident.
import { Type } from "typebox";
import type { App } from "../app.ts";
import { decodeV2, decodeWebhook, type AlertContext, type DecodedAlerts } from "../ingest/alertmanager.ts";
import { json } from "../ingest/body.ts";
import type { Intake } from "../ingest/intake.ts";
import { answers } from "./shared.ts";

/** A webhook's alert whose end never comes ages out after this, ms: longer than Alertmanager's own repeat of 4 hours. */
export const webhookResolveMs = 5 * 3_600_000;
/** An alert of the API that names no end, ms: Alertmanager's own default. */
export const apiResolveMs = 300_000;

export function alertIngestRoutes(app: App, intake: Intake): void {
  const { options, counts } = intake;
  const context = (resolveMs: number): AlertContext => ({
    targets: options.engine.world.targets,
    now: options.clock.now(),
    resolveMs,
  });
  async function take(source: string, decoded: DecodedAlerts): Promise<{ accepted: number; unmatched: number }> {
    if (decoded.alerts.length > 0)
      await options.engine.command({ type: "outside", by: source, alerts: decoded.alerts });
    counts.accept(source, "alert", decoded.alerts.length);
    counts.drop(source, "unknown-target", decoded.unmatched);
    counts.drop(source, "own-notification", decoded.echoes);
    if (decoded.unmatched > 0)
      options.log.write("warn", "alerts-unmatched", {
        source,
        count: decoded.unmatched,
        remedy: "give them a label target, service or job that names a target, or an instance at one of its addresses",
      });
    return { accepted: decoded.alerts.length, unmatched: decoded.unmatched };
  }
  app.post(
    "/api/v1/ingest/alertmanager",
    {
      config: { ingest: true },
      schema: answers(
        "ingest",
        "Alertmanager's webhook, version 4",
        Type.Object({ accepted: Type.Integer(), unmatched: Type.Integer() }),
      ),
    },
    async (request) => take("alertmanager", decodeWebhook(json(request.body), context(webhookResolveMs))),
  );
  app.post(
    "/api/v2/alerts",
    {
      config: { ingest: true },
      schema: { tags: ["ingest"], summary: "Alerts, as a Prometheus sends them to an Alertmanager" },
    },
    async (request, reply) => {
      await take("prometheus", decodeV2(json(request.body), context(apiResolveMs)));
      return reply.code(200).send();
    },
  );
}
