// What drills have proved: the newest run of each, when it last passed, its times, and the share of known failure modes whose
// layers were shown at work. Runs with healing only; one that was aborted says nothing. Labels: the catalogue's ids and the
// drills on the schedule, so that a run sent in under any other name has no series.
import type { Coverage, DrillProof } from "@prunella/core";
import type { ServerOptions } from "../host.ts";
import { coverageOf } from "../translate/index.ts";
import type { Kit } from "./kit.ts";

/** The catalogue's drills and those of the schedule (100 at most) with series of their own. */
export const drillsMax = 200;
/** Runs are read from the store at most this often, ms. */
const runsEveryMs = 15_000;
/** Coverage reads every incident on record, so it is computed at most this often, ms. */
const coverageEveryMs = 300_000;

interface Standing {
  readonly drill: string;
  readonly last: DrillProof | null;
  readonly passedAt: number | null;
}

const outcomes = ["passed", "failed", "none"] as const;

export function drillMetrics({ gauge }: Kit, options: ServerOptions): { refresh(): Promise<void> } {
  const { clock, sources } = options;
  let standings: readonly Standing[] = [];
  let coverage: Coverage["layers"] = [];
  let [runsAt, coverageAt] = [Number.NEGATIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const scheduled = (): ReadonlySet<string> => new Set((options.drills?.scheduled() ?? []).map((each) => each.drill));
  const known = (): string[] =>
    [...new Set([...(options.drills?.modes ?? []).map((mode) => mode.id), ...scheduled()])].slice(0, drillsMax);

  gauge(
    "prunella_drill_outcome",
    "1 for what the last run of a drill came to, 0 for the others; none: it has not run",
    ["drill", "outcome"],
    (to) => {
      for (const { drill, last } of standings) {
        const outcome = last === null ? "none" : last.passed ? "passed" : "failed";
        for (const one of outcomes) to.set({ drill, outcome: one }, one === outcome ? 1 : 0);
      }
    },
  );
  gauge("prunella_drill_last_run_timestamp_seconds", "When a drill's last run ended; 0: never", ["drill"], (to) => {
    for (const { drill, last } of standings) to.set({ drill }, (last?.at ?? 0) / 1000);
  });
  gauge("prunella_drill_last_pass_timestamp_seconds", "When a drill last passed; 0: never", ["drill"], (to) => {
    for (const { drill, passedAt } of standings) to.set({ drill }, (passedAt ?? 0) / 1000);
  });
  gauge("prunella_drill_scheduled", "1 when a drill runs by itself, 0 when not", ["drill"], (to) => {
    const own = scheduled();
    for (const { drill } of standings) to.set({ drill }, own.has(drill) ? 1 : 0);
  });
  for (const [name, help, of] of [
    ["detection", "From the fault to its detection, in a drill's last run", (run: DrillProof) => run.detectionMs],
    ["repair", "From detection to the end of the repair, in a drill's last run", (run: DrillProof) => run.repairMs],
    [
      "recovery",
      "From detection to the start of the healthy stretch, in a drill's last run",
      (run: DrillProof) => run.recoveryMs,
    ],
  ] as const)
    gauge(`prunella_drill_${name}_seconds`, `${help}; absent: it was not reached`, ["drill"], (to) => {
      for (const { drill, last } of standings) {
        const ms = last === null ? null : of(last);
        if (ms !== null) to.set({ drill }, ms / 1000);
      }
    });
  gauge(
    "prunella_coverage_modes",
    "Failure modes that are known: the catalogue's and all that have occurred",
    [],
    (to) => to.set(coverage[0]?.of ?? 0),
  );
  gauge(
    "prunella_coverage_proved_modes",
    "Known failure modes whose drill or incident showed this layer at work",
    ["layer"],
    (to) => {
      for (const { name, count } of coverage) to.set({ layer: name }, count);
    },
  );

  return {
    async refresh() {
      const now = clock.now();
      if (now - runsAt >= runsEveryMs) {
        runsAt = now;
        const runs = await sources?.drills?.().catch(() => null);
        if (runs !== null) standings = known().map((drill) => standingOf(drill, runs ?? []));
      }
      if (now - coverageAt >= coverageEveryMs) {
        coverageAt = now;
        coverage = (await coverageOf(options).catch(() => null))?.layers ?? coverage;
      }
    },
  };
}

/** `runs` are newest first. */
function standingOf(drill: string, runs: readonly DrillProof[]): Standing {
  const own = runs.filter((run) => run.drill === drill);
  return { drill, last: own[0] ?? null, passedAt: own.find((run) => run.passed)?.at ?? null };
}
