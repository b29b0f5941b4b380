// From prunella.yaml to a plan: checked whole, every default filled in here and nowhere else. Nothing is started from a
// configuration with a problem; the last good plan stays in force.
import type { CheckHow, CheckPlan, Plan, SafetyPlan, ServicePlan } from "@prunella/adapters";
import {
  checkRemedy,
  defaultSafety,
  InvalidInputError,
  shippedRemedies,
  type Action,
  type Mode,
  type Remedy,
  type Step,
  type TargetSpec,
} from "@prunella/core";
import { existsSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { parseEnv } from "node:util";
import { read, type Cursor, type Problem } from "./cursor.ts";
import { readNotify } from "./notify.ts";
import { budget, duration, size, splitCommand } from "./units.ts";

/** Services, instances, targets and checks a configuration may hold. */
export const servicesMax = 500;
export const instancesMax = 64;
export const checksMax = 2_000;

export type Compiled =
  { readonly ok: true; readonly plan: Plan } | { readonly ok: false; readonly problems: readonly Problem[] };

const hour = 3_600_000;
const nameRule = /^[a-zA-Z0-9][a-zA-Z0-9_-]{0,62}$/;

/** Compiles the text of a configuration; `file` names it in messages and anchors its relative paths. */
export function compile(source: string, file: string): Compiled {
  const { root, problems } = read(source);
  if (problems.length > 0) return { ok: false, problems };
  const folder = path.dirname(path.resolve(file));
  root.only(["services", "targets", "remedies", "notify", "http", "retention", "safety"]);
  const checks: CheckPlan[] = [];
  const names = [...root.at("services").entries(), ...root.at("targets").entries()].map(([name]) => name);
  const services: { plan: ServicePlan; targets: TargetSpec[] }[] = [];
  for (const [name, cursor] of root.at("services").entries().slice(0, servicesMax)) {
    if (!validName(name, cursor, names)) continue;
    const service = readService(name, cursor, folder, names, checks);
    if (service !== null) services.push(service);
  }
  const externals: TargetSpec[] = [];
  for (const [name, cursor] of root.at("targets").entries().slice(0, servicesMax)) {
    if (!validName(name, cursor, names)) continue;
    externals.push(readTarget(name, cursor, folder, names, checks));
  }
  if (services.length + externals.length === 0 && problems.length === 0)
    root.problem(
      "names no service and no target",
      "add a service with a command under services:, or a target with a check under targets:",
    );
  if (checks.length > checksMax)
    root.problem(`holds ${checks.length} checks, more than ${checksMax}`, "spread them over several agents");
  const loop = cycle(services.map(({ plan }) => plan));
  if (loop !== null)
    root
      .at("services")
      .problem(`start order goes in a circle: ${loop.join(" -> ")}`, "take one of these out of an after:");
  const remedies = readRemedies(root.at("remedies"), names, folder);
  const plan: Plan = {
    version: 1,
    source: path.resolve(file),
    folder,
    services: services.map(({ plan: service }) => service),
    targets: [...services.flatMap(({ targets }) => targets), ...externals],
    checks,
    remedies: [...remedies, ...shippedRemedies],
    notify: readNotify(root.at("notify"), folder),
    http: readHttp(root.at("http"), folder),
    retention: readRetention(root.at("retention")),
    safety: readSafety(root.at("safety")),
  };
  return problems.length > 0
    ? { ok: false, problems: [...problems].sort((a, b) => a.line - b.line) }
    : { ok: true, plan };
}

/** The plan of `prunella run`: one command, at most one check, everything else by default. */
export function planOfCommand(options: {
  readonly argv: readonly string[];
  readonly name: string;
  readonly check: string | null;
  readonly http: { readonly host: string; readonly port: number };
  readonly folder: string;
}): Compiled {
  const lines = [
    "services:",
    `  ${options.name}:`,
    `    command: ${JSON.stringify(options.argv)}`,
    `    cwd: ${JSON.stringify(options.folder)}`,
  ];
  if (options.check !== null) lines.push(`    check: ${JSON.stringify(options.check)}`);
  lines.push("http:", `  host: ${JSON.stringify(options.http.host)}`, `  port: ${options.http.port}`);
  const compiled = compile(lines.join("\n"), path.join(options.folder, "prunella.yaml"));
  return compiled.ok ? { ok: true, plan: { ...compiled.plan, source: "command line" } } : compiled;
}

function validName(name: string, cursor: Cursor, names: readonly string[]): boolean {
  if (!nameRule.test(name))
    cursor.problem(
      "is not a usable name",
      "use letters, digits, - and _, starting with a letter or digit, at most 63 characters",
    );
  else if (name === "prunella")
    cursor.problem("is the name Prunella files its own faults under", "choose another name");
  else if (names.filter((each) => each === name).length > 1)
    cursor.problem("is named twice, among services and targets", "give each its own name");
  else return true;
  return false;
}

const serviceKeys = [
  "command",
  "shell",
  "cwd",
  "env",
  "envFile",
  "user",
  "check",
  "checks",
  "after",
  "instances",
  "limits",
  "slo",
  "heartbeat",
  "stop",
  "logs",
  "probe",
  "ports",
  "startup",
  "ready",
  "labels",
];

function readService(
  name: string,
  cursor: Cursor,
  folder: string,
  names: readonly string[],
  checks: CheckPlan[],
): { plan: ServicePlan; targets: TargetSpec[] } | null {
  if (!cursor.isMap) {
    cursor.problem("must be a mapping", "write at least `command: …` below it");
    return null;
  }
  cursor.only(serviceKeys);
  const command = readCommand(cursor);
  const cwd = path.resolve(folder, cursor.at("cwd").text(".") ?? ".");
  if (!isFolder(cwd))
    (cursor.at("cwd").exists ? cursor.at("cwd") : cursor).problem(
      `names a folder that does not exist (${cwd})`,
      "create it or correct the path",
    );
  const instances = cursor.at("instances").whole(1, 1, instancesMax);
  const after = readAfter(name, cursor.at("after"), names);
  const stop = cursor.at("stop");
  stop.only(["signal", "timeout"]);
  const logs = cursor.at("logs");
  logs.only(["size", "files"]);
  const limits = cursor.at("limits");
  limits.only(["memory"]);
  const startupMs = cursor.at("startup").measure(duration, 30_000, 0, hour, "30s");
  const heartbeatMs = cursor.at("heartbeat").exists
    ? cursor.at("heartbeat").measure(duration, 30_000, 1_000, 24 * hour, "30s")
    : null;
  const memoryBytesMax = limits.at("memory").exists ? limits.at("memory").measure(size, 0, 1e6, 1e13, "512MB") : null;
  const labels = { ...cursor.at("labels").textMap() };
  const keys = instances === 1 ? [name] : Array.from({ length: instances }, (_, at) => `${name}/${at}`);
  const own = readChecks(cursor, name, folder, "service");
  const addresses = new Set<string>();
  for (const check of own) addressOf(check.how, addresses);
  const ports = cursor.at("ports").exists
    ? (cursor.at("ports").isList ? cursor.at("ports").items() : [cursor.at("ports")]).map((port) =>
        port.whole(0, 1, 65_535),
      )
    : [];
  const targets = keys.map((key): TargetSpec => ({
    key,
    kind: "service",
    group: name,
    dependsOn: after,
    addresses: [...addresses, ...ports.map((port) => `127.0.0.1:${port}`)],
    checks: own.map(({ name: check, role, failures, successes, everyMs }) => ({
      name: check,
      role,
      failures,
      successes,
      everyMs,
    })),
    ...(heartbeatMs === null ? {} : { heartbeatMs }),
    ...(memoryBytesMax === null ? {} : { memoryBytesMax }),
    startupMs,
    labels,
  }));
  for (const key of keys) checks.push(...own.map((check) => ({ ...check, target: key })));
  const plan: ServicePlan = {
    name,
    command,
    cwd,
    env: readEnv(cursor, folder),
    user: cursor.at("user").text(),
    after,
    instances,
    stop: {
      signal: readSignal(stop.at("signal")),
      timeoutMs: stop.at("timeout").measure(duration, 10_000, 0, hour, "10s"),
    },
    readyTimeoutMs: cursor.at("ready").measure(duration, 30_000, 0, hour, "30s"),
    logs: {
      bytesMax: logs.at("size").measure(size, 10e6, 10_000, 1e11, "10MB"),
      files: logs.at("files").whole(5, 1, 100),
    },
    probe: readProbe(cursor.at("probe")),
    ports,
  };
  return { plan, targets };
}

function readProbe(cursor: Cursor): ServicePlan["probe"] {
  // YAML reads a bare on/off as text in version 1.2; true and false are accepted for the same.
  if (cursor.scalar === true) return "on";
  if (cursor.scalar === false) return "off";
  return cursor.oneOf(["auto", "on", "off"], "auto");
}

function readSignal(cursor: Cursor): string {
  const signal = cursor.text("SIGTERM") ?? "SIGTERM";
  if (/^SIG(TERM|INT|QUIT|HUP|KILL|USR1|USR2)$/.test(signal)) return signal;
  cursor.problem(
    "is not a signal that stops a process",
    "write SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2 or SIGKILL",
  );
  return "SIGTERM";
}

function readCommand(cursor: Cursor): readonly string[] {
  const field = cursor.at("command");
  if (!field.exists) {
    field.problem("is missing", "write the program to run, such as command: node server.js");
    return ["false"];
  }
  if (field.isList) {
    const argv = field.texts();
    if (argv.length === 0) field.problem("is empty", "write the program and its arguments");
    return argv;
  }
  const text = field.text("") ?? "";
  if (text.trim() === "") {
    field.problem("is empty", "write the program to run, such as command: node server.js");
    return ["false"];
  }
  if (cursor.at("shell").flag(false)) return ["/bin/sh", "-c", text];
  const { argv, needsShell } = splitCommand(text);
  if (needsShell !== null)
    field.problem(
      `holds ${needsShell}, which only a shell understands`,
      "write shell: true beside it, or the command as a list of arguments",
    );
  return argv;
}

function readEnv(cursor: Cursor, folder: string): Record<string, string> {
  const env: Record<string, string> = {};
  for (const file of cursor.at("envFile").texts()) {
    const full = path.resolve(folder, file);
    try {
      for (const [key, value] of Object.entries(parseEnv(readFileSync(full, "utf8"))))
        if (value !== undefined) env[key] = value;
    } catch (error) {
      cursor
        .at("envFile")
        .problem(
          `cannot be read (${full}: ${(error as NodeJS.ErrnoException).code ?? "error"})`,
          "correct the path or the file's rights",
        );
    }
  }
  return { ...env, ...cursor.at("env").textMap() };
}

function readAfter(name: string, cursor: Cursor, names: readonly string[]): string[] {
  return cursor.texts().filter((dependency) => {
    if (dependency === name) cursor.problem("names the service itself", "take it out");
    else if (!names.includes(dependency))
      cursor.problem(`names ${dependency}, which is neither a service nor a target`, `known: ${names.join(", ")}`);
    else return true;
    return false;
  });
}

function readTarget(
  name: string,
  cursor: Cursor,
  folder: string,
  names: readonly string[],
  checks: CheckPlan[],
): TargetSpec {
  cursor.only(["check", "checks", "after", "labels", "address", "addresses", "slo"]);
  const own = readChecks(cursor, name, folder, "external");
  if (own.length === 0)
    cursor.problem("has no check, so nothing could be known of it", 'write check: "tcp://host:port" or an http URL');
  checks.push(...own);
  const addresses = new Set<string>([...cursor.at("address").texts(), ...cursor.at("addresses").texts()]);
  for (const check of own) addressOf(check.how, addresses);
  return {
    key: name,
    kind: "external",
    group: name,
    dependsOn: readAfter(name, cursor.at("after"), names),
    addresses: [...addresses],
    checks: own.map(({ name: check, role, failures, successes, everyMs }) => ({
      name: check,
      role,
      failures,
      successes,
      everyMs,
    })),
    startupMs: 0,
    labels: cursor.at("labels").textMap(),
  };
}

function addressOf(how: CheckHow, into: Set<string>): void {
  if (how.type === "tcp") into.add(`${how.host}:${how.port}`);
  if (how.type !== "http") return;
  const url = new URL(how.url);
  into.add(`${url.hostname}:${url.port === "" ? (url.protocol === "https:" ? 443 : 80) : url.port}`);
}

function readChecks(cursor: Cursor, target: string, folder: string, kind: "service" | "external"): CheckPlan[] {
  const fields = [cursor.at("check"), cursor.at("checks")].flatMap((field) =>
    field.isList ? field.items() : field.exists ? [field] : [],
  );
  const plans: CheckPlan[] = [];
  for (const field of fields) {
    const how = field.isMap ? readHow(field, folder) : urlCheck(field, field.text("") ?? "");
    if (how === null) continue;
    if (field.isMap)
      field.only([
        "name",
        "http",
        "tcp",
        "command",
        "process",
        "file",
        "heartbeat",
        "every",
        "timeout",
        "failures",
        "successes",
        "role",
        "jitter",
        "delay",
        "status",
        "body",
        "latency",
        "certificate",
        "method",
        "headers",
        "age",
        "period",
        "grace",
      ]);
    const everyMs = field.at("every").measure(duration, kind === "service" ? 2_000 : 2_000, 100, 24 * hour, "5s");
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
      jitter: field.at("jitter").exists ? Math.min(0.5, Math.max(0, Number(field.at("jitter").scalar))) : 0.1,
      initialDelayMs: field.at("delay").measure(duration, 0, 0, hour, "5s"),
      how,
    });
  }
  return plans;
}

function urlCheck(field: Cursor, text: string): CheckHow | null {
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
  const kinds = ["http", "tcp", "command", "process", "file", "heartbeat"].filter((kind) => field.at(kind).exists);
  if (kinds.length !== 1)
    return field.problem(
      kinds.length === 0 ? "does not say how to check" : `says ${kinds.join(" and ")}`,
      "write exactly one of http, tcp, command, process, file, heartbeat",
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
    default:
      return null;
  }
}

function readRemedies(cursor: Cursor, names: readonly string[], folder: string): Remedy[] {
  return cursor.items().flatMap((item, at) => {
    item.only([
      "name",
      "when",
      "do",
      "mode",
      "budget",
      "backoff",
      "verify",
      "within",
      "recurrence",
      "next",
      "solution",
    ]);
    const when = item.at("when");
    when.only(["kind", "target", "labels"]);
    const target = when.at("target").text();
    if (target !== null && !names.includes(target.split("/")[0] ?? "") && target !== "*")
      when
        .at("target")
        .problem(`names ${target}, which is neither a service nor a target`, `known: ${names.join(", ")}`);
    const steps = item
      .at("do")
      .items()
      .flatMap((step) => readStep(step, folder));
    const budgets = item
      .at("budget")
      .texts()
      .map((text) => {
        const found = budget(text);
        if (found === null) item.at("budget").problem(`cannot be read (${text})`, 'write for example "1 per 15m"');
        return { scope: "target" as const, runs: found?.runs ?? 1, windowMs: found?.windowMs ?? 900_000 };
      });
    const verifyMs = item.at("verify").measure(duration, 300_000, 100, 24 * hour, "5m");
    const recurrence = item.at("recurrence");
    const remedy: Remedy = {
      name: item.at("name").text(`remedy-${at + 1}`) ?? `remedy-${at + 1}`,
      when: { kinds: when.at("kind").texts(), target, labels: when.at("labels").textMap() },
      steps,
      // Whatever reaches beyond a process of ours is proposed, not done, unless the configuration says otherwise.
      mode: item.at("mode").oneOf<Mode>(["observe", "suggest", "approve", "auto"], "suggest"),
      budgets:
        budgets.length > 0
          ? budgets
          : [
              { scope: "target", runs: 1, windowMs: 900_000 },
              { scope: "target", runs: 3, windowMs: 24 * hour },
            ],
      backoff: { firstMs: item.at("backoff").measure(duration, 1_000, 0, hour, "1s"), factor: 2, maxMs: 300_000 },
      verify: {
        windowMs: verifyMs,
        withinMs: item.at("within").measure(duration, verifyMs * 3, 100, 7 * 24 * hour, "15m"),
      },
      recurrence: { windowMs: recurrence.measure(duration, hour, 0, 30 * 24 * hour, "1h"), max: 3, then: "stop" },
      next: item.at("next").text(),
      source: "configuration",
      solution: item.at("solution").text(steps.map((step) => step.action.type).join(", ")) ?? "",
    };
    try {
      checkRemedy(remedy, item.path);
    } catch (error) {
      if (!(error instanceof InvalidInputError)) throw error;
      const [rule = "", mend = ""] = error.message.slice(error.field.length + 2).split("; ");
      item.problem(`${error.field.slice(item.path.length + 1)}: ${rule}`, mend);
    }
    return [remedy];
  });
}

const stepKeys = ["restart", "start", "stop", "signal", "free-port", "exec", "http", "wait", "timeout"];

function readStep(step: Cursor, folder: string): Step[] {
  const bare = step.isMap ? null : step.text();
  if (bare !== null) {
    const known: Readonly<Record<string, Action>> = {
      restart: { type: "restart", graceful: true },
      start: { type: "start" },
      stop: { type: "stop" },
      "free-port": { type: "free-port", port: null },
    };
    const action = known[bare];
    if (action === undefined) {
      step.problem(`is not an action (${bare})`, `use one of ${stepKeys.slice(0, -1).join(", ")}`);
      return [];
    }
    return [{ action, timeoutMs: 60_000, undo: null }];
  }
  step.only(stepKeys);
  const names = stepKeys.slice(0, -1).filter((key) => step.at(key).exists);
  if (names.length !== 1) {
    step.problem(
      names.length === 0 ? "names no action" : `names ${names.join(" and ")}`,
      `write exactly one of ${stepKeys.slice(0, -1).join(", ")}`,
    );
    return [];
  }
  const timeoutMs = step.at("timeout").measure(duration, 60_000, 100, hour, "30s");
  const action = readAction(names[0] ?? "", step.at(names[0] ?? ""), folder);
  return action === null ? [] : [{ action, timeoutMs, undo: null }];
}

function readAction(name: string, field: Cursor, folder: string): Action | null {
  switch (name) {
    case "restart":
      return { type: "restart", graceful: field.isMap ? field.at("graceful").flag(true) : true };
    case "start":
    case "stop":
      return { type: name };
    case "signal":
      return { type: "signal", signal: readSignal(field) };
    case "free-port":
      return { type: "free-port", port: field.whole(0, 1, 65_535) };
    case "wait":
      return { type: "wait", forMs: field.measure(duration, 1_000, 0, hour, "5s") };
    case "exec": {
      const { argv, needsShell } = field.isList
        ? { argv: field.texts(), needsShell: null }
        : splitCommand(field.text("") ?? "");
      if (needsShell !== null)
        field.problem(
          `holds ${needsShell}, which only a shell understands; steps run without one`,
          "write a script and name it here, or the command as a list of arguments",
        );
      if (argv.length === 0) field.problem("names no program", "write the program and its arguments");
      return { type: "exec", argv: [...argv], cwd: folder };
    }
    case "http": {
      const url = field.isMap ? field.at("url").text("") : field.text("");
      if (urlCheck(field.isMap ? field.at("url") : field, url ?? "") === null) return null;
      return {
        type: "http",
        method: field.isMap ? (field.at("method").text("POST") ?? "POST") : "POST",
        url: url ?? "",
        body: field.isMap ? field.at("body").text() : null,
        expectStatus: [200, 299],
      };
    }
    default:
      return null;
  }
}

/** Prunella's own address when nothing else is said. */
export const defaultHttp = { host: "127.0.0.1", port: 7410 } as const;

function readHttp(cursor: Cursor, folder: string): Plan["http"] {
  cursor.only(["host", "port", "token"]);
  const host = cursor.at("host").text(defaultHttp.host) ?? defaultHttp.host;
  const token = cursor.at("token").text();
  const tokenFile = token === null ? null : path.resolve(folder, token);
  if (!isLoopback(host) && tokenFile === null)
    cursor
      .at("host")
      .problem(
        `${host} can be reached from other machines, and no token protects it`,
        "write token: FILE (a file only you can read), or host: 127.0.0.1",
      );
  return { host, port: cursor.at("port").whole(defaultHttp.port, 0, 65_535), tokenFile };
}

export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || host === "[::1]" || /^127\.\d+\.\d+\.\d+$/.test(host);
}

function readRetention(cursor: Cursor): Plan["retention"] {
  cursor.only(["signals", "size"]);
  return {
    signalsMs: cursor.at("signals").measure(duration, 7 * 24 * hour, hour, 3650 * 24 * hour, "7d"),
    bytesMax: cursor.at("size").measure(size, 1e9, 10e6, 1e13, "1GB"),
  };
}

function readSafety(cursor: Cursor): SafetyPlan {
  cursor.only(["perHour", "blastRadius", "stormTargets", "stormWindow", "approvalTimeout"]);
  const share = cursor.at("blastRadius");
  const radius = share.exists
    ? Number(String(share.scalar).replace(/%$/, "")) / (String(share.scalar).endsWith("%") ? 100 : 1)
    : defaultSafety.blastRadius;
  if (!(radius > 0 && radius <= 1)) share.problem("must be above 0 and at most 100 %", "write for example 50%");
  return {
    globalPerHour: cursor.at("perHour").whole(defaultSafety.globalPerHour, 1, 10_000),
    blastRadius: radius > 0 && radius <= 1 ? radius : defaultSafety.blastRadius,
    stormTargets: cursor.at("stormTargets").whole(defaultSafety.stormTargets, 1, 10_000),
    stormWindowMs: cursor.at("stormWindow").measure(duration, defaultSafety.stormWindowMs, 1_000, 24 * hour, "5m"),
    approvalTimeoutMs: cursor
      .at("approvalTimeout")
      .measure(duration, defaultSafety.approvalTimeoutMs, 1_000, 7 * 24 * hour, "30m"),
  };
}

/** A circle in the start order, or null. */
function cycle(services: readonly ServicePlan[]): string[] | null {
  const after = new Map(services.map((service) => [service.name, service.after]));
  const done = new Set<string>();
  const walk = (name: string, trail: readonly string[]): string[] | null => {
    if (trail.includes(name)) return [...trail.slice(trail.indexOf(name)), name];
    if (done.has(name)) return null;
    for (const next of after.get(name) ?? []) {
      const found = walk(next, [...trail, name]);
      if (found !== null) return found;
    }
    done.add(name);
    return null;
  };
  for (const name of after.keys()) {
    const found = walk(name, []);
    if (found !== null) return found;
  }
  return null;
}

function isFolder(full: string): boolean {
  return existsSync(full) && statSync(full).isDirectory();
}

/** One problem a line: file:line: field rule; remedy. */
export function describeProblems(problems: readonly Problem[], file: string): string {
  const shown = path.relative(process.cwd(), file) || file;
  return problems
    .map(({ line, field, rule, remedy }) => `${shown}:${line}: ${field} ${rule}\n    ${remedy}`)
    .join("\n");
}
