export {
  AbortedError,
  BreakerOpenError,
  BulkheadFullError,
  CallError,
  isRefusal,
  RateLimitedError,
  RefusalError,
  TimeoutError,
} from "./refusals.ts";
export type { CallContext, Cancel, Work } from "./context.ts";
export type { CallGuardOptions } from "./guard.ts";
export * from "./timeout.ts";
export * from "./backoff.ts";
export * from "./budget.ts";
export { retry, type Retry, type RetryOptions } from "./retry.ts";
export * from "./breaker.ts";
export * from "./breaker-window.ts";
export { bulkhead, type Bulkhead, type BulkheadOptions, type Release } from "./bulkhead.ts";
export { hedge, type Hedge, type HedgeOptions } from "./hedge.ts";
export * from "./fallback.ts";
export * from "./degrade.ts";
export { pipeline, type Pipeline, type PipelineOptions } from "./pipeline.ts";
export type { CallLimiter } from "./call.ts";
export { grainMs as wheelGrainMs, Wheel, WheelEntry, wheelOf } from "./wheel.ts";
