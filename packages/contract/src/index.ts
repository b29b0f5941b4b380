export * from "./shapes.ts";
export * from "./issue-query.ts";
export * from "./slo.ts";
export * from "./report.ts";
