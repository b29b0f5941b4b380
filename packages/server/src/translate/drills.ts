// Runs of drills and the catalogue's rows as the API shows them, and runs as they come in from the command line.
import type * as Contract from "@prunella/contract";
import {
  drillLayers,
  isStale,
  layersShown,
  type DrillLayer,
  type DrillRun,
  type Evidence,
  type Json,
} from "@prunella/core";
import type { DrillMode } from "../host.ts";
import { time, timeOrNull } from "./records.ts";

export function drillRunJson(run: DrillRun): Contract.DrillRun {
  const between = (from: number | null, to: number | null): number | null =>
    from === null || to === null ? null : to - from;
  return {
    id: run.id,
    drill: run.drill,
    state: run.state,
    withoutHealing: run.withoutHealing,
    startedAt: time(run.startedAt),
    endedAt: timeOrNull(run.endedAt),
    beganAt: timeOrNull(run.beganAt),
    detectedAt: timeOrNull(run.detectedAt),
    repairedAt: timeOrNull(run.repairedAt),
    recoveredAt: timeOrNull(run.recoveredAt),
    detectionMs: between(run.beganAt, run.detectedAt),
    repairMs: between(run.detectedAt, run.repairedAt),
    rootCause: run.rootCause,
    conditions: run.conditions.map((each) => ({ ...each })),
    evidence: run.evidence.map((each) => ({
      at: time(each.at),
      what: each.what,
      summary: each.summary,
      text: each.text ?? null,
      data: each.data ?? null,
    })),
    incident: run.incident,
    error: run.error,
  };
}

/** A run that was sent in: times back to numbers; what follows from them is computed anew. */
export function drillRunFrom(run: Contract.DrillRun): DrillRun {
  const at = (text: string | null): number | null => (text === null ? null : Date.parse(text));
  return {
    id: run.id,
    drill: run.drill,
    state: run.state,
    withoutHealing: run.withoutHealing,
    startedAt: Date.parse(run.startedAt),
    endedAt: at(run.endedAt),
    beganAt: at(run.beganAt),
    detectedAt: at(run.detectedAt),
    repairedAt: at(run.repairedAt),
    recoveredAt: at(run.recoveredAt),
    rootCause: run.rootCause,
    conditions: run.conditions.map((each) => ({
      name: each.name,
      demanded: each.demanded,
      measured: each.measured as Json,
      met: each.met,
      layer: drillLayers.find((layer) => layer === each.layer) ?? null,
    })),
    evidence: run.evidence.map((each): Evidence => ({
      at: Date.parse(each.at),
      what: "note",
      summary: each.summary,
      ...(each.text === null ? {} : { text: each.text }),
    })),
    incident: run.incident,
    error: run.error,
  };
}

/**
 * A drill as evidence on an issue: its last run with healing that ended by itself, and how old that is. `runs` are those of
 * this drill, newest first.
 */
export function issueDrillJson(
  of: { readonly drill: string; readonly remedies: readonly string[]; readonly staleMs: number },
  runs: readonly DrillRun[],
  now: number,
): Contract.IssueDrill {
  const counting = runs.filter(
    (run) => !run.withoutHealing && run.endedAt !== null && (run.state === "passed" || run.state === "failed"),
  );
  const last = counting[0];
  const passedAt = counting.find((run) => run.state === "passed")?.endedAt ?? null;
  const unmet = last?.conditions.filter((condition) => !condition.met) ?? [];
  return {
    drill: of.drill,
    remedies: [...of.remedies],
    run: last?.id ?? null,
    state: last === undefined ? "none" : last.state === "passed" ? "passed" : "failed",
    at: timeOrNull(last?.endedAt ?? null),
    ageMs: last?.endedAt == null ? null : Math.max(0, now - last.endedAt),
    passedAt: timeOrNull(passedAt),
    stale: isStale(passedAt, now, of.staleMs),
    summary:
      last === undefined
        ? "it has not run"
        : (last.error ??
          (unmet.length === 0
            ? `all ${last.conditions.length} conditions met`
            : `${unmet.length} of ${last.conditions.length} conditions not met: ${unmet.map((each) => each.name).join(", ")}`.slice(
                0,
                500,
              ))),
  };
}

/** A row with what its runs prove. `runs` are those of this drill, newest first. */
export function drillJson(
  mode: DrillMode,
  runs: readonly DrillRun[],
  schedule: string | null,
  now: number,
): Contract.Drill {
  const fresh = runs.filter((run) => run.endedAt !== null && !isStale(run.endedAt, now));
  const proof = (layer: DrillLayer): Contract.Drill["layers"]["detection"] => {
    const by = fresh.find((run) => layersShown(run).includes(layer));
    return { proved: by !== undefined, by: by?.id ?? null, at: timeOrNull(by?.endedAt ?? null) };
  };
  const passedAt = runs.find((run) => run.state === "passed" && !run.withoutHealing)?.endedAt ?? null;
  const last = runs[0];
  return {
    ...mode,
    layers: {
      detection: proof("detection"),
      prevention: proof("prevention"),
      repair: proof("repair"),
      monitoring: proof("monitoring"),
    },
    lastRun: last === undefined ? null : drillRunJson(last),
    stale: isStale(passedAt, now),
    schedule,
  };
}
