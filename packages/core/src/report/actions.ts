// What to do next, derived from the records and never typed in: what waits for a person, drills that fail or grow stale,
// modes without a remedy, remedies near demotion, budgets nearly spent, KPIs off target, claims without evidence.
import type { Issue } from "../issue/index.ts";
import type { Settings, Standing } from "../ports.ts";
import { remediesFor, type Remedy, type Repair } from "../repair/index.ts";
import type { TargetKey, TargetSpec, TimeMs } from "../signal/index.ts";
import { drillProofMs, hasOccurred, type CatalogueMode, type DrillProof } from "./coverage.ts";
import { percent } from "../detection/index.ts";
import type { KpiRow } from "./kpi-rows.ts";
import type { SloStanding } from "./slo.ts";

export interface NextAction {
  readonly urgency: "now" | "soon" | "later";
  readonly kind:
    | "needs-person"
    | "decision"
    | "paused"
    | "drill-failing"
    | "drill-stale"
    | "no-remedy"
    | "demoted"
    | "near-demotion"
    | "budget"
    | "kpi"
    | "claim";
  /** Issue, repair, remedy, drill, target or KPI. */
  readonly about: string;
  readonly text: string;
}

export interface ActionInput {
  readonly now: TimeMs;
  readonly issues: readonly Issue[];
  readonly targets: ReadonlyMap<TargetKey, TargetSpec>;
  readonly remedies: readonly Remedy[];
  /** Live repairs and those of the last day. */
  readonly repairs: readonly Repair[];
  readonly standings: readonly Standing[];
  readonly settings: Settings;
  readonly catalogue: readonly CatalogueMode[];
  readonly drills: readonly DrillProof[];
  readonly slos: readonly SloStanding[];
  readonly kpis: readonly KpiRow[];
  /** Ids of claims for which there is no evidence. */
  readonly claimsWithoutEvidence: readonly string[];
}

/** Actions in one report at most, most urgent first. */
export const actionsMax = 100;
/** A budget with this share of it spent, or less left than one run, is nearly spent. */
const nearlySpentShare = 0.75;

export function nextActions(input: ActionInput): NextAction[] {
  const order = { now: 0, soon: 1, later: 2 };
  return [
    ...people(input),
    ...drills(input),
    ...withoutRemedy(input),
    ...demotions(input),
    ...budgets(input),
    ...input.kpis
      .filter((row) => row.met === false)
      .map((row): NextAction => ({
        urgency: "soon",
        kind: "kpi",
        about: row.name,
        text: `${row.name} is ${row.value}, target ${row.target}`,
      })),
    ...claims(input),
  ]
    .map((action, at) => ({ action, at }))
    .sort((a, b) => order[a.action.urgency] - order[b.action.urgency] || a.at - b.at)
    .map(({ action }) => action)
    .slice(0, actionsMax);
}

function people({ settings, issues, repairs }: ActionInput): NextAction[] {
  const { paused, storm } = settings;
  return [
    ...(paused === null
      ? []
      : [
          {
            urgency: "now" as const,
            kind: "paused" as const,
            about: "repairs",
            text: `repairs are paused by ${paused.by} (${paused.why}): resume when done`,
          },
        ]),
    ...(storm === null
      ? []
      : [
          {
            urgency: "now" as const,
            kind: "paused" as const,
            about: "storm",
            text: `storm mode holds repairs: ${storm.why}`,
          },
        ]),
    ...issues
      .filter((issue) => issue.needsPerson !== null && issue.status !== "ignored")
      .map((issue): NextAction => ({
        urgency: "now",
        kind: "needs-person",
        about: issue.id,
        text: `${issue.id} needs a person: ${issue.needsPerson ?? ""}`,
      })),
    ...repairs
      .filter((repair) => repair.state.name === "proposed")
      .map((repair): NextAction => ({
        urgency: "now",
        kind: "decision",
        about: repair.id,
        text: `${repair.id} (${repair.remedy.name} on ${repair.target}) waits for a decision`,
      })),
  ];
}

function drills({ catalogue, drills: runs, now }: ActionInput): NextAction[] {
  return catalogue.flatMap((mode): NextAction[] => {
    const own = runs.filter((run) => run.drill === mode.id).sort((a, b) => b.at - a.at);
    const [last] = own;
    if (last !== undefined && !last.passed)
      return [
        {
          urgency: "now",
          kind: "drill-failing",
          about: mode.id,
          text: `the drill of ${mode.id} (${mode.title}) fails: ${last.summary}`,
        },
      ];
    const passed = own.find((run) => run.passed);
    if (passed === undefined)
      return [
        {
          urgency: "later",
          kind: "drill-stale",
          about: mode.id,
          text: `the drill of ${mode.id} (${mode.title}) has not been run here: prunella drill ${mode.id}`,
        },
      ];
    const days = Math.floor((now - passed.at) / 86_400_000);
    return now - passed.at < drillProofMs
      ? []
      : [
          {
            urgency: "soon",
            kind: "drill-stale",
            about: mode.id,
            text: `the drill of ${mode.id} (${mode.title}) passed last ${days} days ago and proves nothing any more`,
          },
        ];
  });
}

function withoutRemedy({ issues, targets, remedies, catalogue }: ActionInput): NextAction[] {
  return [
    ...catalogue
      .filter((mode) => mode.solution === null)
      .map((mode): NextAction => ({
        urgency: "soon",
        kind: "no-remedy",
        about: mode.id,
        text: `${mode.id} (${mode.title}) has no remedy`,
      })),
    ...issues
      .filter((issue) => hasOccurred(issue) && issue.mergedInto === null && issue.status !== "ignored")
      .flatMap((issue): NextAction[] => {
        const target = targets.get(issue.target);
        if (target === undefined || remediesFor(issue, target, remedies).length > 0) return [];
        return [
          {
            urgency: "soon",
            kind: "no-remedy",
            about: issue.id,
            text: `${issue.id} (${issue.kind} of ${issue.target}, seen ${issue.occurrences} times) has no remedy: write one under remedies:`,
          },
        ];
      }),
  ];
}

function demotions({ standings, remedies, repairs, now }: ActionInput): NextAction[] {
  return [
    ...standings
      .filter((standing) => standing.demotedTo !== null)
      .map((standing): NextAction => ({
        urgency: "soon",
        kind: "demoted",
        about: standing.remedy,
        text: `remedy ${standing.remedy} was demoted to ${standing.demotedTo ?? ""} (${standing.why ?? ""}): mend it, then prunella remedies promote ${standing.remedy}`,
      })),
    ...remedies.flatMap((remedy): NextAction[] => {
      if (standings.some((standing) => standing.remedy === remedy.name && standing.demotedTo !== null)) return [];
      const { windowMs, max, then } = remedy.recurrence;
      const perTarget = countBy(
        repairs.filter(
          (repair) =>
            repair.remedy.name === remedy.name && repair.recurredAt !== null && repair.recurredAt > now - windowMs,
        ),
      );
      return [...perTarget]
        .filter(([, returns]) => returns >= Math.max(1, max - 1))
        .map(([target, returns]): NextAction => ({
          urgency: "soon",
          kind: "near-demotion",
          about: remedy.name,
          text: `the fault of ${target} came back ${returns} times after ${remedy.name} (at ${max} ${then === "stop" ? "it is demoted" : "a person is called"}): it treats the symptom`,
        }));
    }),
  ];
}

function budgets({ remedies, repairs, slos, now }: ActionInput): NextAction[] {
  const ofRemedies = remedies.flatMap((remedy) =>
    remedy.budgets.flatMap((budget): NextAction[] => {
      const runs = repairs.filter(
        (repair) =>
          repair.remedy.name === remedy.name && repair.startedAt !== null && repair.startedAt > now - budget.windowMs,
      );
      const spent: readonly (readonly [string, number])[] =
        budget.scope === "remedy" ? [["", runs.length]] : [...countBy(runs)];
      return spent
        .filter(([, count]) => count >= budget.runs * nearlySpentShare)
        .map(([target, count]): NextAction => ({
          urgency: count >= budget.runs ? "now" : "soon",
          kind: "budget",
          about: remedy.name,
          text: `${remedy.name} has used ${count} of ${budget.runs} runs in ${Math.round(budget.windowMs / 60_000)} min${target === "" ? "" : ` on ${target}`}`,
        }));
    }),
  );
  const ofSlos = slos
    .filter((slo) => slo.budgetLeft !== null && slo.budgetLeft < 1 - nearlySpentShare)
    .map((slo): NextAction => ({
      urgency: (slo.budgetLeft ?? 0) <= 0 ? "now" : "soon",
      kind: "budget",
      about: slo.target,
      text:
        (slo.budgetLeft ?? 0) <= 0
          ? `the error budget of ${slo.target} for ${slo.spec.objective} is spent`
          : `the error budget of ${slo.target} for ${slo.spec.objective} is nearly spent: ${percent(slo.budgetLeft ?? 0, 1)} is left`,
    }));
  return [...ofRemedies, ...ofSlos];
}

function claims({ claimsWithoutEvidence }: ActionInput): NextAction[] {
  const [first] = claimsWithoutEvidence;
  if (first === undefined) return [];
  const listed = claimsWithoutEvidence.slice(0, 20).join(", ");
  const rest = claimsWithoutEvidence.length - 20;
  return [
    {
      urgency: "later",
      kind: "claim",
      about: first,
      text: `${claimsWithoutEvidence.length} imported issues are pending without evidence: ${listed}${rest > 0 ? ` and ${rest} more` : ""}`,
    },
  ];
}

function countBy(repairs: readonly Repair[]): Map<TargetKey, number> {
  const counts = new Map<TargetKey, number>();
  for (const repair of repairs) counts.set(repair.target, (counts.get(repair.target) ?? 0) + 1);
  return counts;
}
