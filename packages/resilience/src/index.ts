export * from "./system.ts";
export * from "./report.ts";
