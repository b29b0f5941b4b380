// Runs an experiment: hypothesis, method, hypothesis, rollbacks, hypothesis again. Two things differ from Chaos Toolkit on
// purpose: rollbacks run whatever happened (also after an interruption), and the steady state is looked at once more after
// them, because a fault that stayed behind is the worst outcome of an experiment.
import type { Json } from "@prunella/core";
import { hostname, platform } from "node:os";
import process from "node:process";
import { asProbe, isFields, readProvider, type Activity, type Experiment } from "./experiment.ts";
import { runProvider, type Output, type PrunellaCall } from "./providers.ts";
import { substitute, valuesOf } from "./substitute.ts";
import { isWithin, type Tolerance } from "./tolerance.ts";

/** Longest that all rollbacks together may take, ms; what is not undone then is said in the journal. */
export const rollbacksMsMax = 120_000;
/** Period of a continuous hypothesis, ms. */
const continuousMs = 1_000;
const continuousMax = 1_000;

export interface ActivityRecord {
  readonly activity: Json;
  readonly status: "succeeded" | "failed";
  readonly output: Output;
  readonly start: string;
  readonly end: string;
  readonly duration: number;
  readonly tolerance_met?: boolean;
  readonly exception?: readonly string[];
}

export interface SteadyState {
  readonly steady_state_met: boolean;
  readonly probes: readonly ActivityRecord[];
}

/** The journal, in Chaos Toolkit's format; `steady_states.after_rollbacks` is ours. */
export interface Journal {
  readonly "chaoslib-version": string;
  readonly platform: string;
  readonly node: string;
  readonly experiment: Json;
  readonly status: "completed" | "failed" | "aborted" | "interrupted";
  readonly deviated: boolean;
  readonly steady_states: {
    readonly before: SteadyState | null;
    readonly after: SteadyState | null;
    readonly during: readonly SteadyState[];
    readonly after_rollbacks: SteadyState | null;
  };
  readonly start: string;
  readonly end: string;
  readonly duration: number;
  readonly run: readonly ActivityRecord[];
  readonly rollbacks: readonly ActivityRecord[];
}

export interface RunOptions {
  /** Functions of provider type "prunella". */
  readonly prunella: PrunellaCall;
  /** Aborted by Ctrl-C: the method ends at once, the rollbacks still run. */
  readonly signal?: AbortSignal;
  /** Added to the experiment's configuration, and wins over it. */
  readonly configuration?: Readonly<Record<string, Json>>;
  readonly environment?: Readonly<Record<string, string | undefined>>;
  readonly onActivity?: (activity: Activity, record: ActivityRecord) => void;
  /** Hears the phases, for progress. */
  readonly onPhase?: (phase: "hypothesis" | "method" | "rollbacks") => void;
}

export async function runExperiment(experiment: Experiment, options: RunOptions): Promise<Journal> {
  const signal = options.signal ?? new AbortController().signal;
  const startedAt = Date.now();
  const values = valuesOf(
    { ...experiment.configuration, ...options.configuration },
    experiment.secrets,
    options.environment ?? process.env,
  );
  const run: ActivityRecord[] = [];
  const during: SteadyState[] = [];
  const background: Promise<void>[] = [];
  let before: SteadyState | null = null;
  let after: SteadyState | null = null;
  let status: Journal["status"] = "completed";

  async function steady(within: AbortSignal): Promise<SteadyState | null> {
    if (experiment.hypothesis === null) return null;
    const probes: ActivityRecord[] = [];
    let met = true;
    for (const probe of experiment.hypothesis.probes) {
      const record = await perform(probe, within);
      probes.push(record);
      if (record.status === "failed" || record.tolerance_met === false) {
        met = false;
        break;
      }
    }
    return { steady_state_met: met, probes };
  }

  async function perform(activity: Activity, within: AbortSignal): Promise<ActivityRecord> {
    await pause(activity.pauses.before, within);
    const start = Date.now();
    let output: Output = null;
    let failure: unknown;
    let met: boolean | undefined;
    try {
      within.throwIfAborted();
      const given = isFields(activity.source) ? (activity.source["provider"] ?? null) : null;
      const provider = readProvider(
        substitute(given, values, `${activity.name}.provider`),
        `${activity.name}.provider`,
      );
      output = await runProvider(provider, options.prunella, { signal: within });
      if (activity.tolerance !== undefined) met = await judged(activity, output, within);
    } catch (error) {
      failure = error;
    }
    const end = Date.now();
    const record: ActivityRecord = {
      activity: activity.source,
      status: failure === undefined ? "succeeded" : "failed",
      output,
      start: new Date(start).toISOString(),
      end: new Date(end).toISOString(),
      duration: (end - start) / 1_000,
      ...(met === undefined ? {} : { tolerance_met: met }),
      ...(failure === undefined ? {} : { exception: described(failure) }),
    };
    options.onActivity?.(activity, record);
    await pause(activity.pauses.after, within);
    return record;
  }

  async function judged(activity: Activity, output: Output, within: AbortSignal): Promise<boolean> {
    const tolerance = substitute(activity.tolerance as Json, values, `${activity.name}.tolerance`);
    if (!isFields(tolerance) || tolerance["type"] !== "probe") return isWithin(tolerance as never, output);
    const probe = asProbe(tolerance);
    const provider = readProvider(
      substitute(probe["provider"] ?? null, { ...values, value: output }, `${activity.name}.tolerance`),
      `${activity.name}.tolerance.provider`,
    );
    const given =
      provider.type === "prunella" ? { ...provider, arguments: { ...provider.arguments, value: output } } : provider;
    const answer = await runProvider(given, options.prunella, { signal: within });
    const inner = tolerance["tolerance"];
    return inner === undefined ? answer === true : isWithin(inner as Exclude<Tolerance, { type: "probe" }>, answer);
  }

  async function method(): Promise<void> {
    options.onPhase?.("method");
    const ended = new AbortController();
    const watching = watch(ended.signal);
    try {
      for (const activity of experiment.method) {
        if (signal.aborted) break;
        if (activity.background) background.push(perform(activity, signal).then((record) => void run.push(record)));
        else run.push(await perform(activity, signal));
      }
      await Promise.all(background);
    } finally {
      ended.abort();
      await watching;
    }
  }

  /** The hypothesis again and again while the method runs, when the experiment asks for it. */
  async function watch(until: AbortSignal): Promise<void> {
    const { hypothesisStrategy: strategy } = experiment;
    if (strategy !== "during-method-only" && strategy !== "continuously") return;
    while (!until.aborted && during.length < continuousMax) {
      const state = await steady(signal);
      if (state !== null) during.push(state);
      await pause(continuousMs / 1_000, until);
    }
  }

  const asks = (when: "before" | "after"): boolean =>
    experiment.hypothesisStrategy === "default" ||
    experiment.hypothesisStrategy === "continuously" ||
    experiment.hypothesisStrategy === `${when}-method-only`;

  options.onPhase?.("hypothesis");
  if (asks("before")) before = await steady(signal);
  const sound = before === null || before.steady_state_met;
  if (!sound) status = "failed";
  else {
    try {
      await method();
      if (asks("after") && !signal.aborted) after = await steady(signal);
    } catch (error) {
      status = "aborted";
      run.push(crashed(error));
    }
  }
  if (signal.aborted) status = "interrupted";
  const deviated = sound && (after?.steady_state_met === false || during.some((state) => !state.steady_state_met));

  const undone: ActivityRecord[] = [];
  let afterRollbacks: SteadyState | null = null;
  const mustUndo =
    sound && (experiment.rollbacksStrategy === "always" || (experiment.rollbacksStrategy === "deviated" && deviated));
  if (mustUndo && experiment.rollbacks.length > 0) {
    options.onPhase?.("rollbacks");
    // The interruption ends the method, not the clean-up.
    const limit = AbortSignal.timeout(rollbacksMsMax);
    for (const rollback of experiment.rollbacks) undone.push(await perform(rollback, limit));
    afterRollbacks = await steady(limit);
  }
  const end = Date.now();
  return {
    "chaoslib-version": "prunella-1",
    platform: platform(),
    node: hostname(),
    experiment: experiment.source,
    status,
    deviated,
    steady_states: { before, after, during, after_rollbacks: afterRollbacks },
    start: new Date(startedAt).toISOString(),
    end: new Date(end).toISOString(),
    duration: (end - startedAt) / 1_000,
    run,
    rollbacks: undone,
  };
}

function crashed(error: unknown): ActivityRecord {
  const at = new Date().toISOString();
  return {
    activity: null,
    status: "failed",
    output: null,
    start: at,
    end: at,
    duration: 0,
    exception: described(error),
  };
}

function described(error: unknown): string[] {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
  return text.split("\n").slice(0, 20);
}

/** Waits; an abort ends the wait early. */
export function pause(seconds: number, signal: AbortSignal): Promise<void> {
  if (seconds <= 0 || signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, seconds * 1_000);
    signal.addEventListener("abort", done);
  });
}
