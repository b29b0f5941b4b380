export * from "./finding.ts";
export * from "./view.ts";
export * from "./detect.ts";
export * from "./memory.ts";
export * from "./guards.ts";
