// How activities reach the world: HTTP requests and processes, as Chaos Toolkit has them. Outputs are bounded; a process is
// started without a shell and ends with its activity.
import type { Json } from "@prunella/core";
import { spawn } from "node:child_process";
import process from "node:process";
import { isFields, plain, type Provider } from "./experiment.ts";

/** Characters kept of a body, and of each stream of a process; the rest is cut. */
export const outputMax = 1_000_000;

export type Output = Json;

export interface ProviderContext {
  readonly signal: AbortSignal;
}

/** Runs what this package cannot: the functions of provider type "prunella". */
export type PrunellaCall = (
  func: string,
  args: { readonly [key: string]: Json },
  context: ProviderContext,
) => Promise<Output>;

/** Throws when the activity failed; otherwise what it said. */
export async function runProvider(
  provider: Provider,
  prunella: PrunellaCall,
  context: ProviderContext,
): Promise<Output> {
  switch (provider.type) {
    case "http":
      return request(provider, context.signal);
    case "process":
      return execute(provider, context.signal);
    case "prunella":
      return prunella(provider.func, provider.arguments, context);
    default:
      return provider satisfies never;
  }
}

async function request(provider: Extract<Provider, { type: "http" }>, signal: AbortSignal): Promise<Output> {
  const url = new URL(provider.url);
  const headers = new Headers(provider.headers);
  let body: string | undefined;
  if (provider.arguments !== null) {
    if (provider.method === "GET") {
      if (isFields(provider.arguments))
        for (const [name, value] of Object.entries(provider.arguments)) url.searchParams.append(name, plain(value));
    } else if (headers.get("content-type")?.includes("x-www-form-urlencoded") === true && isFields(provider.arguments))
      body = new URLSearchParams(
        Object.entries(provider.arguments).map(([name, value]) => [name, plain(value)] as [string, string]),
      ).toString();
    else {
      body = typeof provider.arguments === "string" ? provider.arguments : JSON.stringify(provider.arguments);
      if (!headers.has("content-type")) headers.set("content-type", "application/json");
    }
  }
  const response = await fetch(url, {
    method: provider.method,
    headers,
    ...(body === undefined ? {} : { body }),
    signal: AbortSignal.any([signal, AbortSignal.timeout(provider.timeoutS * 1_000)]),
  });
  const text = (await response.text()).slice(0, outputMax);
  const answer = {
    status: response.status,
    headers: Object.fromEntries(response.headers),
    body: response.headers.get("content-type")?.includes("json") === true ? parsed(text) : text,
  };
  if (provider.expectedStatus !== null && response.status !== provider.expectedStatus)
    throw new ActivityError(
      `HTTP ${response.status} instead of ${provider.expectedStatus} from ${url.href}: ${text.slice(0, 300)}`,
    );
  return answer;
}

function execute(provider: Extract<Provider, { type: "process" }>, signal: AbortSignal): Promise<Output> {
  return new Promise((resolve, reject) => {
    const child = spawn(provider.path, provider.arguments, {
      stdio: ["ignore", "pipe", "pipe"],
      env: process.env,
      signal: AbortSignal.any([signal, AbortSignal.timeout(provider.timeoutS * 1_000)]),
      killSignal: "SIGKILL",
    });
    let stdout = "";
    let stderr = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      if (stdout.length < outputMax) stdout += text.slice(0, outputMax - stdout.length);
    });
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      if (stderr.length < outputMax) stderr += text.slice(0, outputMax - stderr.length);
    });
    child.on("error", (error) =>
      reject(new ActivityError(`${provider.path}: ${error.name === "AbortError" ? "took too long" : error.message}`)),
    );
    child.on("close", (code, killed) => resolve({ status: code ?? (killed === null ? -1 : 128), stdout, stderr }));
  });
}

/** An activity that did not work; its message goes into the journal. */
export class ActivityError extends Error {}

function parsed(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}
