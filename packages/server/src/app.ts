// The HTTP application, without a socket: routes, validation, access, errors. serve.ts gives it an address; tests and the
// command line inject requests into it.
import fastifySwagger from "@fastify/swagger";
import fastify, {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyTypeProvider,
  type RawReplyDefaultExpression,
  type RawRequestDefaultExpression,
  type RawServerDefault,
} from "fastify";
import { createHash } from "node:crypto";
import type { Static, TSchema } from "typebox";
import { guardAccess, neededScope, readToken } from "./access.ts";
import type { ServerOptions } from "./host.ts";
import { identifyBy } from "./identity.ts";
import { rawBodies } from "./ingest/body.ts";
import { intake } from "./ingest/intake.ts";
import { ingestCounts } from "./ingest/counts.ts";
import { problemHandler, sendProblem } from "./problem.ts";
import { alertRoutes } from "./routes/alerts.ts";
import { changeRoutes } from "./routes/changes.ts";
import { claimRoutes } from "./routes/claims.ts";
import { controlRoutes } from "./routes/controls.ts";
import { drillRoutes } from "./routes/drills.ts";
import { eventRoutes } from "./routes/events.ts";
import { healthRoutes } from "./routes/health.ts";
import { alertIngestRoutes } from "./routes/ingest-alerts.ts";
import { cloudEventRoutes } from "./routes/ingest-events.ts";
import { heartbeatRoutes } from "./routes/ingest-heartbeats.ts";
import { lineRoutes } from "./routes/ingest-lines.ts";
import { otlpRoutes } from "./routes/ingest-otlp.ts";
import { sentryRoutes } from "./routes/ingest-sentry.ts";
import { incidentRoutes } from "./routes/incidents.ts";
import { ingestRoutes } from "./routes/ingest.ts";
import { issueRoutes } from "./routes/issues.ts";
import { overviewRoutes } from "./routes/overviews.ts";
import { logRoutes } from "./routes/logs.ts";
import { pageRoutes } from "./routes/page.ts";
import { repairRoutes } from "./routes/repairs.ts";
import { reportRoutes } from "./routes/reports.ts";
import { seriesRoutes } from "./routes/series.ts";
import { statusRoutes } from "./routes/status.ts";
import { targetRoutes } from "./routes/targets.ts";
import { tokenRoutes } from "./routes/tokens.ts";
import { validatorCompiler } from "./validate.ts";

interface SchemaTypes extends FastifyTypeProvider {
  readonly validator: this["schema"] extends TSchema ? Static<this["schema"]> : unknown;
  readonly serializer: unknown;
}
export type App = FastifyInstance<
  RawServerDefault,
  RawRequestDefaultExpression,
  RawReplyDefaultExpression,
  FastifyBaseLogger,
  SchemaTypes
>;

/** Largest body, bytes; longest a request may take to arrive, ms; longest part of a path, characters. */
export const bodyBytesMax = 1_000_000;
export const requestMsMax = 30_000;
const pathPartMax = 200;

/** Throws InvalidInputError when the token file is not fit for use. */
export async function application(options: ServerOptions): Promise<App> {
  const startedAt = options.clock.now();
  const app: App = fastify({
    logger: false,
    bodyLimit: bodyBytesMax,
    requestTimeout: requestMsMax,
    connectionTimeout: 120_000,
    routerOptions: { maxParamLength: pathPartMax, ignoreTrailingSlash: true },
    forceCloseConnections: true,
    onProtoPoisoning: "error",
    onConstructorPoisoning: "error",
    genReqId: requestIds(),
    frameworkErrors: (error, _request, reply) => {
      sendProblem(reply, error.statusCode ?? 400, `url: ${error.message}; correct it`, { field: "url" });
    },
    clientErrorHandler: (error, socket) => {
      if (!socket.writable || error.code === "ECONNRESET") return;
      const status = error.code === "HPE_HEADER_OVERFLOW" ? "431 Request Header Fields Too Large" : "400 Bad Request";
      socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
    },
  }).withTypeProvider<SchemaTypes>();
  app.setValidatorCompiler(validatorCompiler as Parameters<App["setValidatorCompiler"]>[0]);
  // Answers are built by translate/; a serialiser that drops what a schema forgot would hide mistakes.
  app.setSerializerCompiler(() => (value) => JSON.stringify(value));
  app.setErrorHandler(problemHandler(options));
  app.setNotFoundHandler((request, reply) =>
    sendProblem(reply, 404, `url: nothing answers ${request.method} here; see /api/v1/openapi.json`, { field: "url" }),
  );
  identifyBy(app as unknown as FastifyInstance, {
    engine: options.engine,
    ownToken: readToken(options.tokenFile),
    now: options.clock.now,
  });
  guardAccess(app as unknown as FastifyInstance, { host: options.host, nowMs: () => performance.now() });
  answerUnchanged(app as unknown as FastifyInstance);
  await app.register(fastifySwagger, {
    openapi: {
      openapi: "3.1.0",
      info: { title: "Prunella", version: options.version, description: "Self-healing control plane" },
      components: { securitySchemes: { token: { type: "http", scheme: "bearer" } } },
    },
    // What a token must allow is said with each operation (OpenAPI 3.1 lets roles stand there).
    transform: ({ schema, url, route }) => ({
      url,
      schema: { ...schema, security: [{ token: [neededScope([route.method].flat()[0] ?? "GET", url, route.config)] }] },
    }),
  });
  const ingest = ingestCounts();
  await app.register(async (scope) => {
    healthRoutes(scope as unknown as App, options, startedAt, ingest);
  });
  await app.register(async (scope) => pageRoutes(scope as unknown as App, options, startedAt));
  const taking = intake(options, ingest);
  await app.register(async (scope) => {
    rawBodies(scope as unknown as FastifyInstance, taking.budget);
    scope.addHook("onRequest", async (request) => {
      if (request.method !== "OPTIONS") taking.refuseWhenBusy();
    });
    for (const routes of [alertIngestRoutes, sentryRoutes, otlpRoutes, lineRoutes, cloudEventRoutes, heartbeatRoutes])
      routes(scope as unknown as App, taking);
  });
  await app.register(
    async (scope) => {
      const api = scope as unknown as App;
      statusRoutes(api, options, startedAt);
      targetRoutes(api, options);
      seriesRoutes(api, options);
      logRoutes(api, options);
      claimRoutes(api, options);
      issueRoutes(api, options);
      incidentRoutes(api, options);
      repairRoutes(api, options);
      reportRoutes(api, options);
      overviewRoutes(api, options);
      controlRoutes(api, options);
      alertRoutes(api, options);
      tokenRoutes(api, options);
      ingestRoutes(api, options);
      changeRoutes(api, options);
      eventRoutes(api, options);
      drillRoutes(api, options);
      api.get("/openapi.json", { schema: { hide: true } }, async (_request, reply) =>
        reply.header("content-type", "application/json; charset=utf-8").send(JSON.stringify(app.swagger())),
      );
    },
    { prefix: "/api/v1" },
  );
  return app;
}

function requestIds(): () => string {
  let number = 0;
  return () => `r${(number += 1)}`;
}

/** ETag of each whole answer; a client that has it already gets 304 and no body. */
function answerUnchanged(app: FastifyInstance): void {
  app.addHook("onSend", async (request, reply, payload: unknown) => {
    if (request.method !== "GET" || reply.statusCode !== 200 || typeof payload !== "string") return payload;
    if (!reply.hasHeader("cache-control")) reply.header("cache-control", "no-cache");
    const tag = `"${createHash("sha256").update(payload).digest("base64url").slice(0, 22)}"`;
    reply.header("etag", tag);
    const known = request.headers["if-none-match"];
    if (known === undefined || !known.split(",").some((each) => each.trim().replace(/^W\//, "") === tag))
      return payload;
    reply.code(304).removeHeader("content-type").removeHeader("content-length");
    return "";
  });
}
