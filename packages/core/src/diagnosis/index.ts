export * from "./cause.ts";
export * from "./diagnose.ts";
