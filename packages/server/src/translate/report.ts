// Gathers what a status report, coverage and objectives are computed from, and translates what core made of it.
import type * as Contract from "@prunella/contract";
import {
  claimedRate,
  coverage,
  describeSlo,
  sloCounts,
  sloStanding,
  statusReport,
  type Claim,
  type Coverage,
  type IssueSection,
  type KpiRow,
  type LayerProof,
  type MatrixRow,
  type ModeCoverage,
  type SloStanding,
  type StatusReport,
} from "@prunella/core";
import type { ServerOptions } from "../host.ts";
import { allIssues, incidentsOf, rateJson, recordsMax, recordsOf } from "./kpis.ts";
import { incidentJson, time, timeOrNull } from "./records.ts";

type Options = Pick<ServerOptions, "engine" | "store" | "clock" | "sources">;

const watched = (options: Options): string[] =>
  [...options.engine.world.targets.values()].filter((spec) => spec.kind !== "self").map((spec) => spec.key);

/** @param period what the report is about; `compare` adds the period of the same length before it. */
export async function reportOf(
  options: Options,
  period: { readonly from: number; readonly to: number; readonly compare: boolean },
): Promise<StatusReport> {
  const { engine, store, clock, sources } = options;
  const { from, to, compare } = period;
  const { world } = engine;
  const targets = watched(options);
  const records = await recordsOf(store, targets, from, to);
  const before = compare ? await recordsOf(store, targets, from - (to - from), from) : null;
  return statusReport({
    at: clock.now(),
    records,
    before,
    issues: await allIssues(store, {}),
    incidents: await incidentsOf(store, 0, clock.now() + 1),
    notified: await notifiedOf(store),
    targets: world.targets,
    remedies: engine.context().remedies,
    repairs: [...world.repairs.values()],
    standings: [...world.standings.values()],
    settings: world.settings,
    catalogue: sources?.catalogue?.() ?? [],
    drills: (await sources?.drills?.()) ?? [],
    slos: await slosOf(options),
    longRuns: (await sources?.longRuns?.()) ?? [],
  });
}

export async function coverageOf(options: Options): Promise<Coverage> {
  const { store, clock, sources } = options;
  return coverage({
    now: clock.now(),
    catalogue: sources?.catalogue?.() ?? [],
    drills: (await sources?.drills?.()) ?? [],
    issues: await allIssues(store, {}),
    incidents: await incidentsOf(store, 0, clock.now() + 1),
    notified: await notifiedOf(store),
  });
}

/** Every objective of every target, by target and in the order of the configuration. */
export async function slosOf(options: Options): Promise<SloStanding[]> {
  const { engine, store, clock } = options;
  const now = clock.now();
  const all: SloStanding[] = [];
  for (const spec of engine.world.targets.values()) {
    const slos = spec.slos ?? [];
    if (slos.length === 0) continue;
    const from = now - Math.max(...slos.map((slo) => slo.windowMs));
    const tallies = await store.tallies({ target: spec.key, from, to: now + 1 });
    const states = engine.views.get(spec.key)?.slos.states(now) ?? [];
    for (const slo of slos) {
      const isSampled = slo.objective === "memory" || slo.objective === "cpu";
      all.push(
        sloStanding({
          now,
          target: spec.key,
          spec: slo,
          tallies,
          counts: isSampled ? await sloCounts(store, spec.key, slo.objective, now - slo.windowMs, now + 1) : [],
          live: states.find((state) => state.spec.objective === slo.objective) ?? null,
        }),
      );
    }
  }
  return all;
}

/** Incidents of which somebody was told: a notification of theirs was delivered. Looks at the newest recordsMax. */
async function notifiedOf(store: Options["store"]): Promise<ReadonlySet<string>> {
  const told = new Set<string>();
  let seen = 0;
  let after: string | null = null;
  do {
    const page = await store.notifications({ limit: 500, after });
    for (const { incident, ended } of page.items) if (incident !== null && ended === "delivered") told.add(incident);
    seen += page.items.length;
    after = page.next;
  } while (after !== null && seen < recordsMax);
  return told;
}

export function sloJson(slo: SloStanding): Contract.Slo {
  return {
    target: slo.target,
    objective: slo.spec.objective,
    goal: slo.spec.goal,
    limit: slo.spec.limit,
    text: describeSlo(slo.spec),
    current: slo.current,
    count: slo.count,
    of: slo.of,
    windowMs: slo.spec.windowMs,
    budgetLeft: slo.budgetLeft,
    burnRates: slo.burnRates.map((burn) => ({ ...burn })),
    state: slo.state,
  };
}

export function coverageJson(of: Coverage): Contract.Coverage {
  return {
    layers: of.layers.map((layer) => ({ name: layer.name, ...rateJson(layer) })),
    modes: of.modes.map(modeJson),
  };
}

function modeJson(mode: ModeCoverage): Contract.Coverage["modes"][number] {
  const proof = (of: LayerProof) => ({ proved: of.proved, by: of.by, at: timeOrNull(of.at) });
  const { detection, prevention, repair, monitoring } = mode.layers;
  return {
    id: mode.id,
    title: mode.title,
    origin: mode.origin,
    layers: {
      detection: proof(detection),
      prevention: proof(prevention),
      repair: proof(repair),
      monitoring: proof(monitoring),
    },
  };
}

export function reportJson(report: StatusReport): Contract.Report {
  const { summary } = report;
  return {
    at: time(report.at),
    from: time(report.from),
    to: time(report.to),
    previous: report.previous === null ? null : { from: time(report.previous.from), to: time(report.previous.to) },
    summary: {
      ...summary,
      byStatus: { ...summary.byStatus },
      selfHealingCoverage: rateJson(summary.selfHealingCoverage),
      monitoring: rateJson(summary.monitoring),
    },
    matrix: report.matrix.map(rowJson),
    catalogue: report.catalogue.map(rowJson),
    issues: report.issues.map(sectionJson),
    sectionsLeftOut: report.sectionsLeftOut,
    layers: report.layers.map((layer) => ({ name: layer.name, ...rateJson(layer), parts: [...layer.parts] })),
    modes: report.modes.map(modeJson),
    kpis: report.kpis.map(kpiRowJson),
    drills: report.drillKpis.map(kpiRowJson),
    detection: report.production.detection,
    repair: report.production.repair,
    targets: report.production.targets.map((each) => ({
      ...each,
      availability: rateJson(each.availability),
      errorRate: rateJson(each.errorRate),
    })),
    slos: report.slos.map(sloJson),
    longRuns: report.longRuns.map((run) => ({
      ...run,
      at: time(run.at),
      figures: run.figures.map((figure) => ({ ...figure })),
      rates: run.rates.map(({ name, count, of }) => ({ name, ...rateJson(claimedRate(count, of)) })),
    })),
    nextActions: report.nextActions.map((action) => ({ ...action })),
  };
}

function rowJson(row: MatrixRow): Contract.ReportRow {
  return { ...row, proof: row.proof === null ? null : { ...row.proof, at: time(row.proof.at) } };
}

function kpiRowJson(row: KpiRow): Contract.ReportKpi {
  return { ...row };
}

function sectionJson({
  row,
  issue,
  claim,
  incidents,
  incidentsInPeriod,
}: IssueSection): Contract.Report["issues"][number] {
  return {
    row: rowJson(row),
    claim: claim === null ? null : claimJson(claim),
    kind: issue.kind,
    firstSeen: time(issue.firstSeen),
    lastSeen: time(issue.lastSeen),
    incidents: incidents.map(incidentJson),
    incidentsInPeriod,
  };
}

export function claimJson(claim: Claim): Contract.Claim {
  return { ...claim, sections: { ...claim.sections } };
}
