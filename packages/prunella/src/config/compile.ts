// From prunella.yaml to a plan: checked whole, every default filled in here and nowhere else. Nothing is started from a
// configuration with a problem; the last good plan stays in force.
import type { CheckPlan, Plan, SafetyPlan, ServicePlan } from "@prunella/adapters";
import {
  defaultSafety,
  shippedRemedies,
  type ScalingRule,
  type ShareRule,
  type TargetSpec,
  type TuningRule,
} from "@prunella/core";
import { existsSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { read, type Cursor, type Problem } from "./cursor.ts";
import { readDetect } from "./detect.ts";
import { readNotify } from "./notify.ts";
import { readDrills } from "./drills.ts";
import { readRemedies } from "./remedies.ts";
import { keysOf } from "./schema.ts";
import { readService } from "./services.ts";
import { readTarget } from "./targets.ts";
import { readMonitoring, readSources } from "./sources.ts";
import { readShares } from "./resources.ts";
import { readScaling, readTuning } from "./tuning.ts";
import { duration, size } from "./units.ts";

/** Services, targets and checks a configuration may hold. */
export const servicesMax = 500;
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
  root.only(keysOf("root"));
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
  const scaling: ScalingRule[] = [];
  const tuning: TuningRule[] = [];
  const shares: ShareRule[] = [];
  const neighboursOf = (name: string): string[] =>
    services.filter(({ plan }) => plan.resources !== undefined && plan.name !== name).map(({ plan }) => plan.name);
  for (const { plan, targets } of services) {
    const cursor = root.at("services").at(plan.name);
    const rule = readScaling(plan.name, cursor.at("scale"), plan.instances);
    if (rule !== null) scaling.push(rule);
    if (plan.resources !== undefined)
      shares.push(...readShares(plan.name, cursor.at("resources"), plan.resources, neighboursOf(plan.name)));
    tuning.push(
      ...readTuning(
        cursor.at("tune"),
        targets.map(({ key }) => key),
      ),
    );
  }
  const remedies = readRemedies(root.at("remedies"), names, folder);
  const plan: Plan = {
    version: 1,
    source: path.resolve(file),
    folder,
    services: services.map(({ plan: service }) => service),
    targets: [...services.flatMap(({ targets }) => targets), ...externals],
    checks,
    remedies: [...remedies, ...shippedRemedies],
    scaling,
    tuning,
    shares,
    notify: readNotify(root.at("notify"), folder),
    sources: readSources(root, names, folder),
    monitoring: readMonitoring(root.at("monitoring"), folder),
    http: readHttp(root.at("http"), folder),
    retention: readRetention(root.at("retention")),
    safety: readSafety(root.at("safety")),
    drills: readDrills(
      root.at("drills"),
      folder,
      [...remedies, ...shippedRemedies].map((remedy) => remedy.name),
    ),
    plugins: readPlugins(root.at("plugins"), folder),
    detect: readDetect(root.at("detect"), names),
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

/** Prunella's own address when nothing else is said. */
export const defaultHttp = { host: "127.0.0.1", port: 7410 } as const;

function readHttp(cursor: Cursor, folder: string): Plan["http"] {
  cursor.only(keysOf("http"));
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
  cursor.only(keysOf("retention"));
  return {
    signalsMs: cursor.at("signals").measure(duration, 7 * 24 * hour, hour, 3650 * 24 * hour, "7d"),
    bytesMax: cursor.at("size").measure(size, 1e9, 10e6, 1e13, "1GB"),
  };
}

function readSafety(cursor: Cursor): SafetyPlan {
  cursor.only(keysOf("safety"));
  return {
    globalPerHour: cursor.at("perHour").whole(defaultSafety.globalPerHour, 1, 10_000),
    blastRadius: cursor.at("blastRadius").share(defaultSafety.blastRadius, 0.01, 1),
    stormTargets: cursor.at("stormTargets").whole(defaultSafety.stormTargets, 1, 10_000),
    stormWindowMs: cursor.at("stormWindow").measure(duration, defaultSafety.stormWindowMs, 1_000, 24 * hour, "5m"),
    approvalTimeoutMs: cursor
      .at("approvalTimeout")
      .measure(duration, defaultSafety.approvalTimeoutMs, 1_000, 7 * 24 * hour, "30m"),
  };
}

/** Modules with actions of the user's own; each must be there when the configuration is loaded. */
function readPlugins(cursor: Cursor, folder: string): string[] {
  return cursor.texts().map((text) => {
    const file = path.resolve(folder, text);
    if (!existsSync(file)) cursor.problem(`names ${file}, which does not exist`, "correct the path");
    return file;
  });
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

/** One problem a line: file:line: field rule; remedy. */
export function describeProblems(problems: readonly Problem[], file: string): string {
  const shown = path.relative(process.cwd(), file) || file;
  return problems
    .map(({ line, field, rule, remedy }) => `${shown}:${line}: ${field} ${rule}\n    ${remedy}`)
    .join("\n");
}
