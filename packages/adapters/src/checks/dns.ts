// DNS check: a name can be resolved, the way programs on this machine do it.
import { lookup } from "node:dns/promises";
import { result, type CheckResult, type How } from "./result.ts";

export async function dnsCheck(how: How<"dns">, timeoutMs: number): Promise<CheckResult> {
  const startedAt = performance.now();
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<CheckResult>((resolve) => {
    timer = setTimeout(() => resolve(result(false, startedAt, `not resolved within ${timeoutMs} ms`)), timeoutMs);
  });
  const asked = lookup(how.host).then(
    ({ address }) => result(true, startedAt, `${how.host} is ${address}`),
    (error: NodeJS.ErrnoException) =>
      result(false, startedAt, error.message, error.code === undefined ? {} : { code: error.code }),
  );
  const first = await Promise.race([asked, late]);
  clearTimeout(timer);
  return first;
}
