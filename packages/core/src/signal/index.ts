export * from "./target.ts";
export * from "./signal.ts";
