export * from "./issue.ts";
export * from "./status.ts";
export * from "./fold.ts";
export * from "./end.ts";
export * from "./claim.ts";
