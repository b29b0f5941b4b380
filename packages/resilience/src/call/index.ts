export { timeout, type Timeout, type TimeoutOptions } from "./timeout.ts";
export * from "./backoff.ts";
export { callBudget, type CallBudget, type CallBudgetOptions } from "./budget.ts";
export { retry, type Retry, type RetryOptions } from "./retry.ts";
export {
  breaker,
  type Breaker,
  type BreakerOptions,
  type BreakerState,
  type BreakerStateName,
  type CallOutcome,
} from "./breaker.ts";
export * from "./breaker-window.ts";
export { bulkhead, type Bulkhead, type BulkheadOptions } from "./bulkhead.ts";
export { hedge, type Hedge, type HedgeOptions } from "./hedge.ts";
export { fallback, type Alternative, type Fallback, type FallbackOptions } from "./fallback.ts";
export { degrade, type Degrade, type DegradeOptions } from "./degrade.ts";
export { pipeline, type Pipeline, type PipelineOptions } from "./pipeline.ts";
export type { CallLimiter } from "./call.ts";
