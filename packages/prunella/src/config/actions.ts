// The steps of a remedy: each names exactly one action, and may name its time and its undo.
import { actionFacts, step as stepOf, undoOf, type Action, type Step } from "@prunella/core";
import path from "node:path";
import { urlCheck } from "./checks.ts";
import type { Cursor } from "./cursor.ts";
import { actionNames, keysOf } from "./schema.ts";
import { duration, size, splitCommand } from "./units.ts";

const hour = 3_600_000;

/** Actions that need nothing said; the diagnosis says the rest. */
const bare: Readonly<Record<string, Action>> = {
  restart: { type: "restart", graceful: true },
  start: { type: "start" },
  stop: { type: "stop" },
  "free-port": { type: "free-port", port: null },
  rotate: { type: "rotate", path: null, files: 1 },
  prune: { type: "prune", path: null, keepShare: 0.5, olderThanMs: 0 },
  quarantine: { type: "quarantine", path: null },
  unlock: { type: "unlock", path: null },
  "wait-for": { type: "wait-for", url: null },
  approve: { type: "approve", text: "may it go on?" },
};

export function readStep(step: Cursor, folder: string): Step[] {
  if (!step.isMap) {
    const action = readBare(step);
    return action === null ? [] : [stepOf(action)];
  }
  step.only(keysOf("step"));
  const action = readAction(step, folder);
  if (action === null) return [];
  const usual = actionFacts[action.type].timeoutMs;
  const timeoutMs = step.at("timeout").measure(duration, usual, 100, hour, "30s");
  const undo = step.at("undo");
  return [{ action, timeoutMs, undo: undo.exists ? readUndo(undo, folder) : undoOf(action) }];
}

function readUndo(undo: Cursor, folder: string): Action | null {
  if (!undo.isMap) return readBare(undo);
  undo.only(actionNames);
  return readAction(undo, folder);
}

function readBare(step: Cursor): Action | null {
  const word = step.text() ?? "";
  const action = Object.hasOwn(bare, word) ? bare[word] : undefined;
  if (action !== undefined) return action;
  const known = actionNames.some((name) => name === word);
  return step.problem(
    known ? `${word} needs to be told what` : `is not an action (${word})`,
    known ? `write ${word}: … ` : `use one of ${actionNames.join(", ")}`,
  );
}

function readAction(step: Cursor, folder: string): Action | null {
  const names = actionNames.filter((key) => step.at(key).node !== null);
  const [name] = names;
  if (name === undefined || names.length > 1)
    return step.problem(
      name === undefined ? "names no action" : `names ${names.join(" and ")}`,
      `write exactly one of ${actionNames.join(", ")}`,
    );
  const field = step.at(name);
  if (!field.exists) return bare[name] ?? field.problem("is empty", `say what to ${name}`);
  switch (name) {
    case "restart":
      field.only(keysOf("restart"));
      return { type: "restart", graceful: field.isMap ? field.at("graceful").flag(true) : field.flag(true) };
    case "start":
    case "stop":
      return field.flag(true) ? { type: name } : field.problem("is false", `leave ${name} out`);
    case "scale":
      return readScale(field);
    case "share":
      return readShare(field);
    case "signal":
      return readSignal(field);
    case "free-port":
      return { type: "free-port", port: field.whole(0, 1, 65_535) };
    case "wait":
      return { type: "wait", forMs: field.measure(duration, 1_000, 0, hour, "5s") };
    case "wait-for": {
      const url = field.text("") ?? "";
      if (url === "checks") return { type: "wait-for", url: null };
      return urlCheck(field, url) === null ? null : { type: "wait-for", url };
    }
    case "exec":
      return readExec(field, folder);
    case "http":
      return readHttp(field);
    case "sql":
      return readSql(field, folder);
    case "rotate": {
      field.only(keysOf("rotate"));
      const file = field.isMap ? field.at("path").text() : field.text();
      return {
        type: "rotate",
        path: file === null || file === "own" ? null : path.resolve(folder, file),
        files: field.isMap ? field.at("files").whole(1, 0, 100) : 1,
      };
    }
    case "prune": {
      field.only(keysOf("prune"));
      const where = field.isMap ? field.at("path").text() : field.text();
      return {
        type: "prune",
        path: where === null ? null : path.resolve(folder, where),
        keepShare: field.isMap ? field.at("keep").share(0.5, 0, 0.95) : 0.5,
        olderThanMs: field.isMap ? field.at("olderThan").measure(duration, 0, 0, 3650 * 24 * hour, "1h") : 0,
      };
    }
    case "restore":
      return readRestore(field, folder);
    case "quarantine":
    case "unlock": {
      const file = field.text();
      return { type: name, path: file === null ? null : path.resolve(folder, file) };
    }
    case "guard":
      field.only(keysOf("guard"));
      return {
        type: "guard",
        name: field.at("name").text(),
        control: needed(field, "control", "open"),
        argument: argumentOf(field.at("argument")),
      };
    case "breaker":
      field.only(keysOf("breaker"));
      return {
        type: "guard",
        name: field.at("name").text(),
        control: field.at("to").oneOf(["open", "close", "isolate"], "open"),
        argument: null,
      };
    case "degrade":
      field.only(keysOf("degrade"));
      return {
        type: "guard",
        name: field.at("name").text(),
        control: "set-level",
        argument: argumentOf(field.at("level")),
      };
    case "limit":
      field.only(keysOf("limit"));
      return {
        type: "guard",
        name: field.at("name").text(),
        control: "set-limit",
        argument: field.at("to").whole(1, 0, 1_000_000_000),
      };
    case "drain":
      field.only(keysOf("drain"));
      return {
        type: "guard",
        name: field.isMap ? field.at("name").text() : field.text(),
        control: "drain",
        argument: field.isMap ? field.at("share").share(0.5, 0, 1) : 0.5,
      };
    case "call":
      field.only(keysOf("call"));
      return {
        type: "call",
        name: field.isMap ? needed(field, "name", "refill") : (field.text("") ?? ""),
        argument: field.isMap ? field.at("argument").scalar : null,
      };
    case "notify":
    case "approve":
      return { type: name, text: field.text("") ?? "" };
    case "plugin":
      field.only(keysOf("plugin"));
      return {
        type: "plugin",
        name: field.isMap ? needed(field, "name", "failover") : (field.text("") ?? ""),
        arguments: field.isMap ? scalarsOf(field.at("with")) : {},
      };
    default:
      return name satisfies never;
  }
}

function needed(field: Cursor, key: string, example: string): string {
  const text = field.at(key).text();
  if (text === null || text === "") field.at(key).problem("is missing", `write for example ${key}: ${example}`);
  return text ?? "";
}

/** +1, -1 or a number; or { to: 3 }, { by: -1 }. A bare number is how many are to run; a sign says how many more. */
function readScale(field: Cursor): Action | null {
  field.only(keysOf("scale-step"));
  if (field.isMap) {
    if (field.at("to").exists === field.at("by").exists)
      return field.problem("must say either to or by", "write { to: 3 } or { by: 1 }");
    return field.at("to").exists
      ? { type: "scale", to: field.at("to").whole(1, 1, 64), by: 0 }
      : { type: "scale", to: null, by: field.at("by").whole(1, -64, 64) };
  }
  const source = field.source.trim();
  const signed = /^[+-]\d+$/.test(source);
  if (!/^[+-]?\d{1,2}$/.test(source) || Number(source) === 0)
    return field.problem("is not a number of instances", "write +1, -1, or how many are to run");
  return signed ? { type: "scale", to: null, by: Number(source) } : { type: "scale", to: Number(source), by: 0 };
}

/** { cpu: 400 } or { memory: 600MB }. */
function readShare(field: Cursor): Action | null {
  field.only(keysOf("share-step"));
  const [cpu, memory] = [field.at("cpu"), field.at("memory")];
  if (cpu.exists === memory.exists)
    return field.problem("must say either cpu or memory", "write { cpu: 400 } or { memory: 600MB }");
  return cpu.exists
    ? { type: "share", resource: "cpu", to: cpu.whole(100, 1, 10_000) }
    : { type: "share", resource: "memory", to: memory.measure(size, 0, 1e6, 1e13, "600MB") };
}

function readSignal(field: Cursor): Action | null {
  const signal = field.text("") ?? "";
  return /^SIG[A-Z0-9]{2,8}$/.test(signal)
    ? { type: "signal", signal }
    : field.problem(`is not the name of a signal (${signal})`, "write for example SIGHUP or SIGUSR2");
}

function readExec(field: Cursor, folder: string): Action | null {
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

function readHttp(field: Cursor): Action | null {
  field.only(keysOf("http-step"));
  const address = field.isMap ? field.at("url") : field;
  const url = address.text("") ?? "";
  if (urlCheck(address, url)?.type !== "http") {
    if (url.startsWith("tcp:")) address.problem("is no http address", "write http://host:port/path");
    return null;
  }
  const status = field.isMap ? field.at("status") : null;
  const range = /^(\d{3})(?:-(\d{3}))?$/.exec(status?.text("200-299") ?? "200-299");
  if (range === null) status?.problem("is not a status or a range", "write 200 or 200-299");
  const from = Number(range?.[1] ?? 200);
  return {
    type: "http",
    method: field.isMap ? field.at("method").oneOf(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"], "POST") : "POST",
    url,
    body: field.isMap ? field.at("body").text() : null,
    ...(field.isMap && field.at("headers").exists ? { headers: field.at("headers").textMap() } : {}),
    expectStatus: [from, Number(range?.[2] ?? range?.[1] ?? 299)],
  };
}

function readSql(field: Cursor, folder: string): Action | null {
  field.only(keysOf("sql"));
  const database = needed(field, "database", "sqlite:app.db");
  const statement = needed(field, "statement", "update jobs set state = 'new' where id = ?");
  const values = field.at("values").exists
    ? (field.at("values").isList ? field.at("values").items() : [field.at("values")]).map((item) =>
        typeof item.scalar === "boolean" ? Number(item.scalar) : item.scalar,
      )
    : [];
  if (!/^(?:sqlite:.+|postgres(?:ql)?:\/\/.+|\$[A-Za-z_]\w*)$/.test(database))
    field.at("database").problem("is no database", "write sqlite:FILE, postgres://host/name, or $NAME of a variable");
  // Several statements are several steps: each has its own outcome.
  if (statement.replace(/;\s*$/, "").includes(";"))
    field.at("statement").problem("holds more than one statement", "write one step for each");
  const file = /^sqlite:(.+)$/.exec(database)?.[1];
  return {
    type: "sql",
    database: file === undefined ? database : `sqlite:${path.resolve(folder, file)}`,
    statement,
    values,
  };
}

function readRestore(field: Cursor, folder: string): Action | null {
  field.only(keysOf("restore"));
  if (field.isMap) {
    const file = field.at("config").text();
    return file === null
      ? field.at("config").problem("is missing", "write { config: FILE }, or restore: config")
      : { type: "restore", what: "config", path: path.resolve(folder, file) };
  }
  return { type: "restore", what: field.oneOf(["config", "release"], "config"), path: null };
}

function argumentOf(field: Cursor): string | number | null {
  const value = field.scalar;
  return typeof value === "boolean" ? Number(value) : value;
}

function scalarsOf(field: Cursor): Record<string, string | number | boolean> {
  return Object.fromEntries(
    field.entries().flatMap(([key, child]) => (child.scalar === null ? [] : [[key, child.scalar] as const])),
  );
}
