export * from "./scaling.ts";
export * from "./tuning.ts";
