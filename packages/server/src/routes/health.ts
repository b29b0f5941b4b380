// Alive, ready, and the metrics. Alive: the process answers. Ready: the store takes commits, both loops have turned within
// ten seconds, and the agent is connected.
import type { App } from "../app.ts";
import type { ServerOptions } from "../host.ts";
import type { IngestCounts } from "../ingest/counts.ts";
import { metrics } from "../metrics/index.ts";
import { loopLateMs } from "../translate/index.ts";

export function healthRoutes(app: App, options: ServerOptions, startedAt: number, ingest: IngestCounts): void {
  for (const path of ["/healthz", "/livez", "/-/healthy"])
    app.get(path, { schema: { hide: true } }, async (_request, reply) => reply.type("text/plain").send("alive\n"));
  for (const path of ["/readyz", "/-/ready"])
    app.get(path, { schema: { hide: true } }, async (_request, reply) => {
      const reasons = notReady(options, startedAt);
      return reply
        .code(reasons.length === 0 ? 200 : 503)
        .type("text/plain")
        .send(reasons.length === 0 ? "ready\n" : `${reasons.join("\n")}\n`);
    });
  const collect = metrics(options, startedAt, ingest);
  app.addHook("preClose", async () => collect.stop());
  app.get("/metrics", { schema: { hide: true } }, async (_request, reply) =>
    reply
      .header("cache-control", "no-store")
      .type(collect.contentType)
      .send(await collect.text()),
  );
}

/** Why it is not ready, in words; empty when it is. */
export function notReady({ engine, clock, agent }: ServerOptions, startedAt: number): string[] {
  const health = engine.health();
  const now = clock.now();
  const isLate = (at: number | null): boolean => now - (at ?? startedAt) > loopLateMs || at === null;
  return [
    ...(health.fenced ? ["another control plane has taken over"] : []),
    ...(isLate(health.detectionAt) ? ["the detection loop has not turned within 10 s"] : []),
    ...(isLate(health.healingAt) ? ["the healing loop has not turned within 10 s"] : []),
    ...(agent.connected() ? [] : ["the agent is not connected"]),
  ];
}
