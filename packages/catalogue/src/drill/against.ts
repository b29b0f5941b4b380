// Runs a user's experiment against what runs already: its HTTP and process activities reach wherever they say, its activities
// of provider "prunella" only targets of the control plane's configuration. What was broken is undone whatever happens.
import type { DrillCondition, DrillRun, Json } from "@prunella/core";
import { randomUUID } from "node:crypto";
import { tmpdir } from "node:os";
import type { ControlApi } from "../api.ts";
import { isFields, type Experiment } from "../experiment/experiment.ts";
import { runExperiment, type ActivityRecord, type Journal, type SteadyState } from "../experiment/run.ts";
import { injectorsFor } from "../inject/index.ts";
import { prunellaCalls } from "./calls.ts";
import { toleranceInWords, type Tolerance } from "../experiment/tolerance.ts";
import { textOf } from "../experiment/text.ts";

export interface AgainstOptions {
  /** The control plane; asked for only when an activity needs it. */
  readonly api: () => ControlApi;
  readonly addressesOf: (target: string) => readonly string[];
  readonly foldersOf: (target: string) => readonly string[];
  readonly yesProduction: boolean;
  readonly signal: AbortSignal;
  readonly id?: string;
  readonly onAbort?: (why: string) => void;
}

export async function runAgainst(
  experiment: Experiment,
  options: AgainstOptions,
): Promise<{ readonly run: DrillRun; readonly journal: Journal }> {
  const startedAt = Date.now();
  let injectors: ReturnType<typeof injectorsFor> | null = null;
  const made = (): ReturnType<typeof injectorsFor> =>
    (injectors ??= injectorsFor({
      api: options.api(),
      within: tmpdir(),
      addressesOf: options.addressesOf,
      foldersOf: options.foldersOf,
      yesProduction: options.yesProduction,
      ...(options.onAbort === undefined ? {} : { onAbort: options.onAbort }),
    }));
  let journal: Journal;
  try {
    journal = await runExperiment(experiment, {
      prunella: prunellaCalls({
        api: options.api,
        drill: experiment.title.slice(0, 100),
        inject: (kind, args, signal) => made().inject(kind, args, signal),
        undo: (kind, args) => made().undo(kind, args),
      }),
      signal: options.signal,
    });
  } finally {
    await (injectors as ReturnType<typeof injectorsFor> | null)?.undoAll();
  }
  const passed = journal.status === "completed" && !journal.deviated && isSteady(journal.steady_states.after_rollbacks);
  return {
    journal,
    run: {
      id: options.id ?? `DRILL-${randomUUID().slice(0, 13)}`,
      drill: experiment.title.slice(0, 200),
      state: options.signal.aborted ? "aborted" : passed ? "passed" : "failed",
      withoutHealing: false,
      startedAt,
      endedAt: Date.now(),
      beganAt: null,
      detectedAt: null,
      repairedAt: null,
      recoveredAt: null,
      rootCause: null,
      conditions: conditionsOf(journal),
      evidence: journal.run
        .filter((record) => record.status === "failed")
        .map((record) => ({
          at: Date.parse(record.end),
          what: "note" as const,
          summary: `${nameOf(record)} failed: ${record.exception?.[0] ?? ""}`.slice(0, 500),
        })),
      incident: null,
      error: null,
    },
  };
}

function isSteady(state: SteadyState | null): boolean {
  return state === null || state.steady_state_met;
}

function conditionsOf(journal: Journal): DrillCondition[] {
  const { before, after, after_rollbacks: last } = journal.steady_states;
  const states = [
    ["before", before],
    ["after", after],
    ["after the rollbacks", last],
  ] as const;
  return [
    ...states.flatMap(([when, state]) =>
      (state?.probes ?? []).map((probe): DrillCondition => ({
        name: `${when}: ${nameOf(probe)}`,
        demanded: isFields(probe.activity) ? toleranceInWords(probe.activity["tolerance"] as unknown as Tolerance) : "",
        measured: shortened(probe.output),
        met: probe.status === "succeeded" && probe.tolerance_met === true,
        layer: null,
      })),
    ),
    {
      name: "the experiment ran to its end",
      demanded: "completed",
      measured: journal.status,
      met: journal.status === "completed",
      layer: null,
    },
  ];
}

function nameOf(record: ActivityRecord): string {
  return isFields(record.activity) ? textOf(record.activity["name"]) : "the method";
}

function shortened(value: Json): Json {
  const text = JSON.stringify(value);
  return text.length > 400 ? `${text.slice(0, 400)}…` : value;
}
