export * from "./kpis.ts";
export * from "./kpi-rows.ts";
export * from "./coverage.ts";
export * from "./slo.ts";
export * from "./evidence.ts";
export * from "./actions.ts";
export * from "./status-report.ts";
