// Expiry check: when the certificate (PEM) or token (JWT) in a file ends. It fails only once it has ended, or cannot be read;
// before that its facts say when, and the control plane speaks of it in time.
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { result, type CheckResult, type How } from "./result.ts";

const bytesMax = 100_000;

export async function expiryCheck(how: How<"expiry">): Promise<CheckResult> {
  const startedAt = performance.now();
  try {
    const text = (await readFile(how.path, "utf8")).slice(0, bytesMax).trim();
    const certificate = text.includes("-----BEGIN CERTIFICATE-----");
    const endsAt = certificate ? Date.parse(new X509Certificate(text).validTo) : tokenEnd(text);
    const facts = { ...(certificate ? { certificateEndsAt: endsAt } : { tokenEndsAt: endsAt }), warnMs: how.warnMs };
    const message = `ends at ${new Date(endsAt).toISOString()}`;
    return result(endsAt > Date.now(), startedAt, message, facts);
  } catch (error) {
    return result(false, startedAt, error instanceof Error ? error.message : String(error));
  }
}

/** The `exp` of a JSON Web Token; its signature is not looked at. */
function tokenEnd(text: string): number {
  const payload = text.split(".")[1];
  if (payload === undefined) throw new Error("it holds neither a PEM certificate nor a JSON Web Token");
  const { exp } = JSON.parse(Buffer.from(payload, "base64url").toString()) as { exp?: unknown };
  if (typeof exp !== "number") throw new Error("the token says nothing of its end (exp)");
  return exp * 1_000;
}
