// OTLP requests (decoded JSON or protobuf, one shape) as what Prunella uses of them: errors, log lines, numbers. What names no
// known service is rejected with the reason, as the protocol wants it: senders do not repeat that.
import type { ErrorFacts } from "@prunella/core";
import { facts } from "./error-facts.ts";
import { dict, list, nanosMs, number, string, type Dict } from "./read.ts";

/** Values nested deeper than this in an attribute are left out. */
const depthMax = 8;

export interface ResourceFacts {
  readonly service: string | null;
  readonly instance: string | null;
}
export interface LogRecord {
  readonly at: number | null;
  readonly level: "trace" | "debug" | "info" | "warn" | "error" | "fatal";
  readonly text: string;
  readonly error: ErrorFacts | null;
  /** Trace and span, for telling a repeated record from a new one. */
  readonly trace: string;
}
export interface SpanError {
  readonly at: number | null;
  readonly error: ErrorFacts;
  readonly id: string;
}
export interface Point {
  readonly metric: string;
  readonly unit: string;
  readonly at: number | null;
  readonly startAt: number | null;
  readonly series: string;
  /** "rate": a total that only grows, given since `startAt` or, when `delta`, since the last point. */
  readonly type: "gauge" | "rate" | "mean";
  readonly delta: boolean;
  readonly value: number;
  /** Of a mean: how many values its sum is made of. */
  readonly count: number;
}

interface Group<T> {
  readonly resource: ResourceFacts;
  readonly items: readonly T[];
}

export function logsOf(request: Dict): Group<LogRecord>[] {
  return groups(request["resourceLogs"], "scopeLogs", "logRecords", (record) => {
    const attributes = attributesOf(record["attributes"]);
    const text = asText(record["body"]);
    const level = levelOf(number(record["severityNumber"]), string(record["severityText"], 20));
    const type = attributes.get("exception.type") ?? null;
    const message = attributes.get("exception.message") ?? null;
    const isError = type !== null || message !== null || level === "error" || level === "fatal";
    return [
      {
        at: nanosMs(record["timeUnixNano"]) ?? nanosMs(record["observedTimeUnixNano"]),
        level,
        text,
        error: isError ? facts(type ?? "Log", message ?? text, attributes.get("exception.stacktrace") ?? null) : null,
        trace: `${hex(record["traceId"])}${hex(record["spanId"])}`,
      },
    ];
  });
}

export function spanErrorsOf(request: Dict): { groups: Group<SpanError>[]; spans: number } {
  let spans = 0;
  const found = groups(request["resourceSpans"], "scopeSpans", "spans", (span): SpanError[] => {
    spans += 1;
    const id = `${hex(span["traceId"])}${hex(span["spanId"])}`;
    const events = list(span["events"]).map(dict);
    const errors = events.flatMap((event, at): SpanError[] => {
      if (event === null || event["name"] !== "exception") return [];
      const attributes = attributesOf(event["attributes"]);
      return [
        {
          at: nanosMs(event["timeUnixNano"]),
          error: facts(
            attributes.get("exception.type") ?? null,
            attributes.get("exception.message") ?? null,
            attributes.get("exception.stacktrace") ?? null,
          ),
          id: `${id}:${at}`,
        },
      ];
    });
    return errors;
  });
  return { groups: found.filter((group) => group.items.length > 0), spans };
}

export function pointsOf(request: Dict): Group<Point>[] {
  return groups(request["resourceMetrics"], "scopeMetrics", "metrics", (metric): Point[] => {
    const name = string(metric["name"], 200);
    if (name === null || name === "") return [];
    const unit = string(metric["unit"], 40) ?? "";
    const gauge = dict(metric["gauge"]);
    const sum = dict(metric["sum"]);
    const spread = dict(metric["histogram"]) ?? dict(metric["exponentialHistogram"]) ?? dict(metric["summary"]);
    const data = gauge ?? sum ?? spread;
    const isDelta = number(data?.["aggregationTemporality"]) === 1;
    return list(data?.["dataPoints"]).flatMap((item): Point[] => {
      const point = dict(item);
      if (point === null) return [];
      const isSpread = gauge === null && sum === null;
      const value = isSpread ? number(point["sum"]) : (number(point["asDouble"]) ?? number(point["asInt"]));
      if (value === null) return [];
      return [
        {
          metric: name,
          unit,
          at: nanosMs(point["timeUnixNano"]),
          startAt: nanosMs(point["startTimeUnixNano"]),
          series: [...attributesOf(point["attributes"])]
            .map(([key, of]) => `${key}=${of}`)
            .toSorted()
            .join(" ")
            .slice(0, 500),
          type: isSpread ? "mean" : sum !== null && sum["isMonotonic"] === true ? "rate" : "gauge",
          delta: isDelta,
          value,
          count: number(point["count"]) ?? 0,
        },
      ];
    });
  });
}

function groups<T>(resources: unknown, scopes: string, items: string, read: (item: Dict) => readonly T[]): Group<T>[] {
  return list(resources).flatMap((each): Group<T>[] => {
    const of = dict(each);
    if (of === null) return [];
    const attributes = attributesOf(dict(of["resource"])?.["attributes"]);
    const found = list(of[scopes]).flatMap((scope) =>
      list(dict(scope)?.[items]).flatMap((item) => {
        const one = dict(item);
        return one === null ? [] : read(one);
      }),
    );
    const resource = {
      service: attributes.get("service.name") ?? null,
      instance: attributes.get("service.instance.id") ?? null,
    };
    return [{ resource, items: found }];
  });
}

function attributesOf(of: unknown): Map<string, string> {
  const found = new Map<string, string>();
  for (const each of list(of).slice(0, 128).map(dict)) {
    const key = string(each?.["key"], 200);
    if (key !== null) found.set(key, asText(each?.["value"]));
  }
  return found;
}

/** An AnyValue as text. */
function asText(of: unknown, depth = 0): string {
  const value = dict(of);
  if (value === null || depth > depthMax) return "";
  for (const key of ["stringValue", "intValue", "doubleValue", "boolValue"]) {
    const text = string(value[key], 16_000);
    if (text !== null) return text;
  }
  const array = dict(value["arrayValue"]);
  if (array !== null)
    return `[${list(array["values"])
      .slice(0, 50)
      .map((each) => asText(each, depth + 1))
      .join(", ")}]`;
  const map = dict(value["kvlistValue"]);
  if (map === null) return "";
  const pairs = list(map["values"]).slice(0, 50).map(dict);
  return `{${pairs.map((pair) => `${string(pair?.["key"], 100) ?? ""}=${asText(pair?.["value"], depth + 1)}`).join(", ")}}`;
}

/** Severity numbers in fours: 1-4 trace, 5-8 debug, 9-12 info, 13-16 warn, 17-20 error, 21-24 fatal. */
function levelOf(severity: number | null, text: string | null): LogRecord["level"] {
  const levels = ["trace", "debug", "info", "warn", "error", "fatal"] as const;
  if (severity !== null && severity >= 1 && severity <= 24) return levels[Math.floor((severity - 1) / 4)] ?? "info";
  return levels.find((each) => each === (text ?? "").toLowerCase()) ?? "info";
}

/** Ids are hex text in JSON and bytes in protobuf. */
function hex(of: unknown): string {
  if (Buffer.isBuffer(of)) return of.toString("hex");
  return typeof of === "string" && /^[0-9a-fA-F]{0,64}$/.test(of) ? of.toLowerCase() : "";
}
