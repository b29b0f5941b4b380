export * from "./target.ts";
export * from "./signal.ts";
export * from "./rates.ts";
