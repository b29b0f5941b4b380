export * from "./signal/index.ts";
export * from "./detection/index.ts";
export * from "./issue/index.ts";
export * from "./repair/index.ts";
export * from "./ports.ts";
export * from "./paging.ts";
export * from "./errors.ts";
