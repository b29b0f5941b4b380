export * from "./kpis.ts";
export * from "./summary.ts";
