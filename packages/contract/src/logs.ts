// Lines of a target's output, their templates, and its metrics as points.
import { Type, type Static } from "typebox";

const Time = Type.String({ format: "date-time", description: "RFC 3339 with milliseconds, UTC" });

export const LogLine = Type.Object({
  target: Type.String(),
  stream: Type.Union([Type.Literal("out"), Type.Literal("err")]),
  at: Time,
  text: Type.String({ description: "As it was written, at most 2,000 characters; untrusted" }),
  level: Type.Union([Type.String(), Type.Null()], {
    description: "trace, debug, info, warn, error or fatal; null: the line names none and looks like no error",
  }),
});
export type LogLine = Static<typeof LogLine>;

export const LogTemplate = Type.Object({
  id: Type.String({ description: "Stable: made of the template's words" }),
  template: Type.String({ description: "Each variable part as <*>" }),
  level: Type.Union([Type.String(), Type.Null()]),
  isErrorLike: Type.Boolean(),
  count: Type.Integer(),
  perMinute: Type.Integer({ description: "In the last whole minute, or the running one if that has more" }),
  firstSeen: Time,
  lastSeen: Time,
  isNew: Type.Boolean({ description: "First seen within the last ten minutes, after the output had been learned" }),
  example: Type.String({ description: "One record as it was written; untrusted" }),
});
export type LogTemplate = Static<typeof LogTemplate>;

export const SeriesPoint = Type.Object({
  at: Time,
  min: Type.Number(),
  mean: Type.Number(),
  max: Type.Number(),
  last: Type.Number(),
  count: Type.Integer(),
});
export const Series = Type.Object({ metric: Type.String(), points: Type.Array(SeriesPoint) });
export type Series = Static<typeof Series>;
