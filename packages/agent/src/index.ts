export * from "./agent.ts";
export * from "./control-groups.ts";
export * from "./log-read.ts";
