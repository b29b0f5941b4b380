export * from "./alert.ts";
export * from "./match.ts";
export * from "./rules.ts";
export * from "./manage.ts";
export * from "./commands.ts";
export * from "./outside.ts";
export * from "./delivery.ts";
