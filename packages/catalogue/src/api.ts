// The part of the control plane's HTTP API that drills, injectors and experiments use.
import type { Incident, Issue, Page, Repair, Target } from "@prunella/contract";

/** How long one answer may take, ms. */
const answerMsMax = 10_000;

export interface ControlApi {
  readonly url: string;
  get(path: string): Promise<unknown>;
  post(path: string, body: unknown): Promise<unknown>;
  /** The text of /metrics. */
  metrics(): Promise<string>;
  targets(): Promise<readonly Target[]>;
  target(key: string): Promise<Target>;
  issue(id: string): Promise<Issue>;
  incidents(target: string): Promise<readonly Incident[]>;
  repairs(incident: string): Promise<readonly Repair[]>;
}

export function controlApi(url: string, token: string | null = null): ControlApi {
  async function ask(method: string, path: string, body?: unknown): Promise<unknown> {
    const response = await fetch(new URL(path, url), {
      method,
      headers: {
        accept: "application/json",
        "x-prunella-user": "drill",
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      signal: AbortSignal.timeout(answerMsMax),
    });
    const answer: unknown = await response.json().catch(() => null);
    if (response.ok) return answer;
    const problem = (answer ?? {}) as { readonly detail?: string };
    throw new Error(`${method} ${path}: ${problem.detail ?? `the control plane answered ${response.status}`}`);
  }
  return {
    url,
    get: (path) => ask("GET", path),
    post: (path, body) => ask("POST", path, body),
    async metrics() {
      const response = await fetch(new URL("/metrics", url), {
        headers: token === null ? {} : { authorization: `Bearer ${token}` },
        signal: AbortSignal.timeout(answerMsMax),
      });
      return response.text();
    },
    targets: async () => ((await ask("GET", "/api/v1/targets")) as Page<Target>).items,
    target: async (key) => (await ask("GET", `/api/v1/targets/${encodeURIComponent(key)}`)) as Target,
    issue: async (id) => (await ask("GET", `/api/v1/issues/${encodeURIComponent(id)}`)) as Issue,
    incidents: async (target) =>
      ((await ask("GET", `/api/v1/incidents?limit=200&target=${encodeURIComponent(target)}`)) as Page<Incident>).items,
    repairs: async (incident) =>
      ((await ask("GET", `/api/v1/repairs?limit=50&incident=${encodeURIComponent(incident)}`)) as Page<Repair>).items,
  };
}
