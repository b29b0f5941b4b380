// `targets` and `incidents`: what is watched, and what happened.
import type { Cli } from "../cli.ts";

export function recordCommands(cli: Cli): void {
  const { list } = cli;
  list("targets", "what is watched, and how it is", "/api/v1/targets?limit=500", (each) => [
    each["key"],
    each["kind"],
    each["state"],
    each["pid"] ?? "",
  ]);

  list("incidents", "occurrences, newest first", "/api/v1/incidents?limit=100", (each) => [
    each["id"],
    each["issue"],
    each["target"],
    each["kind"],
    each["outcome"] ?? each["state"],
    each["detectedAt"],
    each["repairMs"] === null ? "" : `${(Number(each["repairMs"]) / 1000).toFixed(1)} s`,
    each["rootCause"] ?? "",
  ]);
}
