export * from "./agent.ts";
export * from "./log-read.ts";
