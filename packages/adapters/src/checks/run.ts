// One run of one check, whatever its kind.
import type { CheckPlan } from "../plan.ts";
import { commandCheck } from "./command.ts";
import { dnsCheck } from "./dns.ts";
import { expiryCheck } from "./expiry.ts";
import { fileAgeCheck } from "./file-age.ts";
import type { Heartbeats } from "./heartbeat.ts";
import { httpCheck } from "./http.ts";
import { processCheck } from "./process.ts";
import type { CheckResult } from "./result.ts";
import { tcpCheck } from "./tcp.ts";

/** Settles within `timeoutMs`; a check that cannot be run fails with the reason as its message. */
export function runCheck(check: CheckPlan, timeoutMs: number, heartbeats: Heartbeats): Promise<CheckResult> {
  const { how } = check;
  switch (how.type) {
    case "http":
      return httpCheck(how, timeoutMs);
    case "tcp":
      return tcpCheck(how, timeoutMs);
    case "command":
      return commandCheck(how, timeoutMs);
    case "process":
      return processCheck(how);
    case "file-age":
      return fileAgeCheck(how);
    case "expiry":
      return expiryCheck(how);
    case "dns":
      return dnsCheck(how, timeoutMs);
    case "heartbeat":
      return Promise.resolve(heartbeats.check(how));
    default:
      return how satisfies never;
  }
}
