// One run of one drill: its world is started, the experiment runs in it, Prunella's records are waited for, and all of it
// becomes a DrillRun. The world is ended whatever happens, an interruption included.
import type { DrillRun, Json } from "@prunella/core";
import type { Incident } from "@prunella/contract";
import { randomUUID } from "node:crypto";
import type { ControlApi } from "../api.ts";
import type { Activity, Experiment } from "../experiment/experiment.ts";
import { pause, runExperiment, type ActivityRecord, type Journal } from "../experiment/run.ts";
import { injectorsFor } from "../inject/index.ts";
import { prunellaCalls } from "./calls.ts";
import { readDefinition, type FaultDefinition } from "./definition.ts";
import { beganAtOf, verdictOf, type FaultRecord } from "./verdict.ts";
import { startWorld } from "./world.ts";

/** Without healing nothing is waited for as long as with it, s: what has not come then does not come. */
const withoutHealingS = 6;

export interface DrillOptions {
  readonly entry: string;
  readonly withoutHealing: boolean;
  /** Id of the run; by default a new one. */
  readonly id?: string;
  readonly keep?: boolean;
  /** Folder for compiled code, shared by the drills of one command. */
  readonly cache?: string;
  readonly signal: AbortSignal;
  readonly onStart?: (run: DrillRun) => void;
  readonly onActivity?: (activity: Activity, record: ActivityRecord) => void;
}

export interface DrillResult {
  readonly run: DrillRun;
  readonly journal: Journal | null;
}

export async function runDrill(experiment: Experiment, options: DrillOptions): Promise<DrillResult> {
  const definition = readDefinition(experiment.extensions);
  if (definition === null) throw new TypeError(`${experiment.title} is no drill: it has no extension of prunella`);
  const begun: DrillRun = {
    id: options.id ?? `DRILL-${randomUUID().slice(0, 13)}`,
    drill: definition.drill,
    state: "running",
    withoutHealing: options.withoutHealing,
    startedAt: Date.now(),
    endedAt: null,
    beganAt: null,
    detectedAt: null,
    repairedAt: null,
    recoveredAt: null,
    rootCause: null,
    conditions: [],
    evidence: [],
    incident: null,
    error: null,
  };
  options.onStart?.(begun);
  const failed = (error: unknown): DrillRun => ({
    ...begun,
    state: options.signal.aborted ? "aborted" : "failed",
    endedAt: Date.now(),
    error: error instanceof Error ? error.message : String(error),
  });
  let world;
  try {
    world = await startWorld({ ...options, definition });
  } catch (error) {
    return { run: failed(error), journal: null };
  }
  try {
    const { api } = world;
    const injectors = injectorsFor({ api, within: world.folder });
    let journal: Journal;
    try {
      journal = await runExperiment(experiment, {
        prunella: prunellaCalls({ api: () => api, drill: definition.drill, ...injectors }),
        signal: options.signal,
        configuration: world.configuration,
        ...(options.onActivity === undefined ? {} : { onActivity: options.onActivity }),
      });
    } finally {
      await injectors.undoAll();
    }
    const metric = definition.metric === null ? null : await metricOf(api, definition.metric, options.signal);
    // One clock for all faults: what one is waited for, the others have too.
    const since = Date.now();
    const faults: FaultRecord[] = [];
    for (const fault of definition.faults)
      faults.push(await recordOf(api, fault, beganAtOf(journal, fault.began), since, options));
    const verdict = verdictOf(definition, journal, faults, metric);
    return {
      run: {
        ...begun,
        ...verdictFields(verdict),
        state: options.signal.aborted ? "aborted" : verdict.passed ? "passed" : "failed",
        endedAt: Date.now(),
      },
      journal,
    };
  } catch (error) {
    return { run: failed(error), journal: null };
  } finally {
    await world.end();
  }
}

function verdictFields(
  verdict: ReturnType<typeof verdictOf>,
): Omit<DrillRun, "id" | "drill" | "state" | "withoutHealing" | "startedAt" | "endedAt" | "error"> {
  const { beganAt, detectedAt, repairedAt, recoveredAt, rootCause, conditions, evidence, incident } = verdict;
  return { beganAt, detectedAt, repairedAt, recoveredAt, rootCause, conditions, evidence, incident };
}

/** Waits until the incident of a fault is over, or its time is. */
async function recordOf(
  api: ControlApi,
  fault: FaultDefinition,
  beganAt: number | null,
  since: number,
  options: Pick<DrillOptions, "signal" | "withoutHealing">,
): Promise<FaultRecord> {
  const until = since + (options.withoutHealing ? Math.min(withoutHealingS, fault.withinS) : fault.withinS) * 1_000;
  for (;;) {
    const incident = beganAt === null ? null : await incidentOf(api, fault, beganAt);
    const over = incident !== null && incident.state !== "open";
    if (over || beganAt === null || Date.now() > until || options.signal.aborted)
      return { fault, beganAt, incident, repairs: incident === null ? [] : await api.repairs(incident.id) };
    await pause(0.1, options.signal);
  }
}

/** The first line of /metrics that fits; guards are reported once a second, so it is looked for a little while. */
async function metricOf(api: ControlApi, pattern: string, signal: AbortSignal): Promise<string | null> {
  const wanted = new RegExp(pattern);
  for (let looks = 0; looks < 15 && !signal.aborted; looks += 1) {
    const found = (await api.metrics()).split("\n").find((line) => wanted.test(line));
    if (found !== undefined) return found;
    await pause(0.2, signal);
  }
  return null;
}

/** The first incident of this kind that was found after the fault began. */
async function incidentOf(api: ControlApi, fault: FaultDefinition, beganAt: number): Promise<Incident | null> {
  const fitting = (await api.incidents(fault.target))
    .filter((incident) => incident.kind === fault.kind && Date.parse(incident.detectedAt) >= beganAt)
    .toSorted((a, b) => Date.parse(a.detectedAt) - Date.parse(b.detectedAt));
  if (fault.distinguisher === null) return fitting[0] ?? null;
  const wanted = new RegExp(fault.distinguisher);
  for (const incident of fitting) if (wanted.test((await api.issue(incident.issue)).distinguisher)) return incident;
  return null;
}

/** For callers that keep runs as JSON. */
export function runAsJson(run: DrillRun): Json {
  return JSON.parse(JSON.stringify(run)) as Json;
}
