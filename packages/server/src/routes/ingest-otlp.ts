// OTLP over HTTP: /v1/logs, /v1/traces and /v1/metrics, JSON and protobuf. Exceptions and error logs become errors of the
// service they name; numbers become samples. Partial success says what was not taken, and why; 429 comes before work is lost.
import { rates, type EventSignal, type Signal } from "@prunella/core";
import { createHash } from "node:crypto";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { App } from "../app.ts";
import { json } from "../ingest/body.ts";
import { eventsMax, type Intake } from "../ingest/intake.ts";
import { targetNamed } from "../ingest/matching.ts";
import { logsOf, pointsOf, spanErrorsOf, type Point, type ResourceFacts } from "../ingest/otlp.ts";
import type { OtlpKind } from "../ingest/otlp-proto.ts";
import { dict, type Dict } from "../ingest/read.ts";
import { RequestError } from "../problem.ts";

/** Metrics of one target by OTLP; later names are turned away. Series whose totals are remembered, over all targets. */
export const metricsMax = 200;
const seriesMax = 20_000;

interface Taken {
  readonly rejected: number;
  readonly message: string;
}

const rejectedField = { logs: "rejectedLogRecords", traces: "rejectedSpans", metrics: "rejectedDataPoints" } as const;

export function otlpRoutes(app: App, intake: Intake): void {
  const { options, counts } = intake;
  const totals = rates(seriesMax);
  const names = new Map<string, Set<string>>();

  function targetOf({ service, instance }: ResourceFacts): string | null {
    const mapped = service === null ? undefined : options.senders?.().services[service];
    return targetNamed(options.engine.world.targets, [instance, mapped, service]);
  }

  async function logs(request: Dict, unique: string): Promise<Taken> {
    const signals: EventSignal[] = [];
    let [rejected, lines] = [0, 0];
    const reasons = new Set<string>();
    for (const { resource, items } of logsOf(request)) {
      const target = targetOf(resource);
      if (target === null) {
        rejected += items.length;
        reasons.add(unknown(resource));
        continue;
      }
      for (const record of items) {
        const at = intake.recordTime(record.at);
        options.onLines?.(target, [{ at, level: record.level, text: record.text }]);
        lines += 1;
        if (record.error === null) continue;
        if (signals.length >= eventsMax) {
          rejected += 1;
          reasons.add(`more than ${eventsMax} errors in one request`);
          continue;
        }
        const id = `otlp:${digest(`${target} ${record.at ?? unique} ${record.trace} ${record.text}`)}`;
        signals.push({ id, type: "error", target, at, origin: "otlp log", error: record.error });
      }
    }
    await intake.take("otlp", signals);
    counts.accept("otlp", "log", lines);
    counts.accept("otlp", "error", signals.length);
    return { rejected, message: [...reasons].join("; ") };
  }

  async function traces(request: Dict): Promise<Taken> {
    const signals: EventSignal[] = [];
    let rejected = 0;
    const reasons = new Set<string>();
    const { groups, spans } = spanErrorsOf(request);
    for (const { resource, items } of groups) {
      const target = targetOf(resource);
      if (target === null || signals.length + items.length > eventsMax) {
        rejected += items.length;
        reasons.add(target === null ? unknown(resource) : `more than ${eventsMax} errors in one request`);
        continue;
      }
      for (const { at, error, id } of items)
        signals.push({
          id: `otlp:${id}`,
          type: "error",
          target,
          at: intake.recordTime(at),
          origin: "otlp span",
          error,
        });
    }
    await intake.take("otlp", signals);
    counts.accept("otlp", "span", spans);
    counts.accept("otlp", "error", signals.length);
    return { rejected, message: [...reasons].join("; ") };
  }

  async function metrics(request: Dict): Promise<Taken> {
    const samples = new Map<string, { at: number; values: Record<string, number> }>();
    let [rejected, points] = [0, 0];
    const reasons = new Set<string>();
    for (const { resource, items } of pointsOf(request)) {
      const target = targetOf(resource);
      if (target === null) {
        rejected += items.length;
        reasons.add(unknown(resource));
        continue;
      }
      for (const point of items) {
        points += 1;
        const known = names.get(target) ?? new Set<string>();
        names.set(target, known);
        if (!known.has(point.metric) && known.size >= metricsMax) {
          rejected += 1;
          reasons.add(`more than ${metricsMax} metrics of ${target}`);
          continue;
        }
        known.add(point.metric);
        const at = intake.recordTime(point.at);
        const sample = samples.get(target) ?? { at, values: {} };
        samples.set(target, sample);
        sample.at = Math.max(sample.at, at);
        for (const [name, value] of numbersOf(point, target, at))
          sample.values[name] = (sample.values[name] ?? 0) + value;
      }
    }
    const signals = [...samples].flatMap(([target, { at, values }]): Signal[] =>
      Object.keys(values).length === 0
        ? []
        : [{ type: "sample", target, at, values: { ...before(target), ...values } }],
    );
    await intake.take("otlp", signals);
    counts.accept("otlp", "metric", points - rejected);
    return { rejected, message: [...reasons].join("; ") };
  }

  /** A service's own samples come every second; one of ours in between repeats them, so that nothing flickers. */
  function before(target: string): Readonly<Record<string, number>> {
    return options.engine.views.get(target)?.samples.at(-1)?.values ?? {};
  }

  function numbersOf(point: Point, target: string, at: number): [string, number][] {
    const series = `${target} ${point.metric} ${point.series}`;
    const seconds = point.startAt === null || point.at === null ? 0 : (point.at - point.startAt) / 1000;
    const name = known[point.metric] ?? point.metric;
    switch (point.type) {
      case "gauge":
        return [[name, point.value * (scale[point.metric] ?? 1)]];
      case "rate": {
        const rate = point.delta
          ? seconds > 0
            ? point.value / seconds
            : null
          : totals.perSecond(series, point.value, at);
        return rate === null ? [] : [[`${name}.perSecond`, rate]];
      }
      case "mean": {
        const count = point.delta ? point.count : totals.growth(`${series} count`, point.count, at);
        const sum = point.delta ? point.value : totals.growth(`${series} sum`, point.value, at);
        if (count === null || sum === null || count <= 0) return [];
        return [[`${name}.mean`, sum / count]];
      }
      default:
        return point.type satisfies never;
    }
  }

  const takers: Readonly<Record<OtlpKind, (request: Dict, unique: string) => Promise<Taken>>> = {
    logs,
    traces,
    metrics,
  };
  for (const kind of ["logs", "traces", "metrics"] as const)
    app.post(
      `/v1/${kind}`,
      {
        config: { ingest: true },
        schema: { tags: ["ingest"], summary: `OTLP/HTTP ${kind}, JSON or protobuf` },
        errorHandler: (error, request, reply) => refused(error, request, reply),
      },
      async (request, reply) => {
        const proto = isProtobuf(request) ? await protobuf() : null;
        const body = Buffer.isBuffer(request.body) ? request.body : Buffer.alloc(0);
        const decoded = proto === null ? (dict(json(body)) ?? {}) : decode(proto, kind, body);
        const { rejected, message } = await takers[kind](decoded, digest(body));
        counts.drop("otlp", "rejected", rejected);
        if (proto !== null) return reply.type("application/x-protobuf").send(proto.encodeResponse(rejected, message));
        return rejected === 0 && message === ""
          ? {}
          : { partialSuccess: { [rejectedField[kind]]: String(rejected), errorMessage: message } };
      },
    );

  /** Errors carry a Status in the content type of the request; only 429 and 503 make a sender try again. */
  function refused(error: unknown, request: FastifyRequest, reply: FastifyReply): unknown {
    const message = error instanceof Error ? error.message : String(error);
    const isStore = error instanceof Error && error.name === "StoreError";
    const status = error instanceof RequestError ? error.status : isStore ? 429 : 0;
    if (status === 0) throw error;
    if (status === 429 || status === 503)
      reply.header("retry-after", String(error instanceof RequestError ? Math.ceil(error.retryAfterS ?? 5) : 5));
    reply.code(status);
    if (!isProtobuf(request)) return reply.type("application/json").send(JSON.stringify({ message }));
    reply.type("application/x-protobuf");
    return protobuf().then(({ encodeStatus }) => encodeStatus(message));
  }
}

/** Names that OpenTelemetry's conventions give to what Prunella's own samples call otherwise. */
const known: Readonly<Record<string, string>> = {
  "process.memory.usage": "rssBytes",
  "process.cpu.utilization": "cpuShare",
  "v8js.memory.heap.used": "heapUsedBytes",
  "v8js.memory.heap.limit": "heapLimitBytes",
  "nodejs.eventloop.delay.p99": "lagMsP99",
};
const scale: Readonly<Record<string, number>> = { "nodejs.eventloop.delay.p99": 1_000 };

/** Loaded when the first such request comes: most control planes never see one. */
const protobuf = () => import("../ingest/otlp-proto.ts");

function isProtobuf(request: FastifyRequest): boolean {
  const type = (request.headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase();
  if (type === "application/x-protobuf") return true;
  if (type === "application/json") return false;
  throw new RequestError(415, "content-type: send application/json or application/x-protobuf", {
    field: "content-type",
  });
}

function decode(proto: Awaited<ReturnType<typeof protobuf>>, kind: OtlpKind, body: Buffer): Dict {
  try {
    return proto.decodeProto(kind, body);
  } catch (error) {
    throw new RequestError(
      400,
      `body: is no OTLP ${kind} request (${error instanceof Error ? error.message : String(error)})`,
    );
  }
}

function unknown({ service }: ResourceFacts): string {
  return service === null
    ? "the resource has no service.name"
    : `service.name ${JSON.stringify(service.slice(0, 80))} is no target of the configuration`;
}

function digest(of: string | Buffer): string {
  return createHash("sha256").update(of).digest("hex").slice(0, 32);
}
