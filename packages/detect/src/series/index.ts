export * from "./sample.ts";
export * from "./anomaly.ts";
