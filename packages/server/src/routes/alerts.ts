// Who is told and who is not: notifications, silences, and taking an issue on.
import { Matcher, Notification, pageOf as pageSchema, Silence } from "@prunella/contract";
import { silenceState, type Notification as NotificationRecord, type Silence as SilenceRecord } from "@prunella/core";
import type * as Contract from "@prunella/contract";
import { Type } from "typebox";
import { actorOf } from "../access.ts";
import type { App } from "../app.ts";
import type { ServerOptions } from "../host.ts";
import { pageOf, time, timeOrNull } from "../translate/index.ts";
import { answers, closed, doneAnswer, idParams, optional, optionalBody, paging, present, text, why } from "./shared.ts";

export function alertRoutes(app: App, options: ServerOptions): void {
  const { engine, store, clock } = options;
  app.get(
    "/notifications",
    {
      schema: {
        ...answers("alerts", "What was put into the outbox for receivers, newest first", pageSchema(Notification)),
        querystring: closed({ ...paging, issue: optional(text(80)), receiver: optional(text(80)) }),
      },
    },
    async (request) => pageOf(await store.notifications(present(request.query)), notificationJson),
  );
  app.get(
    "/silences",
    {
      schema: answers(
        "alerts",
        "Silences that hold, will hold, or ended within a day, newest first",
        Type.Object({ items: Type.Array(Silence), next: Type.Null() }),
      ),
    },
    async () => ({
      items: [...engine.world.silences.values()].toReversed().map((silence) => silenceJson(silence, clock.now())),
      next: null,
    }),
  );
  app.post(
    "/silences",
    {
      schema: {
        ...doneAnswer("alerts", "Tell nobody of what all matchers match; faults are still found, repaired and shown"),
        body: closed({
          matchers: Type.Array(closed(Matcher.properties), { minItems: 1, maxItems: 20 }),
          startsAt: optional(Type.String({ format: "date-time", description: "Default: now" })),
          endsAt: Type.String({ format: "date-time" }),
          createdBy: optional(text(63)),
          comment: optional(Type.String({ maxLength: 2_000 })),
        }),
      },
    },
    async (request) => {
      const { matchers, startsAt, endsAt, createdBy, comment } = request.body;
      return engine.command({
        type: "silence",
        by: actorOf(request, createdBy),
        matchers,
        startsAt: startsAt === undefined ? clock.now() : Date.parse(startsAt),
        endsAt: Date.parse(endsAt),
        comment: comment ?? "",
      });
    },
  );
  app.delete(
    "/silences/:id",
    {
      schema: { ...doneAnswer("alerts", "End a silence; what it held back and still holds is told"), params: idParams },
    },
    async (request) => engine.command({ type: "end-silence", by: actorOf(request), silence: request.params.id }),
  );
  app.post(
    "/issues/:id/acknowledge",
    {
      schema: {
        ...doneAnswer("issues", "Take it on: its escalation stops, until it is over or until a time"),
        params: idParams,
        body: optionalBody(
          closed({
            by: optional(text(63)),
            until: optional(Type.String({ format: "date-time" })),
            forMs: optional(Type.Integer({ minimum: 1_000, maximum: 30 * 86_400_000 })),
            why,
          }),
        ),
      },
    },
    async (request) => {
      const { by, until, forMs, why: reason } = request.body ?? {};
      const at = until === undefined ? (forMs === undefined ? null : clock.now() + forMs) : Date.parse(until);
      return engine.command({
        type: "acknowledge",
        by: actorOf(request, by),
        issue: request.params.id,
        until: at,
        why: reason ?? "",
      });
    },
  );
  app.delete(
    "/issues/:id/acknowledge",
    { schema: { ...doneAnswer("issues", "Give it back: its escalation goes on"), params: idParams } },
    async (request) => engine.command({ type: "unacknowledge", by: actorOf(request), issue: request.params.id }),
  );
}

export function silenceJson(silence: SilenceRecord, now: number): Contract.Silence {
  return {
    id: silence.id,
    matchers: silence.matchers.map((matcher) => ({ ...matcher })),
    startsAt: time(silence.startsAt),
    endsAt: time(silence.endsAt),
    createdBy: silence.createdBy,
    comment: silence.comment,
    state: silenceState(silence, now),
  };
}

export function notificationJson(notification: NotificationRecord): Contract.Notification {
  const { key, at, kind, title, severity, issue, incident, target, attempts, deliveredAt, ended } = notification;
  const suppressedBy = notification.suppressedBy ?? null;
  const isDelivered = deliveredAt !== null && ended !== "suppressed";
  return {
    key,
    at: time(at),
    kind,
    title,
    severity,
    issue,
    incident,
    target,
    receiver: notification.receiver ?? "",
    state: isDelivered ? "delivered" : suppressedBy !== null ? "suppressed" : attempts > 0 ? "failing" : "waiting",
    attempts,
    suppressedBy: isDelivered ? null : suppressedBy,
    status: notification.status ?? "firing",
    step: notification.step ?? null,
    dueAt: time(notification.dueAt),
    deliveredAt: isDelivered ? timeOrNull(deliveredAt) : null,
    lastError: notification.lastError ?? null,
  };
}
