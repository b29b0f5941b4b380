// Issues, incidents, repairs and remedies. Gauges are read from memory; counters and histograms follow the engine's changes,
// so what they count begins with the process. Labels are fixed words, names from the configuration, and kinds of faults.
import { falseBelowMs, type Incident } from "@prunella/core";
import type { ServerOptions } from "../host.ts";
import { remedyJson } from "../translate/index.ts";
import { limitedLabels, type Kit } from "./kit.ts";

/** Kinds and remedies that get a label of their own; the rest is summed under "other". */
export const kindsMax = 200;
/** Faults that hold with a series of their own; incidents that are open are bounded too. */
export const faultsMax = 2_000;
/** Changes are looked at together, this long after the first, ms. */
const foldMs = 250;
/** Incidents that wait to be read back after their end. */
const endsMax = 1_000;

const severities = ["critical", "medium", "low"] as const;
const outcomes = ["verified", "failed", "unverified", "unknown", "cancelled", "refused", "expired"] as const;

export function healingMetrics(of: Kit, options: ServerOptions): { refresh(): void; stop(): void } {
  const { gauge, total, counter, seconds } = of;
  const { engine, clock } = options;
  const label = limitedLabels(kindsMax);

  gauge("prunella_paused", "1 when repairs are paused everywhere", [], (to) =>
    to.set(engine.world.settings.paused === null ? 0 : 1),
  );
  gauge("prunella_storm", "1 when storm mode holds repairs", [], (to) =>
    to.set(engine.world.settings.storm === null ? 0 : 1),
  );
  gauge("prunella_maintenance_windows", "Maintenance windows that hold now", [], (to) => {
    const now = clock.now();
    to.set(engine.world.settings.maintenance.filter((window) => window.from <= now && now < window.to).length);
  });
  gauge("prunella_issues", "Issues that are not fixed or ignored", ["severity", "status"], (to) => {
    for (const severity of severities)
      for (const status of ["pending", "in-progress", "snoozed"]) to.set({ severity, status }, 0);
    for (const issue of engine.world.issues.values())
      if (issue.status !== "fixed" && issue.status !== "ignored")
        to.inc({ severity: issue.severity, status: issue.status });
  });
  gauge("prunella_issues_needing_person", "Issues that ask for a person", ["acknowledged"], (to) => {
    for (const acknowledged of ["true", "false"]) to.set({ acknowledged }, 0);
    for (const issue of engine.world.issues.values())
      if (issue.needsPerson !== null && issue.status !== "ignored" && issue.status !== "fixed")
        to.inc({ acknowledged: String((issue.acknowledged ?? null) !== null) });
  });
  total("prunella_incidents_total", "Incidents ever opened", [], (add) => add({}, engine.world.numbers["INC"] ?? 0));
  gauge("prunella_incidents", "Incidents that have not ended", ["state", "severity"], (to) => {
    for (const state of ["open", "handed-over"]) for (const severity of severities) to.set({ state, severity }, 0);
    for (const { state, severity } of engine.world.incidents.values()) to.inc({ state, severity });
  });
  gauge(
    "prunella_target_faults",
    "Faults that are seen now, by target and kind",
    ["target", "kind", "severity"],
    (to) => {
      let series = 0;
      for (const { target, kind, severity, firing } of engine.world.incidents.values())
        if (firing && (series += 1) <= faultsMax) to.inc({ target, kind: label(kind), severity });
    },
  );
  gauge(
    "prunella_undecided_since_timestamp_seconds",
    "Since when the longest waiting fault that is worth acting on has had no decision (repair, hold, hand-over); 0: none",
    [],
    (to) => to.set(undecidedSince(options) / 1000),
  );

  gauge("prunella_repairs_live", "Repairs that have not ended", ["state"], (to) => {
    for (const state of ["proposed", "scheduled", "acting", "verifying", "undoing"]) to.set({ state }, 0);
    for (const repair of engine.world.repairs.values())
      if (repair.state.name !== "ended") to.inc({ state: repair.state.name });
  });
  gauge("prunella_budget_remaining", "Runs left of a remedy's tightest budget", ["playbook"], (to) => {
    const now = clock.now();
    for (const remedy of engine.context().remedies.slice(0, kindsMax)) {
      const left = remedyJson(engine, remedy, now).budgets.map((budget) => budget.left);
      if (left.length > 0) to.set({ playbook: label(remedy.name) }, Math.min(...left));
    }
  });
  gauge(
    "prunella_remedy_mode",
    "Always 1; configured mode and mode in force are labels",
    ["playbook", "mode", "in_force"],
    (to) => {
      const now = clock.now();
      for (const remedy of engine.context().remedies.slice(0, kindsMax)) {
        const { mode, modeInForce } = remedyJson(engine, remedy, now);
        to.set({ playbook: label(remedy.name), mode, in_force: modeInForce }, 1);
      }
    },
  );
  total(
    "prunella_remedy_runs_total",
    "Runs of a remedy on record, by what they came to",
    ["playbook", "outcome"],
    (add) => {
      for (const remedy of engine.context().remedies.slice(0, kindsMax)) {
        const standing = engine.world.standings.get(remedy.name);
        for (const outcome of ["verified", "failed", "recurred"] as const)
          add({ playbook: label(remedy.name), outcome }, standing?.[outcome] ?? 0);
      }
    },
  );

  const detections = counter("prunella_detections_total", "Incidents opened since start, by kind", ["detector"]);
  const repairs = counter("prunella_repairs_total", "Repairs that ended since start", ["playbook", "outcome"]);
  for (const remedy of engine.context().remedies.slice(0, kindsMax))
    for (const outcome of outcomes) repairs.inc({ playbook: label(remedy.name), outcome }, 0);
  const blocked = counter("prunella_repair_blocked_total", "Times a guard began to hold a repair back", ["guard"]);
  const ends = counter("prunella_incidents_ended_total", "Incidents that ended since start, by who brought them back", [
    "recovered_by",
  ]);
  for (const by of ["repair", "itself", "person", "cause", "nobody"]) ends.inc({ recovered_by: by }, 0);
  const falsePositives = counter("prunella_false_positives_total", "Incidents that were none, since start", [
    "detector",
  ]);
  const detectionDelay = seconds("prunella_detection_delay_seconds", "From the last good observation to detection");
  const repairDuration = seconds("prunella_repair_duration_seconds", "From a repair's first step to its end");
  const timeToRecover = seconds(
    "prunella_issue_time_to_recover_seconds",
    "From detection to the start of the healthy stretch",
  );

  const open = new Map<string, string | null>(
    [...engine.world.incidents.values()].map((each) => [each.id, guardOf(each)]),
  );
  const ended = new Set<string>();
  for (const repair of engine.world.repairs.values()) if (repair.state.name === "ended") ended.add(repair.id);
  let timer: NodeJS.Timeout | null = null;
  let reading = 0;

  function look(): void {
    timer = null;
    const { world } = engine;
    for (const incident of world.incidents.values()) {
      const known = open.get(incident.id);
      if (known === undefined) {
        detections.inc({ detector: label(incident.kind) });
        detectionDelay.observe(Math.max(0, incident.detectedAt - incident.beganAt) / 1000);
      }
      const guard = guardOf(incident);
      if (guard !== null && guard !== known) blocked.inc({ guard });
      open.set(incident.id, guard);
    }
    for (const id of open.keys()) {
      if (world.incidents.has(id)) continue;
      open.delete(id);
      if (reading >= endsMax) continue;
      reading += 1;
      void options.store
        .incident(id)
        .then(bookEnd, () => undefined)
        .finally(() => (reading -= 1));
    }
    for (const repair of world.repairs.values()) {
      if (repair.state.name !== "ended" || ended.has(repair.id)) continue;
      ended.add(repair.id);
      repairs.inc({ playbook: label(repair.remedy.name), outcome: repair.state.outcome });
      if (repair.startedAt !== null) repairDuration.observe(Math.max(0, repair.state.at - repair.startedAt) / 1000);
    }
    for (const id of ended) if (!world.repairs.has(id)) ended.delete(id);
  }

  function bookEnd(incident: Incident | null): void {
    if (incident === null) return;
    ends.inc({ recovered_by: incident.recoveredBy ?? "nobody" });
    if (incident.recoveredAt !== null)
      timeToRecover.observe(Math.max(0, incident.recoveredAt - incident.detectedAt) / 1000);
    const lastedMs = (incident.clearedAt ?? incident.endedAt ?? incident.detectedAt) - incident.detectedAt;
    const isFalse =
      incident.verdict === "noise" ||
      (incident.recoveredBy === "itself" && incident.attempts === 0 && lastedMs < falseBelowMs);
    if (isFalse) falsePositives.inc({ detector: label(incident.kind) });
  }

  const stop = engine.listen(() => {
    timer ??= setTimeout(look, foldMs);
  });
  return {
    refresh() {
      if (timer === null) return;
      clearTimeout(timer);
      look();
    },
    stop() {
      stop();
      if (timer !== null) clearTimeout(timer);
    },
  };
}

/** The stuck-loop figure of safety rule 35: a fault that is ripe, stands for itself and that nothing was decided about. */
function undecidedSince({ engine }: ServerOptions): number {
  const busy = new Set<string>();
  for (const repair of engine.world.repairs.values()) if (repair.state.name !== "ended") busy.add(repair.target);
  let since = 0;
  for (const incident of engine.world.incidents.values()) {
    const isUndecided =
      incident.state === "open" &&
      incident.firing &&
      incident.ripe &&
      incident.severity === "critical" &&
      incident.causedBy === null &&
      incident.blockedBy === null &&
      !busy.has(incident.target);
    if (isUndecided && (since === 0 || incident.standsSince < since)) since = incident.standsSince;
  }
  return since;
}

/** The guard's name from "guard: reason". */
function guardOf(incident: Incident): string | null {
  return /^([a-z-]{1,32}):/.exec(incident.blockedBy ?? "")?.[1] ?? null;
}
