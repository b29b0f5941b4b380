export * from "./series/index.ts";
export * from "./logs/index.ts";
export * from "./errors/index.ts";
