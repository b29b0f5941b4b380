export * from "./shapes.ts";
export * from "./issue-query.ts";
