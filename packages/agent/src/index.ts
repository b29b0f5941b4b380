export * from "./agent.ts";
export * from "./log-read.ts";
export { portFacts, type PortFacts, type PortOwner } from "./port-owner.ts";
