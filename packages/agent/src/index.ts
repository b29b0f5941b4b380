export * from "./agent.ts";
export * from "./control-groups.ts";
export * from "./log-read.ts";
export { portFacts, type PortFacts, type PortOwner } from "./port-owner.ts";
