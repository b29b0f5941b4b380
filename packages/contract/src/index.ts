export * from "./shapes.ts";
export * from "./alerts.ts";
