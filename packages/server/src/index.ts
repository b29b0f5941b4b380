export * from "./serve.ts";
export * from "./host.ts";
export { application } from "./app.ts";
export { drillRunJson } from "./translate/drills.ts";
