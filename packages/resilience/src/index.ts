export * from "./system.ts";
export * from "./report.ts";
export * from "./call/index.ts";
export * from "./hold/index.ts";
