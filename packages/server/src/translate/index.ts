export * from "./records.ts";
export * from "./targets.ts";
export * from "./status.ts";
export * from "./remedies.ts";
export * from "./kpis.ts";
export * from "./report.ts";
export * from "./drills.ts";
