// Pieces that several routes share: schemas of queries, and periods.
import { Done, Problem } from "@prunella/contract";
import { InvalidInputError } from "@prunella/core";
import { Type, type TProperties, type TSchema } from "typebox";

export const text = (max: number, min = 1) => Type.String({ minLength: min, maxLength: max });
export const optional = Type.Optional;
export const closed = <T extends TProperties>(properties: T) =>
  Type.Object(properties, { additionalProperties: false });
export const listOf = <T extends TSchema>(of: T) => Type.Optional(Type.Array(of, { maxItems: 20 }));

export const paging = {
  limit: Type.Optional(Type.Integer({ minimum: 1, maximum: 500, description: "Items of a page; default 50" })),
  after: Type.Optional(Type.String({ maxLength: 70_000, description: "`next` of the page before" })),
};
export const periodQuery = {
  from: Type.Optional(Type.String({ format: "date-time" })),
  to: Type.Optional(Type.String({ format: "date-time" })),
};
export const idParams = closed({ id: text(80) });

/** A body that may be left out. */
export function optionalBody<T extends TSchema>(of: T) {
  return Type.Union([of, Type.Null()]);
}

/** Why something is done; kept with it. */
export const why = Type.Optional(Type.String({ maxLength: 10_000 }));

/** Schema parts of a route: what it is for, what it takes and what it answers. */
export function answers<T extends TSchema>(tag: string, summary: string, of: T) {
  return { tags: [tag], summary, response: { 200: of, "4xx": Problem, "5xx": Problem } };
}
export const doneAnswer = (tag: string, summary: string) => answers(tag, summary, Done);

const dayMs = 24 * 3_600_000;
/** Longest period of a report, ms: 400 days, as long as tallies are kept. */
const periodMsMax = 400 * dayMs;

/** A period of a query: the last 24 hours unless it says otherwise. */
export function periodOf(
  query: { readonly from?: string | undefined; readonly to?: string | undefined },
  now: number,
  defaultMs = dayMs,
): { readonly from: number; readonly to: number } {
  const to = query.to === undefined ? now : Date.parse(query.to);
  const from = query.from === undefined ? to - defaultMs : Date.parse(query.from);
  if (from >= to) throw new InvalidInputError("from", "is not before `to`", "name an earlier time");
  if (to - from > periodMsMax)
    throw new InvalidInputError("from", "lies more than 400 days before `to`", "ask for less");
  return { from, to };
}

/** Leaves out what is undefined, for queries whose fields are optional. */
export function present<T extends object>(of: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(of).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
