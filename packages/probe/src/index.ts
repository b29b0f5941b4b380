export { probeFile } from "./probe-file.ts";
export * from "./wire.ts";
