// The answer to "is everything all right?", put together from what is in memory: no query, no wait.
import type { Status } from "@prunella/contract";
import { hasOccurred, stages, type Stage } from "@prunella/core";
import process from "node:process";
import type { ServerOptions } from "../host.ts";
import { issueJson, repairJson, time } from "./records.ts";
import { stateOf } from "./targets.ts";

/** Issues, approvals and repairs listed in a status at most, each; the counts are whole. */
export const statusListMax = 100;
/** A loop that has not turned for this long is late, ms. */
export const loopLateMs = 10_000;

export interface StatusFacts {
  readonly startedAt: number;
  readonly storeBytes: number;
}

export function statusJson(
  options: Pick<ServerOptions, "engine" | "clock" | "agent" | "version">,
  facts: StatusFacts,
): Status {
  const { engine, clock } = options;
  const now = clock.now();
  const { world } = engine;
  const { paused, storm, maintenance } = world.settings;
  const health = engine.health();
  const issues = [...world.issues.values()];
  const repairs = [...world.repairs.values()].filter((repair) => repair.state.name !== "ended");
  const approvals = repairs.filter((repair) => repair.state.name === "proposed");
  const healing = repairs.filter((repair) => repair.state.name !== "proposed");
  // A claim of somebody else's report is no open issue of this system until it occurs here.
  const open = issues.filter(
    (issue) => hasOccurred(issue) && (issue.status === "pending" || issue.status === "in-progress"),
  );
  const needsPerson = issues.filter((issue) => issue.needsPerson !== null && issue.status !== "ignored");
  const targets: Record<string, number> = {};
  for (const spec of world.targets.values()) {
    if (spec.kind === "self") continue;
    const { state } = stateOf(engine, spec, engine.views.get(spec.key), now);
    targets[state] = (targets[state] ?? 0) + 1;
  }
  const itself = {
    version: options.version,
    pid: process.pid,
    startedAt: time(facts.startedAt),
    agentConnected: options.agent.connected(),
    detectionAgeMs: health.detectionAt === null ? null : now - health.detectionAt,
    healingAgeMs: health.healingAt === null ? null : now - health.healingAt,
    signalsWaiting: health.signalsWaiting,
    signalsTaken: health.signalsTaken,
    signalsShed: health.signalsShed,
    effectsInFlight: health.effectsInFlight,
    storeFailures: health.storeFailures,
    storeBytes: facts.storeBytes,
    rssBytes: process.memoryUsage.rss(),
  };
  const weaknesses = [
    ...weaknessesOf(health, itself),
    ...((targets["unknown"] ?? 0) > 0 ? [`nothing is known of ${counted(targets["unknown"] ?? 0, "target")}`] : []),
  ];
  const firing = [...world.incidents.values()].filter((incident) => incident.state === "open" && incident.firing);
  const verdict =
    needsPerson.length > 0 || approvals.length > 0 || storm !== null
      ? "needs-person"
      : paused !== null
        ? "paused"
        : weaknesses.length > 0
          ? "degraded"
          : healing.length > 0 || firing.length > 0
            ? "healing"
            : "all-right";
  const counts: Record<Stage, number> = {
    signal: health.signalsWaiting,
    finding: firing.length,
    issue: open.length,
    diagnosis: firing.filter((incident) => incident.diagnosedAt === null).length,
    repair: repairs.filter((repair) => repair.state.name !== "verifying").length,
    verification: repairs.filter((repair) => repair.state.name === "verifying").length,
    report: world.outbox.size,
  };
  const sentences = [
    ...(needsPerson.length > 0
      ? [`${counted(needsPerson.length, "issue")} need${needsPerson.length === 1 ? "s" : ""} a person`]
      : []),
    ...(approvals.length > 0
      ? [`${counted(approvals.length, "repair")} wait${approvals.length === 1 ? "s" : ""} for a decision`]
      : []),
    ...(storm === null ? [] : [`storm mode holds repairs: ${storm.why}`]),
    ...(paused === null ? [] : [`repairs are paused by ${paused.by}: ${paused.why}`]),
    ...weaknesses,
    ...(healing.length > 0 ? [`${counted(healing.length, "repair")} under way`] : []),
    ...(healing.length === 0 && firing.length > 0 ? [`${counted(firing.length, "fault")} being looked at`] : []),
  ];
  const watched = [...world.targets.values()].filter((spec) => spec.kind !== "self").length;
  return {
    at: time(now),
    verdict,
    summary:
      sentences.length === 0
        ? `Everything is all right: ${counted(watched, "target")} watched.`
        : `${capital(sentences.join("; "))}.`,
    paused: paused === null ? null : { by: paused.by, why: paused.why, since: time(paused.at) },
    storm: storm === null ? null : { since: time(storm.since), why: storm.why },
    maintenance: maintenance
      .filter((window) => window.to > now)
      .map((window) => ({ ...window, from: time(window.from), to: time(window.to) })),
    targets,
    stages: Object.fromEntries(stages.map((stage) => [stage, counts[stage]])),
    needsPerson: needsPerson.slice(0, statusListMax).map(issueJson),
    approvals: approvals.slice(0, statusListMax).map(repairJson),
    healing: healing.slice(0, statusListMax).map(repairJson),
    openIssues: open.length,
    itself,
  };
}

/** What keeps Prunella itself from doing its work, in words; empty when it is whole. */
function weaknessesOf(
  health: ReturnType<ServerOptions["engine"]["health"]>,
  itself: {
    readonly agentConnected: boolean;
    readonly detectionAgeMs: number | null;
    readonly healingAgeMs: number | null;
  },
): string[] {
  const late = (age: number | null): boolean => age !== null && age > loopLateMs;
  return [
    ...(itself.agentConnected
      ? []
      : ["the agent is not connected, so nothing new is seen and nothing can be repaired"]),
    ...(health.fenced ? ["another control plane has taken over"] : []),
    ...(late(itself.detectionAgeMs) ? ["the detection loop is late"] : []),
    ...(late(itself.healingAgeMs) ? ["the healing loop is late"] : []),
  ];
}

export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
