// JSON of the status report, of coverage, and of issues that are imported and exported.
import { Type, type Static, type TSchema } from "typebox";
import { Durations, Incident, IssueStatus, Rate, SelfHealing, Severity } from "./shapes.ts";
import { Slo } from "./slo.ts";

const Time = Type.String({ format: "date-time", description: "RFC 3339 with milliseconds, UTC" });
const nullable = <T extends TSchema>(of: T) => Type.Union([of, Type.Null()]);

export const LayerName = Type.Union([
  Type.Literal("detection"),
  Type.Literal("prevention"),
  Type.Literal("repair"),
  Type.Literal("monitoring"),
]);
export const LayerProof = Type.Object({
  proved: Type.Boolean(),
  by: nullable(Type.String({ description: "Drill run or incident" })),
  at: nullable(Time),
});
export const LayerCoverage = Type.Object({
  name: LayerName,
  share: nullable(Type.Number()),
  count: Type.Integer(),
  of: Type.Integer(),
  low: nullable(Type.Number()),
  high: nullable(Type.Number()),
});
export const ModeCoverage = Type.Object({
  id: Type.String(),
  title: Type.String(),
  origin: Type.Union([Type.Literal("catalogue"), Type.Literal("issue")]),
  layers: Type.Object({ detection: LayerProof, prevention: LayerProof, repair: LayerProof, monitoring: LayerProof }),
});
export const Coverage = Type.Object({ layers: Type.Array(LayerCoverage), modes: Type.Array(ModeCoverage) });
export type Coverage = Static<typeof Coverage>;

export const ReportKpi = Type.Object({
  name: Type.String(),
  group: Type.Union([Type.Literal("system health"), Type.Literal("self-healing")]),
  target: Type.String(),
  value: Type.String(),
  measured: nullable(Type.Number({ description: "A share, ms, bytes or cores, by the row; null without data" })),
  count: Type.Number(),
  of: Type.Number(),
  low: nullable(Type.Number({ description: "95 % Wilson interval when fewer than 100 cases were counted" })),
  high: nullable(Type.Number()),
  met: nullable(Type.Boolean()),
  previous: nullable(Type.String({ description: "Value of the period before" })),
});
export type ReportKpi = Static<typeof ReportKpi>;

export const ReportProof = Type.Object({
  at: Time,
  kind: Type.Union([Type.Literal("incident"), Type.Literal("drill")]),
  by: Type.String(),
  text: Type.String(),
});
export const ReportRow = Type.Object({
  id: Type.String(),
  origin: Type.Union([Type.Literal("found"), Type.Literal("imported"), Type.Literal("catalogue")]),
  severity: Severity,
  title: Type.String(),
  target: nullable(Type.String()),
  status: IssueStatus,
  regressed: Type.Boolean(),
  remark: nullable(Type.String({ description: "Why the status is not what the record or a claim says" })),
  selfHealing: SelfHealing,
  rootCause: nullable(Type.String()),
  solution: nullable(Type.String()),
  occurrences: Type.Integer(),
  proof: nullable(ReportProof),
});
export type ReportRow = Static<typeof ReportRow>;

export const Claim = Type.Object(
  {
    id: Type.String({ maxLength: 80, examples: ["CRIT-001"] }),
    severity: Severity,
    title: Type.String({ maxLength: 1_000 }),
    status: IssueStatus,
    selfHealing: SelfHealing,
    rootCause: nullable(Type.String({ maxLength: 1_000 })),
    solution: nullable(Type.String({ maxLength: 1_000 })),
    sections: Type.Record(Type.String(), Type.String(), { description: "Further text by heading, word for word" }),
  },
  { additionalProperties: false },
);
export type Claim = Static<typeof Claim>;

export const ReportSection = Type.Object({
  row: ReportRow,
  claim: nullable(Claim),
  kind: Type.String(),
  firstSeen: Time,
  lastSeen: Time,
  incidents: Type.Array(Incident),
  incidentsInPeriod: Type.Integer(),
});

export const LongRun = Type.Object({
  kind: Type.Union([Type.Literal("stress"), Type.Literal("soak"), Type.Literal("load")]),
  at: Time,
  coveredMs: Type.Number(),
  passed: Type.Boolean(),
  summary: Type.String(),
  figures: Type.Array(Type.Object({ name: Type.String(), value: Type.String() })),
  rates: Type.Array(Type.Object({ name: Type.String(), ...Rate.properties }), {
    description: "What the run counted, each with its 95 % Wilson interval",
  }),
  command: Type.String(),
});

export const NextAction = Type.Object({
  urgency: Type.Union([Type.Literal("now"), Type.Literal("soon"), Type.Literal("later")]),
  kind: Type.String(),
  about: Type.String(),
  text: Type.String(),
});

export const TargetKpis = Type.Object({
  target: Type.String(),
  availability: Rate,
  errorRate: Rate,
  latencyMsP95: nullable(Type.Number()),
  memoryBytesMax: nullable(Type.Number()),
  cpuShareMean: nullable(Type.Number()),
});

export const Report = Type.Object({
  at: Time,
  from: Time,
  to: Time,
  previous: nullable(Type.Object({ from: Time, to: Time })),
  summary: Type.Object({
    total: Type.Integer(),
    byStatus: Type.Record(Type.String(), Type.Integer()),
    needsPerson: Type.Integer(),
    selfHealingActive: Type.Integer(),
    incidents: Type.Integer(),
    incidentsBefore: nullable(Type.Integer()),
    selfHealingCoverage: Rate,
    automatedDetection: Type.Integer({ description: "Incidents found in the period" }),
    automatedRepair: Type.Integer({ description: "Of them recovered by a verified repair" }),
    monitoring: Rate,
  }),
  matrix: Type.Array(ReportRow),
  catalogue: Type.Array(ReportRow),
  issues: Type.Array(ReportSection),
  sectionsLeftOut: Type.Integer(),
  layers: Type.Array(
    Type.Object({
      ...LayerCoverage.properties,
      parts: Type.Array(Type.String()),
    }),
  ),
  modes: Type.Array(ModeCoverage),
  kpis: Type.Array(ReportKpi),
  drills: Type.Array(ReportKpi),
  detection: Durations,
  repair: Durations,
  targets: Type.Array(TargetKpis),
  slos: Type.Array(Slo),
  longRuns: Type.Array(LongRun),
  nextActions: Type.Array(NextAction),
});
export type Report = Static<typeof Report>;

export const ImportedRow = Type.Object({
  id: Type.String(),
  taken: Type.Union([Type.Literal("new"), Type.Literal("changed"), Type.Literal("unchanged"), Type.Literal("refused")]),
  why: Type.String(),
});
export const Imported = Type.Object({ rows: Type.Array(ImportedRow), message: Type.String() });
export type Imported = Static<typeof Imported>;
