export * from "./registry.ts";
export * from "./errors.ts";
export * from "./bounded-queue.ts";
export * from "./loop.ts";
export * from "./dual-loop.ts";
export * from "./health-monitor.ts";
