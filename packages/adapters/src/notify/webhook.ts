// Webhook notifier: one POST of JSON per notification. The key travels as Idempotency-Key, so a receiver can drop a repeat.
// Redirects are not followed (they would carry the headers, and with them a token, elsewhere). Retrying is the core's business.
import type { Notification, Notifier } from "@prunella/core";
import type { NotifyPlan } from "../plan.ts";

export interface WebhookOptions {
  /** Longest wait for the answer in ms; default 10,000. */
  readonly timeoutMs?: number;
}

/** Rejects when the receiver cannot be reached, does not answer in time, or answers anything but 2xx. */
export function webhookNotifier(plan: NotifyPlan, options: WebhookOptions = {}): Notifier {
  const timeoutMs = options.timeoutMs ?? 10_000;
  const where = new URL(plan.url).host;
  return {
    async send(notification) {
      let response;
      try {
        response = await fetch(plan.url, {
          method: "POST",
          redirect: "manual",
          signal: AbortSignal.timeout(timeoutMs),
          headers: {
            "content-type": "application/json",
            "user-agent": "prunella",
            "idempotency-key": notification.key,
            ...plan.headers,
          },
          body: JSON.stringify(bodyOf(notification)),
        });
      } catch (error) {
        const cause: unknown = error instanceof Error ? (error.cause ?? error) : error;
        throw new Error(
          `webhook at ${where} was not reached: ${cause instanceof Error ? cause.message : String(cause)}`,
          { cause: error },
        );
      }
      await response.body?.cancel();
      if (response.status < 200 || response.status > 299)
        throw new Error(
          `webhook at ${where} answered ${response.status}${response.status >= 300 && response.status < 400 ? "; redirects are not followed: configure the final address" : ""}`,
        );
    },
  };
}

function bodyOf(notification: Notification): Record<string, unknown> {
  const { key, at, kind, severity, title, text, issue, incident, target } = notification;
  return { key, at: new Date(at).toISOString(), kind, severity, title, text, issue, incident, target };
}
