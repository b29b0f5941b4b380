export * from "./shapes.ts";
export * from "./alerts.ts";
export * from "./slo.ts";
export * from "./report.ts";
