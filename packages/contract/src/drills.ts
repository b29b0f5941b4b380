// The JSON of drills: the catalogue's rows with what proves each layer, and every run with the conditions it was held to.
import { Type, type Static, type TSchema } from "typebox";
import { Evidence, Severity } from "./shapes.ts";

const Time = Type.String({ format: "date-time", description: "RFC 3339 with milliseconds, UTC" });
const nullable = <T extends TSchema>(of: T) => Type.Union([of, Type.Null()]);

export const DrillCondition = Type.Object({
  name: Type.String(),
  demanded: Type.String(),
  measured: Type.Unknown({ description: "Null: nothing was measured, which is not met" }),
  met: Type.Boolean(),
  layer: nullable(Type.String({ description: "detection, prevention, repair or monitoring: what it shows at work" })),
});

export const DrillRun = Type.Object({
  id: Type.String({ examples: ["DRILL-1f0c2a9e-41d"] }),
  drill: Type.String({ examples: ["CRIT-001"] }),
  state: Type.Union([Type.Literal("running"), Type.Literal("passed"), Type.Literal("failed"), Type.Literal("aborted")]),
  withoutHealing: Type.Boolean(),
  startedAt: Time,
  endedAt: nullable(Time),
  beganAt: nullable(Time),
  detectedAt: nullable(Time),
  repairedAt: nullable(Time),
  recoveredAt: nullable(Time),
  detectionMs: nullable(
    Type.Number({ description: "detectedAt - beganAt, of the fault that took longest to be over" }),
  ),
  repairMs: nullable(Type.Number({ description: "repairedAt - detectedAt" })),
  rootCause: nullable(Type.String()),
  conditions: Type.Array(DrillCondition),
  evidence: Type.Array(Evidence),
  incident: nullable(
    Type.String({ description: "Incident of the world the drill ran in, unless it ran against this one" }),
  ),
  error: nullable(Type.String()),
});
export type DrillRun = Static<typeof DrillRun>;

const LayerProof = Type.Object({
  proved: Type.Boolean(),
  by: nullable(Type.String({ description: "Drill run that showed it" })),
  at: nullable(Time),
});

export const Drill = Type.Object({
  id: Type.String({ examples: ["CRIT-001"] }),
  severity: Severity,
  title: Type.String(),
  fault: Type.String(),
  rootCause: Type.String(),
  detector: Type.String(),
  guard: Type.String(),
  remedy: Type.String(),
  metric: Type.String(),
  layers: Type.Object({ detection: LayerProof, prevention: LayerProof, repair: LayerProof, monitoring: LayerProof }),
  lastRun: nullable(DrillRun),
  stale: Type.Boolean({ description: "Never passed here, or so long ago that it proves nothing any more" }),
  schedule: nullable(Type.String({ description: "When it runs by itself, in words" })),
});
export type Drill = Static<typeof Drill>;

export const IssueDrill = Type.Object({
  drill: Type.String({ examples: ["CRIT-001"] }),
  remedies: Type.Array(Type.String(), {
    description:
      "Remedies of this issue that it proves by its schedule; empty: it proves the mode that the issue claims",
  }),
  run: nullable(Type.String({ description: "Its last run with healing; null: none yet" })),
  state: Type.Union([Type.Literal("passed"), Type.Literal("failed"), Type.Literal("none")]),
  at: nullable(Time),
  ageMs: nullable(Type.Number({ description: "Since that run ended" })),
  passedAt: nullable(Time),
  stale: Type.Boolean({ description: "It has not passed, or so long ago that it proves nothing any more" }),
  summary: Type.String({ description: "What the run showed, or which condition was not met" }),
});
export type IssueDrill = Static<typeof IssueDrill>;
