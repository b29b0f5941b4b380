// Checks of services and targets: a URL alone, or a mapping that says how, how often and when it counts.
import type { CheckHow, CheckPlan } from "@prunella/adapters";
import path from "node:path";
import type { Cursor } from "./cursor.ts";
import { checkHows, keysOf } from "./schema.ts";
import { duration, splitCommand } from "./units.ts";

const hour = 3_600_000;

export function addressOf(how: CheckHow, into: Set<string>): void {
  if (how.type === "tcp") into.add(`${how.host}:${how.port}`);
  if (how.type !== "http") return;
  const url = new URL(how.url);
  into.add(`${url.hostname}:${url.port === "" ? (url.protocol === "https:" ? 443 : 80) : url.port}`);
}

export function readChecks(cursor: Cursor, target: string, folder: string): CheckPlan[] {
  const fields = [cursor.at("check"), cursor.at("checks")].flatMap((field) =>
    field.isList ? field.items() : field.exists ? [field] : [],
  );
  const plans: CheckPlan[] = [];
  for (const field of fields) {
    const how = field.isMap ? readHow(field, folder) : urlCheck(field, field.text("") ?? "");
    if (how === null) continue;
    if (field.isMap) field.only(keysOf("check"));
    const everyMs = field.at("every").measure(duration, 2_000, 100, 24 * hour, "5s");
    const timeoutMs = field.at("timeout").measure(duration, Math.min(2_000, everyMs * 0.8), 10, everyMs, "1s");
    const base = field.at("name").text(how.type) ?? how.type;
    const name = plans.some((plan) => plan.name === base) ? `${base}-${plans.length + 1}` : base;
    plans.push({
      target,
      name,
      role: field.at("role").oneOf(["liveness", "readiness"], "liveness"),
      failures: field.at("failures").whole(3, 1, 1_000),
      successes: field.at("successes").whole(1, 1, 1_000),
      everyMs,
      timeoutMs: Math.min(timeoutMs, everyMs * 0.8),
      jitter: field.at("jitter").share(0.1, 0, 0.5),
      initialDelayMs: field.at("delay").measure(duration, 0, 0, hour, "5s"),
      how,
    });
  }
  return plans;
}

export function urlCheck(field: Cursor, text: string): CheckHow | null {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return field.problem(
      `is not a URL (${text})`,
      'write http://host:port/path or tcp://host:port, or a mapping such as { command: ["./check.sh"] }',
    );
  }
  if (url.hostname === "")
    return field.problem("has no host", "write it with a host, such as http://localhost:8080/healthz");
  if (url.protocol === "http:" || url.protocol === "https:")
    return {
      type: "http",
      url: url.href,
      method: "GET",
      headers: {},
      statusMin: 200,
      statusMax: 399,
      bodyIncludes: null,
      latencyMsMax: null,
      certificateDaysMin: null,
    };
  if (url.protocol === "tcp:")
    return url.port === ""
      ? field.problem("has no port", "write tcp://host:port")
      : { type: "tcp", host: url.hostname, port: Number(url.port) };
  return field.problem(`has the scheme ${url.protocol} which no check speaks`, "use http, https or tcp");
}

function readHow(field: Cursor, folder: string): CheckHow | null {
  const kinds = checkHows.filter((kind) => field.at(kind).exists);
  if (kinds.length !== 1)
    return field.problem(
      kinds.length === 0 ? "does not say how to check" : `says ${kinds.join(" and ")}`,
      `write exactly one of ${checkHows.join(", ")}`,
    );
  switch (kinds[0]) {
    case "http": {
      const plain = urlCheck(field.at("http"), field.at("http").text("") ?? "");
      if (plain === null || plain.type !== "http") return plain;
      const status = field.at("status");
      const range = /^(\d{3})(?:-(\d{3}))?$/.exec(status.text("200-399") ?? "");
      if (range === null) status.problem("is not a status or a range", "write 200 or 200-399");
      return {
        ...plain,
        method: field.at("method").text("GET") ?? "GET",
        headers: field.at("headers").textMap(),
        statusMin: Number(range?.[1] ?? 200),
        statusMax: Number(range?.[2] ?? range?.[1] ?? 399),
        bodyIncludes: field.at("body").text(),
        latencyMsMax: field.at("latency").exists
          ? field.at("latency").measure(duration, 1_000, 1, hour, "500ms")
          : null,
        certificateDaysMin: field.at("certificate").exists
          ? field.at("certificate").measure(duration, 14 * 24 * hour, 0, 3650 * 24 * hour, "14d") / (24 * hour)
          : null,
      };
    }
    case "tcp": {
      const address = field.at("tcp").text("") ?? "";
      return urlCheck(field.at("tcp"), address.includes("://") ? address : `tcp://${address}`);
    }
    case "command": {
      const command = field.at("command");
      const argv = command.isList ? command.texts() : splitCommand(command.text("") ?? "").argv;
      return argv.length === 0
        ? command.problem("is empty", "write the program and its arguments")
        : { type: "command", argv: [...argv], cwd: folder };
    }
    case "process":
      return { type: "process", name: field.at("process").text("") ?? "" };
    case "file":
      return {
        type: "file-age",
        path: path.resolve(folder, field.at("file").text("") ?? ""),
        ageMsMax: field.at("age").measure(duration, 60_000, 100, 365 * 24 * hour, "1m"),
      };
    case "heartbeat":
      return {
        type: "heartbeat",
        slug: field.at("heartbeat").text("") ?? "",
        periodMs: field.at("period").measure(duration, 60_000, 1_000, 365 * 24 * hour, "1m"),
        graceMs: field.at("grace").measure(duration, 30_000, 0, 365 * 24 * hour, "30s"),
      };
    case "expires":
      return {
        type: "expiry",
        path: path.resolve(folder, field.at("expires").text("") ?? ""),
        warnMs: field.at("before").measure(duration, 14 * 24 * hour, 0, 3650 * 24 * hour, "14d"),
      };
    case "dns":
      return { type: "dns", host: field.at("dns").text("") ?? "" };
    default:
      return null;
  }
}
