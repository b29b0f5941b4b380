// The JSON of silences and notifications.
import { Type, type Static, type TSchema } from "typebox";

const Time = Type.String({ format: "date-time", description: "RFC 3339 with milliseconds, UTC" });
const nullable = <T extends TSchema>(of: T) => Type.Union([of, Type.Null()]);
const words = <const T extends readonly string[]>(...values: T) =>
  Type.Unsafe<T[number]>(Type.Union(values.map((value) => Type.Literal(value))));

/** Alertmanager's matcher: a regular expression is anchored; a missing label equals an empty one. */
export const Matcher = Type.Object({
  name: Type.String({ minLength: 1, maxLength: 100 }),
  value: Type.String({ maxLength: 500 }),
  isRegex: Type.Boolean(),
  isEqual: Type.Boolean(),
});
export type Matcher = Static<typeof Matcher>;

export const Silence = Type.Object({
  id: Type.String({ examples: ["S3"] }),
  matchers: Type.Array(Matcher),
  startsAt: Time,
  endsAt: Time,
  createdBy: Type.String(),
  comment: Type.String(),
  state: words("pending", "active", "expired"),
});
export type Silence = Static<typeof Silence>;

export const Notification = Type.Object({
  key: Type.String(),
  at: Time,
  kind: words("escalation", "approval", "notice", "recovered", "storm", "pause", "self"),
  title: Type.String(),
  severity: words("critical", "medium", "low"),
  issue: nullable(Type.String()),
  incident: nullable(Type.String()),
  target: nullable(Type.String()),
  receiver: Type.String(),
  state: words("waiting", "delivered", "suppressed", "failing"),
  attempts: Type.Integer(),
  suppressedBy: nullable(
    Type.String({ description: "silence:ID, inhibited:ALERT, acknowledged, snoozed, ignored, or why in words" }),
  ),
  status: words("firing", "resolved"),
  step: nullable(Type.Integer({ description: "Step of the escalation that it is, from 1" })),
  dueAt: Time,
  deliveredAt: nullable(Time),
  lastError: nullable(Type.String()),
});
export type Notification = Static<typeof Notification>;

export const Acknowledgement = Type.Object({
  by: Type.String(),
  at: Time,
  until: nullable(Time),
});
export type Acknowledgement = Static<typeof Acknowledgement>;
