// Targets that Prunella does not run: watched by their checks, named by their addresses.
import type { CheckPlan } from "@prunella/adapters";
import type { TargetSpec } from "@prunella/core";
import { addressOf, readChecks } from "./checks.ts";
import type { Cursor } from "./cursor.ts";
import { keysOf } from "./schema.ts";
import { readAfter } from "./services.ts";
import { withSlos } from "./slo.ts";

export function readTarget(
  name: string,
  cursor: Cursor,
  folder: string,
  names: readonly string[],
  checks: CheckPlan[],
): TargetSpec {
  cursor.only(keysOf("target"));
  const own = readChecks(cursor, name, folder);
  if (own.length === 0)
    cursor.problem("has no check, so nothing could be known of it", 'write check: "tcp://host:port" or an http URL');
  checks.push(...own);
  const addresses = new Set<string>([...cursor.at("address").texts(), ...cursor.at("addresses").texts()]);
  for (const check of own) addressOf(check.how, addresses);
  return {
    key: name,
    kind: "external",
    group: name,
    dependsOn: readAfter(name, cursor.at("after"), names),
    addresses: [...addresses],
    checks: own.map(({ name: check, role, failures, successes, everyMs }) => ({
      name: check,
      role,
      failures,
      successes,
      everyMs,
    })),
    ...withSlos(cursor.at("slo")),
    startupMs: 0,
    labels: cursor.at("labels").textMap(),
  };
}
