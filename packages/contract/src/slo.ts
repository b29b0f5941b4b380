// JSON of service level objectives: what was achieved over the window, what is left of the error budget, how fast it goes.
import { Type, type Static, type TSchema } from "typebox";

const nullable = <T extends TSchema>(of: T) => Type.Union([of, Type.Null()]);

export const Slo = Type.Object({
  target: Type.String(),
  objective: Type.Union([
    Type.Literal("availability"),
    Type.Literal("errors"),
    Type.Literal("p95"),
    Type.Literal("memory"),
    Type.Literal("cpu"),
  ]),
  goal: Type.Number({ description: "Share that must be good" }),
  limit: nullable(Type.Number({ description: "ms for p95, bytes for memory, cores for cpu" })),
  text: Type.String({ description: "The objective in words" }),
  current: nullable(Type.Number({ description: "Share that was good" })),
  count: Type.Number({ description: "Good: seconds for availability, requests for errors and p95, samples otherwise" }),
  of: Type.Number(),
  windowMs: Type.Number(),
  budgetLeft: nullable(Type.Number({ description: "Share of the error budget; negative when overspent" })),
  burnRates: Type.Array(
    Type.Object({
      windowMs: Type.Number(),
      rate: nullable(Type.Number({ description: "Times faster than the budget allows" })),
    }),
  ),
  state: Type.Union([Type.Literal("ok"), Type.Literal("burning"), Type.Literal("exhausted"), Type.Literal("no-data")]),
});
export type Slo = Static<typeof Slo>;
