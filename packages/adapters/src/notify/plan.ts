// Receivers of notifications as the configuration names them, every default filled in.
import type { AlertRules } from "@prunella/core";
import type { Secret } from "../secret.ts";

export interface NotifyPlan {
  readonly receivers: readonly ReceiverPlan[];
  readonly rules: AlertRules;
}

export type ReceiverPlan = { readonly name: string } & (
  | { readonly type: "log" }
  | { readonly type: "webhook"; readonly url: Secret; readonly headers: Readonly<Record<string, Secret>> }
  | { readonly type: "slack"; readonly url: Secret; readonly channel: string | null }
  | { readonly type: "pagerduty"; readonly url: string; readonly routingKey: Secret }
  | {
      readonly type: "email";
      readonly host: string;
      readonly port: number;
      /** "tls" from the first byte, "starttls" demanded, "auto" when offered, or "none". */
      readonly security: "tls" | "starttls" | "auto" | "none";
      readonly user: Secret | null;
      readonly password: Secret | null;
      readonly from: string;
      readonly to: readonly string[];
    }
  | { readonly type: "ntfy"; readonly url: string; readonly topic: Secret; readonly token: Secret | null }
  | { readonly type: "alertmanager"; readonly url: Secret; readonly headers: Readonly<Record<string, Secret>> }
);
