// The JSON of tokens: who may come in, and how far.
import { Type, type Static, type TSchema } from "typebox";

const Time = Type.String({ format: "date-time", description: "RFC 3339 with milliseconds, UTC" });
const nullable = <T extends TSchema>(of: T) => Type.Union([of, Type.Null()]);
const words = <const T extends readonly string[]>(...values: T) =>
  Type.Unsafe<T[number]>(Type.Union(values.map((value) => Type.Literal(value))));

/** Each includes those before it: to look; to decide, order and send; to manage tokens and let remedies act by themselves. */
export const scopeNames = ["read", "operate", "admin"] as const;
export const Scope = words(...scopeNames);
export type Scope = Static<typeof Scope>;

export const Token = Type.Object({
  id: Type.String({ examples: ["K3"] }),
  name: Type.String({ description: "Whose it is: what is done with it is recorded under this name" }),
  scope: Scope,
  state: words("active", "expired", "revoked"),
  createdAt: Time,
  createdBy: Type.String(),
  endsAt: nullable(Time),
  revokedBy: nullable(Type.String()),
  usedAt: nullable(Type.String({ format: "date-time", description: "To within a minute" })),
});
export type Token = Static<typeof Token>;

export const Access = Type.Object({
  tokenNeeded: Type.Boolean(),
  by: Type.String({ description: "What you do is recorded under this name" }),
  scope: Scope,
  token: nullable(Type.String({ description: "Id of the named token that the request carries" })),
  endsAt: nullable(Time),
});
export type Access = Static<typeof Access>;
