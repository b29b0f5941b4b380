// Joins a query in the search language with filters named one by one: both must hold. A part that is not understood is
// refused with its place, so that nobody takes an unfiltered list for a filtered one.
import { parseIssueQuery, type IssueFilter } from "@prunella/contract";
import type { IssueQuery } from "@prunella/core";
import { RequestError } from "./problem.ts";

type Named = Pick<IssueFilter, "target" | "kind" | "text"> & {
  readonly status?: readonly string[];
  readonly severity?: readonly string[];
  readonly selfHealing?: readonly string[];
};

export function chosen(q: string | undefined, named: Named): IssueQuery {
  if (q === undefined) return {};
  const { filter, problems } = parseIssueQuery(q);
  const [problem] = problems;
  if (problem !== undefined)
    throw new RequestError(400, `q: at character ${problem.at + 1}, ${problem.part}: ${problem.message}`, {
      field: "q",
    });
  for (const field of ["target", "kind"] as const)
    if (filter[field] !== undefined && named[field] !== undefined && filter[field] !== named[field])
      throw new RequestError(400, `q: names another ${field} than the parameter ${field}; leave one of them out`, {
        field: "q",
      });
  const both = (
    of: readonly string[] | undefined,
    and: readonly string[] | undefined,
  ): readonly string[] | undefined =>
    of === undefined || and === undefined ? (of ?? and) : of.filter((value) => and.includes(value));
  const status = both(filter.status, named.status);
  const severity = both(filter.severity, named.severity);
  const selfHealing = both(filter.selfHealing, named.selfHealing);
  const words = [named.text, filter.text].filter((each) => each !== undefined).join(" ");
  return {
    ...filter,
    ...(status === undefined ? {} : { status: status as NonNullable<IssueQuery["status"]> }),
    ...(severity === undefined ? {} : { severity }),
    ...(selfHealing === undefined ? {} : { selfHealing }),
    ...(words === "" ? {} : { text: words }),
  } as IssueQuery;
}
