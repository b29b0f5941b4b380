export * from "./series/index.ts";
export * from "./logs/index.ts";
export * from "./errors/index.ts";
export {
  exhaustion,
  type Exhaustion,
  type ExhaustionOptions,
  type ExhaustionSnapshot,
  type ExhaustionVerdict,
  type TrendEvidence,
} from "./forecast/exhaustion.ts";
export { changePoints, type ChangePoint, type SegmentationOptions } from "./change/segmentation.ts";
export {
  streamChanges,
  type StreamChange,
  type StreamChangeDetector,
  type StreamChangeOptions,
  type StreamChangeSnapshot,
} from "./change/online.ts";
export {
  causesOf,
  dependencies,
  type Dependencies,
  type DependencyOptions,
  type DependencySnapshot,
  type Edge,
  type Graph,
  type Unhealthy,
} from "./cause/graph.ts";
export {
  findCause,
  rankCauses,
  type CauseInput,
  type CauseVerdict,
  type Metrics,
  type RankedCause,
} from "./cause/ranking.ts";
export { roleOf, type Role, type Series } from "./cause/deviation.ts";
export {
  remainingLife,
  trainLife,
  type LifeModel,
  type LifeOptions,
  type LifeRow,
  type RemainingLife,
} from "./life/remaining-life.ts";
