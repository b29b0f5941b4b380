// Alerts in Alertmanager's two shapes, its webhook (version 4) and the body of POST /api/v2/alerts, as core's incoming alerts.
import type { IncomingAlert, TargetSpec } from "@prunella/core";
import { createHash } from "node:crypto";
import { RequestError } from "../problem.ts";
import { targetAt, targetNamed } from "./matching.ts";
import { dict, labels, string, timeMs } from "./read.ts";

/** Alerts in one request. */
export const alertsMax = 2_000;

export interface DecodedAlerts {
  readonly alerts: readonly IncomingAlert[];
  /** Labels fitted no target. */
  readonly unmatched: number;
  /** They were Prunella's own notifications coming back. */
  readonly echoes: number;
}

interface Raw {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly startsAt: number;
  readonly endsAt: number | null;
  readonly state: "firing" | "resolved";
  readonly generatorUrl: string;
}

export interface AlertContext {
  readonly targets: ReadonlyMap<string, TargetSpec>;
  readonly now: number;
  /** An alert that names no end ages out this long after it was last heard of, ms. */
  readonly resolveMs: number;
}

/** The webhook. Throws RequestError for what is not one. */
export function decodeWebhook(body: unknown, context: AlertContext): DecodedAlerts {
  const message = dict(body);
  if (message === null || !Array.isArray(message["alerts"]))
    throw new RequestError(400, "alerts: is missing; send Alertmanager's webhook body, version 4", { field: "alerts" });
  const version = string(message["version"]) ?? "4";
  if (version !== "4")
    throw new RequestError(400, `version: ${version.slice(0, 20)} is not known; version 4 is`, { field: "version" });
  return decode("alertmanager", message["alerts"] as unknown[], context, (alert) => {
    const endsAt = timeMs(alert["endsAt"]);
    const isResolved = alert["status"] === "resolved";
    // A firing alert carries the zero time as its end: it is open.
    return {
      state: isResolved ? "resolved" : "firing",
      endsAt: endsAt !== null && endsAt > context.now ? endsAt : null,
    };
  });
}

/** The body of POST /api/v2/alerts, as a Prometheus sends it. Throws RequestError. */
export function decodeV2(body: unknown, context: AlertContext): DecodedAlerts {
  if (!Array.isArray(body)) throw new RequestError(400, "body: must be a list of alerts", { field: "body" });
  return decode("prometheus", body as unknown[], context, (alert) => {
    const endsAt = timeMs(alert["endsAt"]);
    return endsAt !== null && endsAt > 0 && endsAt <= context.now
      ? { state: "resolved", endsAt: null }
      : { state: "firing", endsAt: endsAt !== null && endsAt > context.now ? endsAt : null };
  });
}

function decode(
  source: string,
  items: readonly unknown[],
  context: AlertContext,
  ends: (alert: Readonly<Record<string, unknown>>) => Pick<Raw, "state" | "endsAt">,
): DecodedAlerts {
  if (items.length > alertsMax)
    throw new RequestError(413, `alerts: holds more than ${alertsMax}; send fewer at once`, { field: "alerts" });
  const alerts: IncomingAlert[] = [];
  let unmatched = 0;
  let echoes = 0;
  items.forEach((item, at) => {
    const alert = dict(item);
    const own = labels(alert?.["labels"]);
    if (alert === null || Object.keys(own).length === 0)
      throw new RequestError(400, `alerts.${at}.labels: are missing; they are an alert's identity`, {
        field: `alerts.${at}.labels`,
      });
    if (own["prunella"] === "notification") {
      echoes += 1;
      return;
    }
    const raw: Raw = {
      labels: own,
      annotations: labels(alert["annotations"]),
      startsAt: Math.min(context.now, timeMs(alert["startsAt"]) ?? context.now),
      generatorUrl: string(alert["generatorURL"], 1_000) ?? "",
      ...ends(alert),
    };
    const target = targetOf(raw.labels, context.targets);
    if (target === null) unmatched += 1;
    else alerts.push(incoming(source, raw, target, context));
  });
  return { alerts, unmatched, echoes };
}

function targetOf(of: Readonly<Record<string, string>>, targets: ReadonlyMap<string, TargetSpec>): string | null {
  return (
    targetNamed(targets, [of["target"], of["prunella_target"], of["service"], of["job"], of["app"]]) ??
    targetAt(targets, of["instance"])
  );
}

function incoming(source: string, raw: Raw, target: string, { now, resolveMs }: AlertContext): IncomingAlert {
  const name = raw.labels["alertname"] ?? "alert";
  const own = raw.labels["prunella"] === "true";
  const summary = raw.annotations["summary"] ?? raw.annotations["message"] ?? raw.annotations["description"] ?? name;
  return {
    // Computed here from the labels, which are the identity, so that both shapes of one alert are one.
    key: `alert:${fingerprint(raw.labels)}`,
    source,
    target,
    // Apart from Prunella's own kinds: an alert that happens to be called like one must not set off that one's remedy.
    kind: `alert-${kebab(name)}`.slice(0, 64),
    distinguisher: distinguisher(raw.labels),
    severity: severityOf(raw.labels["severity"]),
    summary: `${name}: ${summary}`.slice(0, 500),
    text: JSON.stringify(
      { labels: raw.labels, annotations: raw.annotations, generatorURL: raw.generatorUrl },
      null,
      1,
    ).slice(0, 8_000),
    startsAt: raw.startsAt,
    endsAt: raw.endsAt ?? now + resolveMs,
    state: raw.state,
    own,
    about: raw.labels["kind"] ?? null,
  };
}

function fingerprint(of: Readonly<Record<string, string>>): string {
  const text = Object.entries(of)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`)
    .join(",");
  return createHash("sha256").update(text).digest("hex").slice(0, 24);
}

const common = new Set([
  "alertname",
  "severity",
  "target",
  "prunella_target",
  "service",
  "job",
  "app",
  "instance",
  "prunella",
  "kind",
  "group",
  "monitor",
  "prometheus",
  "cluster",
  "env",
  "environment",
]);

/** What tells two alerts of one name on one target apart. */
function distinguisher(of: Readonly<Record<string, string>>): string {
  const rest = Object.entries(of)
    .filter(([name]) => !common.has(name))
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join(" ");
  return rest.length <= 160 ? rest : `${rest.slice(0, 140)}… ${fingerprint(of).slice(0, 12)}`;
}

export function severityOf(word: string | null | undefined): "critical" | "medium" | "low" {
  switch ((word ?? "").toLowerCase()) {
    case "critical":
    case "page":
    case "fatal":
    case "emergency":
    case "high":
      return "critical";
    case "info":
    case "none":
    case "low":
    case "debug":
    case "ticket":
      return "low";
    default:
      return "medium";
  }
}

/** "HighErrorRate" and "high_error_rate" as "high-error-rate", at most 64 characters. */
export function kebab(name: string): string {
  const text = name
    .replaceAll(/([a-z0-9])([A-Z])/g, "$1-$2")
    .replaceAll(/([A-Z]+)([A-Z][a-z])/g, "$1-$2")
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "");
  return text === "" ? "alert" : text.slice(0, 64);
}
