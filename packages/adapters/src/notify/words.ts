// What a message says, for people: one title, and per alert a line and what is known. Text from services is untrusted: control
// characters and marks that turn text around are shown as what they are, so that nothing in it is interpreted.
import type { Notification } from "@prunella/core";

/** Longest text of one alert in a message, characters. */
const textMax = 4_000;

export function plain(text: string, max = textMax): string {
  const safe = text.replaceAll(
    /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  return safe.length > max ? `${safe.slice(0, max - 1)}…` : safe;
}

export function oneLine(text: string, max = 250): string {
  return plain(text.replace(/\s+/g, " ").trim(), max);
}

export function titleOf(together: readonly Notification[]): string {
  const [first] = together;
  if (first === undefined) return "";
  const mark = first.status === "resolved" ? "OK" : first.severity.toUpperCase();
  const more = together.length > 1 ? ` (and ${together.length - 1} more)` : "";
  return `[${mark}] ${oneLine(first.title, 200)}${more}`;
}

export function linesOf(notification: Notification): string[] {
  const facts = [
    notification.issue === null ? null : `Issue: ${notification.issue}`,
    notification.target === null ? null : `Target: ${notification.target}`,
    `Since: ${new Date(notification.startedAt ?? notification.at).toISOString()}`,
    notification.step == null ? null : `Escalation step: ${notification.step}`,
  ];
  return [
    oneLine(notification.title),
    ...plain(notification.text).split("\n"),
    ...facts.filter((fact) => fact !== null),
  ];
}

export function textOf(together: readonly Notification[]): string {
  return together.map((each) => linesOf(each).join("\n")).join("\n\n");
}

/** JSON of one notification for programs. */
export function jsonOf(notification: Notification): Record<string, unknown> {
  const { key, at, kind, severity, title, text, issue, incident, target } = notification;
  return {
    key,
    alert: notification.alert ?? key,
    status: notification.status ?? "firing",
    at: new Date(at).toISOString(),
    startedAt: new Date(notification.startedAt ?? at).toISOString(),
    kind,
    severity,
    title,
    text,
    issue,
    incident,
    target,
    labels: notification.labels ?? {},
    step: notification.step ?? null,
  };
}
