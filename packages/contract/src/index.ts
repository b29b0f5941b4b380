export * from "./shapes.ts";
export * from "./logs.ts";
