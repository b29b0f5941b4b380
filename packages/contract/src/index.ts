export * from "./shapes.ts";
export * from "./slo.ts";
export * from "./report.ts";
