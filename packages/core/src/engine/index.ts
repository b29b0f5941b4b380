export * from "./engine.ts";
export * from "./commands.ts";
export * from "./reconcile.ts";
export * from "./ledger.ts";
export * from "./flow.ts";
export * from "./slo-books.ts";
