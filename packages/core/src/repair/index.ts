export * from "./remedy.ts";
export * from "./repair.ts";
export * from "./check.ts";
export * from "./shipped.ts";
export * from "./choose.ts";
export * from "./guards.ts";
export * from "./advance.ts";
export * from "./standing.ts";
