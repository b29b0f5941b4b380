export * from "./adjust.ts";
export * from "./scaling.ts";
export * from "./shares.ts";
export * from "./tuning.ts";
