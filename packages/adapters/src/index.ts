export * from "./plan.ts";
export * from "./link/wire.ts";
