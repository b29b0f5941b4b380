export * from "./target.ts";
export * from "./latency.ts";
export * from "./signal.ts";
export * from "./rates.ts";
