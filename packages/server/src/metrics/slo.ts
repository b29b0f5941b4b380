// Objectives of targets: goal, what was achieved, what is left of the error budget, how fast it is being spent. Read from the
// store at most every 15 s; at most targetsMax targets with five objectives each and four windows of burning.
import type { SloStanding } from "@prunella/core";
import type { ServerOptions } from "../host.ts";
import { slosOf } from "../translate/report.ts";
import type { Kit } from "./kit.ts";

const everyMs = 15_000;
/** Objectives with series of their own. */
export const objectivesMax = 2_000;
const states = ["ok", "burning", "exhausted", "no-data"] as const;

export function sloMetrics({ gauge }: Kit, options: ServerOptions): { refresh(): Promise<void> } {
  let standings: readonly SloStanding[] = [];
  let at = Number.NEGATIVE_INFINITY;
  const labels = ["target", "objective"] as const;
  const each = (use: (labels: { target: string; objective: string }, of: SloStanding) => void): void => {
    for (const of of standings) use({ target: of.target, objective: of.spec.objective }, of);
  };
  gauge("prunella_slo_goal_ratio", "Share that an objective demands", labels, (to) =>
    each((of, { spec }) => to.set(of, spec.goal)),
  );
  gauge("prunella_slo_current_ratio", "Share that was good within the window of an objective", labels, (to) =>
    each((of, { current }) => current !== null && to.set(of, current)),
  );
  gauge("prunella_slo_budget_left_ratio", "Share of the error budget that is left; below 0: overspent", labels, (to) =>
    each((of, { budgetLeft }) => budgetLeft !== null && to.set(of, budgetLeft)),
  );
  gauge(
    "prunella_slo_burn_rate",
    "How fast the budget is spent; 1 spends it exactly by the end",
    [...labels, "window"],
    (to) =>
      each((of, { burnRates }) => {
        for (const { windowMs, rate } of burnRates)
          if (rate !== null) to.set({ ...of, window: `${windowMs / 60_000}m` }, rate);
      }),
  );
  gauge("prunella_slo_state", "1 for the state that an objective is in, 0 for the others", [...labels, "state"], (to) =>
    each((of, { state }) => {
      for (const one of states) to.set({ ...of, state: one }, one === state ? 1 : 0);
    }),
  );
  return {
    async refresh() {
      const now = options.clock.now();
      if (now - at < everyMs) return;
      at = now;
      standings = (await slosOf(options).catch(() => standings)).slice(0, objectivesMax);
    },
  };
}
