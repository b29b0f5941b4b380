// Waits until the target's own checks pass, or an address answers, and fails when it does not within the step's time.
import type { CheckHow, CheckResult, Scheduler } from "@prunella/adapters";
import type { StepOutcome } from "@prunella/core";
import { sleep } from "../group.ts";
import { failed, succeeded } from "./outcome.ts";

const everyMs = 250;
const tryMsMax = 2_000;

export interface WaitOptions {
  readonly scheduler: Pick<Scheduler, "runNow">;
  /** Runs a check that nobody scheduled. */
  readonly runOnce: (how: CheckHow, timeoutMs: number) => Promise<CheckResult>;
}

export async function waitFor(
  url: string | null,
  target: string,
  timeoutMs: number,
  options: WaitOptions,
): Promise<StepOutcome> {
  const how = url === null ? null : howOf(url);
  if (url !== null && how === null) return failed(`${url} is neither an http nor a tcp address`, "none");
  const startedAt = performance.now();
  const deadline = startedAt + timeoutMs - 500;
  let last = "nothing was seen";
  while (performance.now() < deadline) {
    const limit = Math.min(tryMsMax, Math.max(50, deadline - performance.now()));
    const [bad, what] = how === null ? await own(target, options) : await other(how, limit, options);
    if (bad === null) return succeeded(`${what} after ${Math.round(performance.now() - startedAt)} ms`);
    last = bad;
    await sleep(everyMs);
  }
  return failed(`not within ${timeoutMs} ms: ${last}`, "none");
}

async function own(target: string, options: WaitOptions): Promise<[string | null, string]> {
  const results = (await options.scheduler.runNow(target)).filter(({ check }) => check.role === "liveness");
  const bad = results.find(({ result }) => !result.ok);
  return bad === undefined
    ? [null, results.length === 0 ? "it has no checks" : "its checks pass"]
    : [`${bad.check.name}: ${bad.result.message}`, ""];
}

async function other(how: CheckHow, limitMs: number, options: WaitOptions): Promise<[string | null, string]> {
  const result = await options.runOnce(how, limitMs);
  return result.ok ? [null, "it answers"] : [result.message, ""];
}

function howOf(text: string): CheckHow | null {
  let url: URL;
  try {
    url = new URL(text);
  } catch {
    return null;
  }
  if (url.protocol === "tcp:") return { type: "tcp", host: url.hostname, port: Number(url.port) };
  if (url.protocol !== "http:" && url.protocol !== "https:") return null;
  return {
    type: "http",
    url: url.href,
    method: "GET",
    headers: {},
    statusMin: 200,
    statusMax: 399,
    bodyIncludes: null,
    latencyMsMax: null,
    certificateDaysMin: null,
  };
}
