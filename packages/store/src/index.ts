export * from "./sqlite-store.ts";
export type { Retention } from "./retention.ts";
export type { Salvage } from "./salvage.ts";
export * from "./read-only.ts";
