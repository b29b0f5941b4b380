export * from "./remedy.ts";
export * from "./repair.ts";
