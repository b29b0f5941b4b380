// A target as the API shows it: its specification joined with what is seen of it now and what is open on it.
import type { Target } from "@prunella/contract";
import { heldBack, Draft, type TargetSpec, type TargetView } from "@prunella/core";
import type { EngineFace } from "../host.ts";
import { timeOrNull } from "./records.ts";

export type TargetState = Target["state"];

/** Nothing heard for this long: nobody can say how it is, ms. */
const silentMs = 15_000;

export function targetJson(engine: EngineFace, spec: TargetSpec, now: number): Target {
  const view = engine.views.get(spec.key);
  const { state, since } = stateOf(engine, spec, view, now);
  const { paused, pausedTargets, maintenance } = engine.world.settings;
  const own = pausedTargets[spec.key] ?? pausedTargets[spec.group];
  const draft = new Draft(engine.world, now);
  const held = heldBack(draft, spec);
  const window = maintenance.find(
    (each) =>
      each.from <= now && now < each.to && (each.target === null || [spec.key, spec.group].includes(each.target)),
  );
  const isPaused = held !== null && held.guard !== "maintenance";
  return {
    key: spec.key,
    kind: spec.kind,
    group: spec.group,
    state,
    stateSince: timeOrNull(since),
    pid: view?.process?.running === true ? view.process.pid : null,
    startedAt: view?.process?.running === true ? timeOrNull(view.process.since) : null,
    dependsOn: [...spec.dependsOn],
    checks: spec.checks.map((role) => checkJson(role, view)),
    values: { ...view?.samples.at(-1)?.values },
    openIssues: openIssues(engine, spec.key),
    repair: draft.liveRepairOf(spec.key)?.id ?? null,
    paused: isPaused ? `${(own ?? paused)?.by ?? ""}: ${(own ?? paused)?.why ?? ""}` : null,
    maintenance: window === undefined ? null : `${window.by}: ${window.why}`,
    labels: { ...spec.labels },
  };
}

/** All targets, worst last in name order: Prunella itself at the end. */
export function targetList(engine: EngineFace): TargetSpec[] {
  return [...engine.world.targets.values()].sort(
    (a, b) =>
      Number(a.kind === "self") - Number(b.kind === "self") || a.key.localeCompare(b.key, "en", { numeric: true }),
  );
}

function checkJson(role: TargetSpec["checks"][number], view: TargetView | undefined): Target["checks"][number] {
  const seen = view?.checks.get(role.name);
  return {
    name: role.name,
    role: role.role,
    state: seen === undefined ? "unknown" : seen.failing ? "failing" : "passing",
    at: timeOrNull(seen?.at ?? null),
    latencyMs: seen?.latencyMs ?? null,
    message: seen?.message ?? "",
    everyMs: role.everyMs,
  };
}

function openIssues(engine: EngineFace, target: string): string[] {
  return [...engine.world.issues.values()]
    .filter((issue) => issue.target === target && (issue.status === "pending" || issue.status === "in-progress"))
    .map((issue) => issue.id);
}

/** One word for how a target is, and since when as far as that is known. */
export function stateOf(
  engine: EngineFace,
  spec: TargetSpec,
  view: TargetView | undefined,
  now: number,
): { readonly state: TargetState; readonly since: number | null } {
  const { world } = engine;
  for (const repair of world.repairs.values())
    if (repair.target === spec.key && !["proposed", "ended"].includes(repair.state.name))
      return { state: "healing", since: repair.createdAt };
  for (const issue of world.issues.values())
    if (
      issue.target === spec.key &&
      issue.needsPerson !== null &&
      issue.status !== "fixed" &&
      issue.status !== "ignored"
    )
      return { state: "needs-person", since: world.incidents.get(issue.incident ?? "")?.endedAt ?? null };
  const process = view?.process ?? null;
  if (process !== null && !process.running) return { state: process.wanted ? "down" : "stopped", since: process.since };
  const firing = [...world.incidents.values()].filter((incident) => incident.target === spec.key && incident.firing);
  if (firing.length > 0)
    return { state: "failing", since: firing.reduce((at, incident) => Math.min(at, incident.detectedAt), now) };
  if (spec.kind === "self") return { state: "healthy", since: null };
  if (view === undefined || view.seenAt === null || now - view.seenAt > silentAfter(spec))
    return { state: "unknown", since: view?.seenAt ?? null };
  if (view.healthySince !== null) return { state: "healthy", since: view.healthySince };
  const failing = [...view.checks.values()].find((check) => check.failing);
  if (failing !== undefined) return { state: "failing", since: failing.failingSince };
  if (process !== null && now - process.since < spec.startupMs) return { state: "starting", since: process.since };
  return { state: "unknown", since: null };
}

function silentAfter(spec: TargetSpec): number {
  return Math.max(silentMs, ...spec.checks.map((check) => check.everyMs * 3));
}
