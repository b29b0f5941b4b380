// One function per kind of receiver: a message in its wire format, sent once. Each rejects when it was not taken; trying again
// is the core's business. Keys are the same in every attempt, so receivers can drop a repeat.
import type { Notification } from "@prunella/core";
import { reveal, revealAll } from "../secret.ts";
import type { ReceiverPlan } from "./plan.ts";
import { post } from "./post.ts";
import { jsonOf, linesOf, oneLine, plain, textOf, titleOf } from "./words.ts";

export type Message = readonly [Notification, ...Notification[]];
export interface SendOptions {
  /** Longest wait for the answer, ms; default 8,000 (below the core's own limit of 10,000). */
  readonly timeoutMs?: number;
  /** Where people look; in messages that can carry a link. */
  readonly webUrl?: string | null;
}

/** An alert given to Alertmanager is repeated only when its route repeats it; until then it holds there this long, ms. */
export const alertmanagerHoldMs = 7 * 24 * 3_600_000;

export async function sendTo(plan: ReceiverPlan, message: Message, options: SendOptions = {}): Promise<void> {
  const timeoutMs = options.timeoutMs ?? 8_000;
  const webUrl = options.webUrl ?? null;
  switch (plan.type) {
    case "log":
      return;
    case "webhook":
      await post("webhook", reveal(plan.url), webhookBody(plan.name, message), {
        timeoutMs,
        headers: { "idempotency-key": message.map((each) => each.key).join(","), ...revealAll(plan.headers) },
      });
      return;
    case "slack":
      await post("Slack webhook", reveal(plan.url), slackBody(message, plan.channel, webUrl), { timeoutMs });
      return;
    case "pagerduty":
      // One event for each alert: each is acknowledged and resolved there for itself.
      for (const notification of message)
        await post("PagerDuty", plan.url, pagerDutyBody(notification, reveal(plan.routingKey), webUrl), {
          timeoutMs: timeoutMs / message.length,
        });
      return;
    case "email": {
      const { sendMail } = await import("./email.ts");
      await sendMail(plan, message, timeoutMs);
      return;
    }
    case "ntfy":
      await post("ntfy", plan.url, ntfyBody(message, reveal(plan.topic), webUrl), {
        timeoutMs,
        headers: plan.token === null ? {} : { authorization: `Bearer ${reveal(plan.token)}` },
      });
      return;
    case "alertmanager":
      await post(
        "Alertmanager",
        `${reveal(plan.url).replace(/\/+$/, "")}/api/v2/alerts`,
        alertmanagerBody(message, webUrl),
        {
          timeoutMs,
          headers: revealAll(plan.headers),
        },
      );
      return;
    default:
      return plan satisfies never;
  }
}

/** The first alert's fields at the top, as they were before there were groups, and all of them in `alerts`. */
function webhookBody(receiver: string, message: Message): Record<string, unknown> {
  return { ...jsonOf(message[0]), receiver, alerts: message.map(jsonOf) };
}

function slackBody(message: Message, channel: string | null, webUrl: string | null): Record<string, unknown> {
  const escape = (text: string): string =>
    text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
  return {
    ...(channel === null ? {} : { channel }),
    username: "Prunella",
    text: escape(titleOf(message)),
    attachments: message.slice(0, 20).map((notification) => ({
      color: notification.status === "resolved" ? "#2e7d32" : colours[notification.severity],
      fallback: escape(oneLine(notification.title)),
      title: escape(oneLine(notification.title)),
      ...(linkOf(notification, webUrl) === null ? {} : { title_link: linkOf(notification, webUrl) }),
      text: escape(linesOf(notification).slice(1).join("\n")),
      mrkdwn_in: [],
      ts: Math.floor((notification.startedAt ?? notification.at) / 1000),
    })),
  };
}
const colours = { critical: "#b71c1c", medium: "#e65100", low: "#546e7a" } as const;

function pagerDutyBody(notification: Notification, routingKey: string, webUrl: string | null): Record<string, unknown> {
  const link = linkOf(notification, webUrl);
  const base = {
    routing_key: routingKey,
    dedup_key: `prunella/${notification.alert ?? notification.key}`.slice(0, 255),
    client: "Prunella",
    ...(webUrl === null ? {} : { client_url: webUrl }),
  };
  if (notification.status === "resolved") return { ...base, event_action: "resolve" };
  return {
    ...base,
    event_action: "trigger",
    payload: {
      summary: oneLine(notification.title, 1_000),
      source: notification.target ?? "prunella",
      severity: { critical: "critical", medium: "error", low: "warning" }[notification.severity],
      timestamp: new Date(notification.startedAt ?? notification.at).toISOString(),
      component: notification.target ?? "prunella",
      group: notification.labels?.["group"] ?? notification.target ?? "prunella",
      class: notification.labels?.["kind"] ?? notification.kind,
      custom_details: { text: plain(notification.text), issue: notification.issue, incident: notification.incident },
    },
    ...(link === null ? {} : { links: [{ href: link, text: notification.issue ?? "Prunella" }] }),
  };
}

/** Published as JSON: in headers, which ntfy takes too, text from outside could break out of its line. */
function ntfyBody(message: Message, topic: string, webUrl: string | null): Record<string, unknown> {
  const [first] = message;
  const link = linkOf(first, webUrl);
  return {
    topic,
    title: titleOf(message),
    message: textOf(message).slice(0, 4_000),
    priority: first.status === "resolved" ? 3 : { critical: 5, medium: 4, low: 3 }[first.severity],
    tags: [
      first.status === "resolved" ? "white_check_mark" : first.severity === "critical" ? "rotating_light" : "warning",
    ],
    ...(link === null ? {} : { click: link }),
  };
}

function alertmanagerBody(message: Message, webUrl: string | null): Record<string, unknown>[] {
  return message.map((notification) => {
    const startedAt = notification.startedAt ?? notification.at;
    const kind = notification.labels?.["kind"] ?? notification.kind;
    const endsAt = notification.status === "resolved" ? notification.at : notification.at + alertmanagerHoldMs;
    const labels = Object.entries(notification.labels ?? {}).filter(([, value]) => value !== "");
    return {
      labels: {
        ...Object.fromEntries(
          labels.map(([name, value]) => [name.replaceAll(/[^a-zA-Z0-9_]/g, "_"), plain(value, 500)]),
        ),
        alertname: `Prunella${kind.replaceAll(/(?:^|[^a-zA-Z0-9])([a-zA-Z0-9])/g, (_, first: string) => first.toUpperCase())}`,
        // What we said ourselves is recognised when it comes back through a webhook.
        prunella: "notification",
      },
      annotations: { summary: oneLine(notification.title), description: plain(notification.text) },
      startsAt: new Date(startedAt).toISOString(),
      endsAt: new Date(Math.max(endsAt, startedAt + 1)).toISOString(),
      ...(linkOf(notification, webUrl) === null ? {} : { generatorURL: linkOf(notification, webUrl) }),
    };
  });
}

function linkOf(notification: Notification, webUrl: string | null): string | null {
  if (webUrl === null || notification.issue === null) return null;
  return `${webUrl.replace(/\/+$/, "")}/issues/${encodeURIComponent(notification.issue)}`;
}
