// What others may send, what is fetched, and what is sent out, every default filled in.
import type { TargetKey } from "@prunella/core";
import type { Secret } from "../secret.ts";

export interface SourcesPlan {
  readonly sentry: readonly { readonly project: string; readonly key: Secret; readonly target: TargetKey }[];
  /** OpenTelemetry's service names that differ from those of targets. */
  readonly services: Readonly<Record<string, string>>;
  readonly scrapes: readonly ScrapePlan[];
}

export interface ScrapePlan {
  readonly target: TargetKey;
  readonly url: string;
  readonly everyMs: number;
  readonly timeoutMs: number;
  readonly headers: Readonly<Record<string, Secret>>;
}

export interface MonitoringPlan {
  readonly deadman: { readonly url: Secret; readonly everyMs: number } | null;
  readonly loki: {
    readonly url: Secret;
    readonly headers: Readonly<Record<string, Secret>>;
    readonly labels: Readonly<Record<string, string>>;
  } | null;
}
