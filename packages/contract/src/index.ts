export * from "./shapes.ts";
export * from "./issue-query.ts";
export * from "./logs.ts";
export * from "./slo.ts";
export * from "./report.ts";
export * from "./drills.ts";
export * from "./alerts.ts";
export * from "./access.ts";
