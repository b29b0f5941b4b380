// The alert manager's decision: from the notifications that the stages filed, and from what holds now, to what is put into
// the outbox for whom. Level-triggered like reconcile: run twice it comes to the same. It looks at incidents, approvals and
// storms and never at repairs, so no repair can keep a page back (safety rule 28); and it never changes any of them, so a
// silence hides a notification and neither the state nor its end (rule 30).
import type { Notification } from "../ports.ts";
import type { TimeMs } from "../signal/index.ts";
import type { Draft } from "../world.ts";
import { alertsMax, silenceState, type Alert, type Silence } from "./alert.ts";
import { matchesAll } from "./match.ts";
import { routesOf, type AlertRules, type Chain, type Route } from "./rules.ts";

export function manageAlerts(draft: Draft, rules: AlertRules): void {
  takeIn(draft);
  giveUp(draft);
  const alerts = draft.alerts();
  if (alerts.length === 0) return;
  const pending = pendingByAlert(draft);
  const around: Around = {
    ...groupTimes(draft, alerts, rules),
    inhibits: inhibitors(alerts, rules),
    silences: draft.silences().filter((silence) => silenceState(silence, draft.now) === "active"),
  };
  for (const alert of alerts) {
    const own = pending.get(alert.key) ?? [];
    // A fault that keeps coming back asks for a person although it has been healed once more: that is told all the same.
    const owed = Object.keys(alert.told).length === 0 && stillAsks(draft, alert);
    if (isOver(draft, alert) && !owed) resolve(draft, rules, alert, own, overBecause(draft, alert));
    else tell(draft, rules, alert, own, around);
  }
}

/** Labels by which routes, silences and inhibitions see it. The target's own labels never shadow the fixed ones. */
export function labelsOf(draft: Draft, notification: Notification): Record<string, string> {
  const target = notification.target === null ? undefined : draft.targets.get(notification.target);
  const issue = notification.issue === null ? undefined : draft.issue(notification.issue);
  return {
    ...target?.labels,
    severity: notification.severity,
    occasion: notification.kind,
    kind: issue?.kind ?? notification.kind,
    ...(notification.target === null ? {} : { target: notification.target }),
    ...(target === undefined ? {} : { group: target.group }),
    ...(notification.issue === null ? {} : { issue: notification.issue }),
    ...(notification.incident === null ? {} : { incident: notification.incident }),
  };
}

/** Whether somebody has taken it on: said so after it began, and for a time that is not over. */
export function isAcknowledged(draft: Draft, alert: Pick<Alert, "issue" | "at">): boolean {
  const said = alert.issue === null ? null : (draft.issue(alert.issue)?.acknowledged ?? null);
  return said !== null && said.at >= alert.at && (said.until === null || draft.now < said.until);
}

/** A notification that could not be delivered for this long is given up, ms; so a dead receiver fills nothing. */
export const giveUpMs = 24 * 3_600_000;

function giveUp(draft: Draft): void {
  for (const notification of draft.outbox)
    if (notification.attempts > 0 && draft.now - notification.at >= giveUpMs)
      draft.notify({
        ...notification,
        deliveredAt: draft.now,
        ended: "suppressed",
        suppressedBy: `given up after ${notification.attempts} attempts: ${notification.lastError ?? "no answer"}`,
      });
}

// ---- what the stages filed becomes alerts

function takeIn(draft: Draft): void {
  const filed = draft.outbox.filter((notification) => notification.receiver === undefined);
  let room = alertsMax - draft.alerts().length;
  for (const notification of filed) {
    if (notification.kind === "recovered" && draft.alert(alertOf(notification)) !== undefined) {
      // The alert it ends finds that out for itself; its words are kept for the message.
      draft.notify({ ...notification, deliveredAt: draft.now, ended: "routed" });
      continue;
    }
    const known = draft.alert(notification.key);
    if (known === undefined && room <= 0) continue;
    if (known === undefined) room -= 1;
    draft.putAlert({
      ...(known ?? { told: {}, steps: 0, steppedAt: null, suppressedBy: null, resolvedAt: null }),
      key: notification.key,
      kind: notification.kind,
      at: known?.at ?? notification.at,
      title: notification.title,
      text: notification.text,
      severity: notification.severity,
      issue: notification.issue,
      incident: notification.incident,
      target: notification.target,
      labels: labelsOf(draft, notification),
    });
    draft.notify({ ...notification, deliveredAt: draft.now, ended: "routed" });
  }
}

function alertOf(recovered: Notification): string {
  return `escalation:${recovered.incident ?? ""}`;
}

// ---- is it over?

function isOver(draft: Draft, alert: Alert): boolean {
  switch (alert.kind) {
    case "escalation": {
      const incident = alert.incident === null ? undefined : draft.incident(alert.incident);
      return incident === undefined || incident.state === "ended";
    }
    case "approval":
      return draft.repair(repairOf(alert))?.state.name !== "proposed";
    case "storm":
      return draft.settings.storm === null || `storm:${draft.settings.storm.since}` !== alert.key;
    case "notice":
    case "recovered":
    case "pause":
    case "self":
      // Told once: it says that something happened, not that something holds.
      return Object.keys(alert.told).length > 0;
    default:
      return alert.kind satisfies never;
  }
}

/** "approval:REP-3", or "approval:REP-3.step1" for a step that asks. */
function repairOf(alert: Alert): string {
  return alert.key.slice("approval:".length).split(".")[0] ?? "";
}

/** The issue wants a person even though this occurrence is over. */
function stillAsks(draft: Draft, alert: Alert): boolean {
  return (
    alert.kind === "escalation" && alert.issue !== null && (draft.issue(alert.issue)?.needsPerson ?? null) !== null
  );
}

/** What to say of its end; null: it was an event, which has none. */
function overBecause(draft: Draft, alert: Alert): { readonly title: string; readonly text: string } | null {
  switch (alert.kind) {
    case "escalation": {
      const said = draft.filed(`recovered:${alert.incident ?? ""}`);
      const issue = alert.issue ?? alert.target ?? "";
      return { title: said?.title ?? `${issue} is over`, text: said?.text ?? `${alert.incident ?? "it"} has ended` };
    }
    case "approval": {
      const state = draft.repair(repairOf(alert))?.state;
      const became = state === undefined ? "gone" : state.name === "ended" ? state.outcome : state.name;
      return { title: `${repairOf(alert)} waits no more`, text: `it is ${became}` };
    }
    case "storm":
      return { title: "Storm mode is over", text: "repairs go on" };
    case "notice":
    case "recovered":
    case "pause":
    case "self":
      return null;
    default:
      return alert.kind satisfies never;
  }
}

function resolve(
  draft: Draft,
  rules: AlertRules,
  alert: Alert,
  pending: readonly Notification[],
  over: { readonly title: string; readonly text: string } | null,
): void {
  if (over !== null) {
    const owed = new Set(Object.keys(alert.told));
    for (const notification of pending) {
      if (notification.status === "resolved") continue;
      const receiver = notification.receiver ?? "";
      if (notification.attempts === 0 && notification.suppressedBy == null && stillAsks(draft, alert)) {
        if (notification.dueAt > draft.now) draft.notify({ ...notification, dueAt: draft.now });
        continue;
      }
      const neverLeft =
        notification.attempts === 0 && (notification.suppressedBy != null || notification.dueAt > draft.now);
      // Due and not yet tried: it may be on its way at this moment, so it goes out, and its end after it.
      if (!neverLeft && notification.attempts === 0) continue;
      // Nobody is paged for what is over; who may have heard of it (an attempt was made) hears that it is.
      if (neverLeft && alert.told[receiver]?.times === 1) owed.delete(receiver);
      draft.notify({
        ...notification,
        deliveredAt: draft.now,
        ended: "suppressed",
        suppressedBy: notification.suppressedBy ?? "it was over before it could be told",
      });
    }
    for (const receiver of owed)
      if (rules.receivers.find((each) => each.name === receiver)?.resolved === true)
        order(draft, alert, receiver, {
          ...over,
          kind: "recovered",
          status: "resolved",
          dueAt: draft.now,
          group: null,
        });
  }
  const issue = alert.issue === null ? undefined : draft.issue(alert.issue);
  if (issue !== undefined && ((issue.acknowledged ?? null) !== null || (issue.escalationStep ?? null) !== null))
    draft.putIssue({ ...issue, acknowledged: null, escalationStep: null });
  draft.putAlert({ ...alert, resolvedAt: draft.now, suppressedBy: null });
}

// ---- who is told, and when

interface Around {
  /** When the message that a group waits for goes out, per receiver and group; and when the last one went. */
  readonly next: Map<string, TimeMs>;
  readonly last: ReadonlyMap<string, TimeMs>;
  readonly inhibits: (alert: Alert) => string | null;
  /** Those that hold now. */
  readonly silences: readonly Silence[];
}

function tell(draft: Draft, rules: AlertRules, alert: Alert, pending: readonly Notification[], around: Around): void {
  const suppressedBy = suppression(draft, alert, around);
  const acknowledged = isAcknowledged(draft, alert);
  const hold = suppressedBy ?? (acknowledged ? "acknowledged" : null);
  for (const notification of pending)
    if ((notification.suppressedBy ?? null) !== hold && notification.status !== "resolved")
      draft.notify({ ...notification, suppressedBy: hold });
  let next: Alert = alert.suppressedBy === hold ? alert : { ...alert, suppressedBy: hold };
  const put = (): void => {
    if (next !== alert) draft.putAlert(next);
  };
  const taken = routesOf(rules.route, alert.labels);
  const waiting = new Set(pending.map((notification) => notification.receiver));
  for (const { route, path } of taken) {
    const group = groupOf(route, path, alert);
    for (const receiver of route.receivers) {
      const told = next.told[receiver];
      if (told === undefined) {
        // Put into the outbox even while suppressed, so that one can see what is held back and by what.
        const key = `${receiver} ${group}`;
        const last = around.last.get(key);
        const dueAt =
          around.next.get(key) ??
          (last === undefined ? draft.now + route.groupWaitMs : Math.max(draft.now, last + route.groupIntervalMs));
        if (hold === null) around.next.set(key, dueAt);
        next = order(draft, next, receiver, { dueAt, group, suppressedBy: hold });
      } else if (
        hold === null &&
        route.repeatMs !== null &&
        !waiting.has(receiver) &&
        draft.now - told.at >= route.repeatMs
      )
        next = order(draft, next, receiver, { dueAt: draft.now, group });
    }
  }
  const chain = chainOf(rules, taken);
  if (chain !== null && hold === null) {
    const due = nextStep(chain, next);
    if (due !== null && draft.now >= due.at) {
      const step = next.steps + 1;
      for (const receiver of due.receivers)
        next = order(draft, next, receiver, { dueAt: draft.now, group: null, step });
      next = { ...next, steps: step, steppedAt: draft.now };
      const issue = alert.issue === null ? undefined : draft.issue(alert.issue);
      if (issue !== undefined) draft.putIssue({ ...issue, escalationStep: step });
    }
  }
  put();
}

/** Why it is not told of at the moment, computed from what is there now and never remembered. */
function suppression(draft: Draft, alert: Alert, { inhibits, silences }: Around): string | null {
  const status = alert.issue === null ? null : (draft.issue(alert.issue)?.status ?? null);
  if (status === "ignored" || status === "snoozed") return status;
  for (const silence of silences) if (matchesAll(silence.matchers, alert.labels)) return `silence:${silence.id}`;
  const by = inhibits(alert);
  return by === null ? null : `inhibited:${by}`;
}

/** The first alert that holds another back; one that is on both sides of a rule holds back nothing that is on both too. */
function inhibitors(alerts: readonly Alert[], rules: AlertRules): (alert: Alert) => string | null {
  const key = (labels: Readonly<Record<string, string>>, equal: readonly string[]): string =>
    JSON.stringify(equal.map((name) => labels[name] ?? ""));
  const tables = rules.inhibitions.map((rule) => {
    const sources = new Map<string, Alert[]>();
    for (const alert of alerts) {
      if (!matchesAll(rule.source, alert.labels)) continue;
      const at = key(alert.labels, rule.equal);
      sources.set(at, [...(sources.get(at) ?? []), alert].slice(0, 2));
    }
    return { rule, sources };
  });
  return (alert) => {
    for (const { rule, sources } of tables) {
      if (!matchesAll(rule.target, alert.labels)) continue;
      const both = matchesAll(rule.source, alert.labels);
      const found = (sources.get(key(alert.labels, rule.equal)) ?? []).find(
        (source) => source.key !== alert.key && !(both && matchesAll(rule.target, source.labels)),
      );
      if (found !== undefined) return found.key;
    }
    return null;
  };
}

function chainOf(rules: AlertRules, taken: readonly { readonly route: Route }[]): Chain | null {
  const name = taken.map(({ route }) => route.chain).find((each) => each !== null) ?? null;
  return rules.chains.find((chain) => chain.name === name) ?? null;
}

/** The step that comes next and when; null when the chain has been gone through to its end. */
export function nextStep(
  chain: Chain,
  alert: Pick<Alert, "at" | "steps" | "steppedAt">,
): { readonly at: TimeMs; readonly receivers: readonly string[] } | null {
  const length = chain.steps.length;
  if (alert.steps >= length * (1 + chain.repeat)) return null;
  const step = chain.steps[alert.steps % length];
  if (step === undefined) return null;
  const isRepeat = alert.steps > 0 && alert.steps % length === 0;
  return {
    at: (alert.steppedAt ?? alert.at) + (isRepeat ? chain.repeatAfterMs : step.afterMs),
    receivers: step.receivers,
  };
}

/** Puts one notification for one receiver into the outbox; its key is new each time, so a repeat is not taken for a double. */
function order(
  draft: Draft,
  alert: Alert,
  receiver: string,
  of: {
    readonly dueAt: TimeMs;
    readonly group: string | null;
    readonly suppressedBy?: string | null;
    readonly step?: number;
    readonly title?: string;
    readonly text?: string;
    readonly kind?: Notification["kind"];
    readonly status?: "firing" | "resolved";
  },
): Alert {
  const times = (alert.told[receiver]?.times ?? 0) + 1;
  const status = of.status ?? (alert.kind === "recovered" ? "resolved" : "firing");
  draft.notify({
    key: `${status === "resolved" ? "over:" : ""}${alert.key}>${receiver}#${times}`,
    at: draft.now,
    kind: of.kind ?? alert.kind,
    title: of.title ?? alert.title,
    text: of.text ?? alert.text,
    severity: alert.severity,
    issue: alert.issue,
    incident: alert.incident,
    target: alert.target,
    attempts: 0,
    dueAt: of.dueAt,
    deliveredAt: null,
    receiver,
    alert: alert.key,
    startedAt: alert.at,
    status,
    labels: alert.labels,
    group: of.group,
    suppressedBy: of.suppressedBy ?? null,
    step: of.step ?? null,
  });
  return { ...alert, told: { ...alert.told, [receiver]: { at: of.dueAt, times } } };
}

function groupOf(route: Route, path: string, alert: Alert): string {
  const by = route.groupBy.includes("...") ? [alert.key] : route.groupBy.map((name) => alert.labels[name] ?? "");
  return JSON.stringify([path, ...by]);
}

function groupTimes(draft: Draft, alerts: readonly Alert[], rules: AlertRules): Pick<Around, "next" | "last"> {
  const next = new Map<string, TimeMs>();
  const last = new Map<string, TimeMs>();
  for (const { receiver, group, suppressedBy, dueAt, attempts } of draft.outbox)
    if (receiver !== undefined && group != null && suppressedBy == null && attempts === 0 && dueAt > draft.now)
      next.set(`${receiver} ${group}`, Math.min(dueAt, next.get(`${receiver} ${group}`) ?? dueAt));
  for (const alert of alerts) {
    if (alert.suppressedBy !== null) continue;
    for (const { route, path } of routesOf(rules.route, alert.labels))
      for (const receiver of route.receivers) {
        const at = alert.told[receiver]?.at;
        const key = `${receiver} ${groupOf(route, path, alert)}`;
        if (at !== undefined && at <= draft.now) last.set(key, Math.max(at, last.get(key) ?? at));
      }
  }
  return { next, last };
}

function pendingByAlert(draft: Draft): Map<string, Notification[]> {
  const pending = new Map<string, Notification[]>();
  for (const notification of draft.outbox) {
    if (notification.alert === undefined) continue;
    const list = pending.get(notification.alert);
    if (list === undefined) pending.set(notification.alert, [notification]);
    else list.push(notification);
  }
  return pending;
}
