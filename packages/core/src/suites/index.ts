export * from "./store.ts";
export * from "./samples.ts";
export type { StoreCase, StoreUnderTest } from "./support.ts";
