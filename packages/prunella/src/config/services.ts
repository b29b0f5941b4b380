// Services: what to run, how, and what is known of it.
import type { CheckPlan, ServicePlan } from "@prunella/adapters";
import type { TargetSpec } from "@prunella/core";
import { existsSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { parseEnv } from "node:util";
import { addressOf, readChecks } from "./checks.ts";
import type { Cursor } from "./cursor.ts";
import { readDeclared } from "./declared.ts";
import { readResources } from "./resources.ts";
import { keysOf } from "./schema.ts";
import { withSlos } from "./slo.ts";
import { duration, size, splitCommand } from "./units.ts";

/** Instances a service may have. */
export const instancesMax = 64;
const hour = 3_600_000;

export function readService(
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
  cursor.only(keysOf("service"));
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
  stop.only(keysOf("stop"));
  const logs = cursor.at("logs");
  logs.only(keysOf("logs"));
  const limits = cursor.at("limits");
  limits.only(keysOf("limits"));
  const startupMs = cursor.at("startup").measure(duration, 30_000, 0, hour, "30s");
  const heartbeatMs = cursor.at("heartbeat").exists
    ? cursor.at("heartbeat").measure(duration, 30_000, 1_000, 24 * hour, "30s")
    : null;
  const resources = readResources(cursor.at("resources"));
  // A leak is recycled before the kernel would kill for it.
  const memoryBytesMax = limits.at("memory").exists
    ? limits.at("memory").measure(size, 0, 1e6, 1e13, "512MB")
    : (resources?.memoryMost ?? null);
  const descriptorsMax = limits.at("descriptors").exists ? limits.at("descriptors").whole(1_024, 10, 10_000_000) : null;
  const threadsMax = limits.at("threads").exists ? limits.at("threads").whole(500, 2, 1_000_000) : null;
  const scale = readScale(cursor.at("scale"), instances);
  const labels = {
    ...(scale === null ? {} : { "prunella.scalable": "true" }),
    ...cursor.at("labels").textMap(),
  };
  const count = Math.max(instances, scale?.max ?? 1);
  const keys = count === 1 ? [name] : Array.from({ length: count }, (_, at) => `${name}/${at}`);
  const own = readChecks(cursor, name, folder);
  const declared = readDeclared(cursor, folder);
  const slos = withSlos(cursor.at("slo"));
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
    ...(descriptorsMax === null ? {} : { descriptorsMax }),
    ...(threadsMax === null ? {} : { threadsMax }),
    ...slos,
    ...(declared === null || declared.records.length === 0
      ? {}
      : { recordFolders: declared.records.map(({ from }) => from) }),
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
    ...(declared === null ? {} : { declared }),
    ...(scale === null ? {} : { scale }),
    ...(resources === null ? {} : { resources }),
  };
  return { plan, targets };
}

function readScale(cursor: Cursor, instances: number): { readonly min: number; readonly max: number } | null {
  if (!cursor.exists) return null;
  cursor.only(keysOf("scale"));
  const min = cursor.at("min").whole(1, 1, instancesMax);
  const max = cursor.at("max").whole(instances, 1, instancesMax);
  if (min <= instances && instances <= max) return { min, max };
  cursor.problem(
    `goes from ${min} to ${max}, and ${instances} instances are to run`,
    "make min at most and max at least as many as instances",
  );
  return null;
}

function readProbe(cursor: Cursor): ServicePlan["probe"] {
  // YAML reads a bare on/off as text in version 1.2; true and false are accepted for the same.
  if (cursor.scalar === true) return "on";
  if (cursor.scalar === false) return "off";
  return cursor.oneOf(["auto", "on", "off"], "auto");
}

export function readSignal(cursor: Cursor): string {
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

export function readAfter(name: string, cursor: Cursor, names: readonly string[]): string[] {
  return cursor.texts().filter((dependency) => {
    if (dependency === name) cursor.problem("names the service itself", "take it out");
    else if (!names.includes(dependency))
      cursor.problem(`names ${dependency}, which is neither a service nor a target`, `known: ${names.join(", ")}`);
    else return true;
    return false;
  });
}

function isFolder(full: string): boolean {
  return existsSync(full) && statSync(full).isDirectory();
}
