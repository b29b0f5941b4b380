export * from "./logs/index.ts";
export * from "./errors/index.ts";
