// From a journal and Prunella's own records to a verdict. A drill passes when every fault was found, its cause named, it was
// repaired and is over, and every condition holds. What is missing is not met; nothing is assumed.
import type { Incident, Repair } from "@prunella/contract";
import type { DrillCondition, DrillLayer, Evidence, Json } from "@prunella/core";
import { jsonPath } from "../experiment/json-path.ts";
import type { Journal } from "../experiment/run.ts";
import { isWithin, type Tolerance } from "../experiment/tolerance.ts";
import { isFields } from "../experiment/experiment.ts";
import type { DrillDefinition, FaultDefinition } from "./definition.ts";
import { textOf } from "../experiment/text.ts";

/** The user's own targets: found within a minute, repaired within five. */
export const detectionMsMax = 60_000;
export const repairMsMax = 300_000;

/** What Prunella has on file of one fault. */
export interface FaultRecord {
  readonly fault: FaultDefinition;
  readonly beganAt: number | null;
  readonly incident: Incident | null;
  readonly repairs: readonly Repair[];
}

export interface FaultTimes {
  readonly beganAt: number | null;
  readonly detectedAt: number | null;
  readonly repairedAt: number | null;
  readonly recoveredAt: number | null;
}

export interface Verdict extends FaultTimes {
  readonly passed: boolean;
  readonly rootCause: string | null;
  readonly incident: string | null;
  readonly conditions: readonly DrillCondition[];
  readonly evidence: readonly Evidence[];
}

/** When an activity was begun, by its output's own word if it is an announcement. */
export function beganAtOf(journal: Journal, activity: string): number | null {
  const said = outputOf(journal, activity);
  const output = said === undefined ? undefined : printed(said);
  const at = isFields(output) ? output["beganAt"] : undefined;
  return typeof at === "string" ? Date.parse(at) : null;
}

export function outputOf(journal: Journal, activity: string): Json | undefined {
  const record = journal.run.findLast(
    (each) => isFields(each.activity) && each.activity["name"] === activity && each.status === "succeeded",
  );
  return record?.output;
}

export function timesOf({ fault, beganAt, incident, repairs }: FaultRecord): FaultTimes {
  if (incident === null) return { beganAt, detectedAt: null, repairedAt: null, recoveredAt: null };
  return {
    beganAt: Date.parse(incident.beganAt),
    detectedAt: Date.parse(incident.detectedAt),
    repairedAt: notBefore(
      Date.parse(incident.detectedAt),
      fault.repairedBy.type === "repair"
        ? repairedByRemedy(repairs)
        : repairedByGuard(incident, fault.repairedBy.events),
    ),
    recoveredAt: incident.recoveredAt === null ? null : Date.parse(incident.recoveredAt),
  };
}

/** A guard steps in on the spot, often before its trip has reached Prunella: that counts as repaired when detected. */
function notBefore(detectedAt: number, repairedAt: number | null): number | null {
  return repairedAt === null ? null : Math.max(detectedAt, repairedAt);
}

/** The end of the last step of the run that was verified. */
function repairedByRemedy(repairs: readonly Repair[]): number | null {
  const verified = repairs.find((repair) => repair.outcome === "verified");
  const done = verified?.steps.findLast((step) => step.outcome === "succeeded")?.doneAt;
  return done === undefined || done === null ? null : Date.parse(done);
}

/** The last time the guard told, in the incident's evidence, that it had done its part. */
function repairedByGuard(incident: Incident, events: readonly string[]): number | null {
  const told = incident.evidence.findLast(
    ({ data }) => isFields(data as Json) && events.includes(textOf((data as { readonly event?: Json }).event)),
  );
  return told === undefined ? null : Date.parse(told.at);
}

type Add = (name: string, demanded: string, measured: Json, met: boolean, layer?: DrillLayer | null) => void;

export function verdictOf(
  definition: DrillDefinition,
  journal: Journal,
  faults: readonly FaultRecord[],
  metric: string | null,
): Verdict {
  const conditions: DrillCondition[] = [];
  const add: Add = (name, demanded, measured, met, layer = null) =>
    void conditions.push({ name, demanded, measured, met, layer });
  add(
    "it was steady before",
    "true",
    journal.steady_states.before?.steady_state_met ?? null,
    journal.steady_states.before?.steady_state_met === true,
  );
  for (const record of faults) addFault(record, add);
  for (const each of definition.conditions) {
    const output = outputOf(journal, each.from);
    const found = output === undefined ? [] : jsonPath(each.path, "path")(printed(output));
    const measured = found.length === 0 ? null : (found[0] as Json);
    add(
      each.name,
      each.demanded,
      shortened(measured),
      found.length > 0 && isWithin(each.tolerance as Exclude<Tolerance, { type: "probe" }>, measured),
      each.layer,
    );
  }
  if (definition.metric !== null)
    add("its metric is told", `a line of /metrics matches ${definition.metric}`, metric, metric !== null, "monitoring");
  const last = journal.steady_states.after_rollbacks ?? journal.steady_states.after;
  add("it is steady again", "true", last?.steady_state_met ?? null, last?.steady_state_met === true);
  add("the experiment ran to its end", "completed", journal.status, journal.status === "completed");
  const slowest = slowestOf(faults);
  return {
    passed: conditions.every((condition) => condition.met),
    ...(slowest === null ? { beganAt: null, detectedAt: null, repairedAt: null, recoveredAt: null } : timesOf(slowest)),
    rootCause: slowest?.incident?.rootCause ?? null,
    incident: slowest?.incident?.id ?? null,
    conditions,
    evidence: evidenceOf(journal, faults),
  };
}

function addFault(record: FaultRecord, add: Add): void {
  const { fault, incident } = record;
  const times = timesOf(record);
  const between = (from: number | null, to: number | null): number | null =>
    from === null || to === null ? null : to - from;
  const detection = between(times.beganAt, times.detectedAt);
  const repair = between(times.detectedAt, times.repairedAt);
  const recovery = between(times.detectedAt, times.recoveredAt);
  const cause = incident?.rootCause ?? null;
  add(
    `${fault.name}: detected`,
    `within ${detectionMsMax / 1_000} s`,
    seconds(detection),
    detection !== null && detection <= detectionMsMax,
    "detection",
  );
  add(
    `${fault.name}: root cause named`,
    `matches ${fault.rootCause}`,
    shortened(cause),
    cause !== null && new RegExp(fault.rootCause, "s").test(cause),
    "detection",
  );
  add(
    `${fault.name}: repaired`,
    `within ${repairMsMax / 60_000} min`,
    seconds(repair),
    repair !== null && repair <= repairMsMax,
    "repair",
  );
  add(
    `${fault.name}: recovered`,
    `within ${repairMsMax / 60_000} min, with no person's step`,
    seconds(recovery),
    recovery !== null && recovery <= repairMsMax && incident?.outcome === "recovered",
    "repair",
  );
  add(`${fault.name}: booked as a drill`, "true", incident?.drill ?? null, incident?.drill === true);
}

/** The fault whose times are told: the one that took longest to be over, so that figures never flatter. */
function slowestOf(faults: readonly FaultRecord[]): FaultRecord | null {
  const length = (record: FaultRecord): number => {
    const { beganAt, recoveredAt } = timesOf(record);
    return beganAt === null || recoveredAt === null ? Number.POSITIVE_INFINITY : recoveredAt - beganAt;
  };
  return faults.toSorted((a, b) => length(b) - length(a))[0] ?? null;
}

function evidenceOf(journal: Journal, faults: readonly FaultRecord[]): Evidence[] {
  const evidence: Evidence[] = [];
  for (const { fault, incident, repairs } of faults) {
    if (incident === null) {
      evidence.push({
        at: Date.parse(journal.end),
        what: "note",
        summary: `${fault.name}: Prunella has no incident of it`,
      });
      continue;
    }
    evidence.push({
      at: Date.parse(incident.detectedAt),
      what: "note",
      summary: `${fault.name}: ${incident.id} of ${incident.issue}: ${incident.summary}`,
    });
    for (const each of incident.evidence.slice(0, 4))
      evidence.push({
        at: Date.parse(each.at),
        what: "note",
        summary: `${each.what}: ${each.summary}`,
        ...(each.text === null ? {} : { text: each.text.slice(0, 4_000) }),
      });
    for (const repair of repairs)
      evidence.push({
        at: Date.parse(repair.createdAt),
        what: "note",
        summary: `${repair.id} ${repair.remedy}: ${repair.outcome ?? repair.state}; ${repair.plan.join(", ")}`,
      });
  }
  for (const record of journal.run)
    if (record.status === "failed")
      evidence.push({
        at: Date.parse(record.end),
        what: "note",
        summary:
          `${isFields(record.activity) ? textOf(record.activity["name"]) : "the method"} failed: ${record.exception?.[0] ?? ""}`.slice(
            0,
            500,
          ),
      });
  return evidence;
}

/** What a program printed as JSON; other outputs as they are. */
function printed(output: Json): Json {
  if (!isFields(output) || typeof output["stdout"] !== "string") return output;
  try {
    return JSON.parse(output["stdout"]) as Json;
  } catch {
    return output;
  }
}

function seconds(ms: number | null): Json {
  return ms === null ? null : `${Math.round(ms) / 1_000} s`;
}

function shortened(value: Json): Json {
  if (typeof value === "number") return Math.round(value * 1_000) / 1_000;
  if (typeof value === "string") return value.length > 400 ? `${value.slice(0, 400)}…` : value;
  const text = JSON.stringify(value);
  return text.length > 400 ? `${text.slice(0, 400)}…` : value;
}
