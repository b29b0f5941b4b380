export * from "./judge.ts";
