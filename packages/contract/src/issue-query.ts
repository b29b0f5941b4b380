// The search language of issues: `is:open severity:critical target:api heal:failed pool exhausted`. One grammar for the
// server, which filters by it, and for clients, which complete it and mark what they do not understand. Pure.
//
//   field:value          several values of one field mean "one of": severity:critical,medium or the field twice
//   -field:value         none of (is, severity, heal)
//   field:"two words"    quotes keep blanks
//   anything else        words that must all occur in id, title, target or root cause

export interface IssueFilter {
  readonly status?: readonly string[];
  readonly severity?: readonly string[];
  readonly selfHealing?: readonly string[];
  readonly target?: string;
  readonly kind?: string;
  readonly assignee?: string;
  readonly assigned?: boolean;
  readonly regressed?: boolean;
  readonly needsPerson?: boolean;
  readonly text?: string;
}

export interface QueryProblem {
  /** The part that is not understood, as it was written, and where it begins. */
  readonly part: string;
  readonly at: number;
  readonly message: string;
}

export interface ParsedIssueQuery {
  readonly filter: IssueFilter;
  /** Empty: everything was understood. Parts with a problem filter nothing. */
  readonly problems: readonly QueryProblem[];
}

/** Characters of a query at most; what is beyond is a problem of its own. */
export const issueQueryCharactersMax = 400;

const statuses = ["pending", "in-progress", "fixed", "ignored", "snoozed"] as const;
const severities = ["critical", "medium", "low"] as const;
const healings = ["none", "planned", "active", "suspended"] as const;
const open = ["pending", "in-progress"] as const;

/** Fields with the values they may have; an empty list: any value. For completion and for messages. */
export const issueQueryFields = {
  is: ["open", ...statuses, "regressed", "assigned", "unassigned", "needs-person"],
  severity: severities,
  heal: [...healings, "failed"],
  target: [],
  kind: [],
  assignee: [],
} as const satisfies Readonly<Record<string, readonly string[]>>;
export type IssueQueryField = keyof typeof issueQueryFields;

interface Part {
  readonly at: number;
  readonly whole: string;
  readonly negated: boolean;
  readonly field: string | null;
  readonly value: string;
}

export function parseIssueQuery(text: string): ParsedIssueQuery {
  const problems: QueryProblem[] = [];
  const sets = { status: choices(statuses), severity: choices(severities), selfHealing: choices(healings) };
  const single: { target?: string; kind?: string; assignee?: string } = {};
  const flags: { assigned?: boolean; regressed?: boolean; needsPerson?: boolean } = {};
  const words: string[] = [];
  if (text.length > issueQueryCharactersMax)
    problems.push({
      part: text.slice(issueQueryCharactersMax, issueQueryCharactersMax + 20),
      at: issueQueryCharactersMax,
      message: `the query is longer than ${issueQueryCharactersMax} characters; shorten it`,
    });
  for (const part of partsOf(text.slice(0, issueQueryCharactersMax))) {
    const problem = (message: string): void => void problems.push({ part: part.whole, at: part.at, message });
    if (part.field === null) {
      if (part.value !== "") words.push(part.value);
      continue;
    }
    if (!Object.hasOwn(issueQueryFields, part.field)) {
      problem(`${part.field} is no field; known: ${Object.keys(issueQueryFields).join(", ")}`);
      continue;
    }
    const field = part.field as IssueQueryField;
    if (part.value === "") {
      problem(`${field}: has no value${hint(field)}`);
      continue;
    }
    switch (field) {
      case "is":
        for (const value of part.value.split(","))
          if (value === "open") sets.status.add(open, part.negated);
          else if ((statuses as readonly string[]).includes(value)) sets.status.add([value], part.negated);
          else if (value === "regressed") flags.regressed = !part.negated;
          else if (value === "needs-person") flags.needsPerson = !part.negated;
          else if (value === "assigned") flags.assigned = !part.negated;
          else if (value === "unassigned") flags.assigned = part.negated;
          else problem(`is:${value} is not known${hint(field)}`);
        break;
      case "severity":
        for (const value of part.value.split(","))
          if ((severities as readonly string[]).includes(value)) sets.severity.add([value], part.negated);
          else problem(`severity:${value} is not known${hint(field)}`);
        break;
      case "heal":
        for (const value of part.value.split(","))
          // Healing that did not help is suspended: a person has been called.
          if (value === "failed") sets.selfHealing.add(["suspended"], part.negated);
          else if ((healings as readonly string[]).includes(value)) sets.selfHealing.add([value], part.negated);
          else problem(`heal:${value} is not known${hint(field)}`);
        break;
      case "target":
      case "kind":
      case "assignee":
        if (part.negated) problem(`-${field} cannot be negated; search for what you want to see`);
        else if (single[field] !== undefined && single[field] !== part.value)
          problem(`${field} is named twice; an issue has one`);
        else single[field] = part.value;
        break;
      default:
        field satisfies never;
    }
  }
  const filter: IssueFilter = {
    ...sets.status.as("status"),
    ...sets.severity.as("severity"),
    ...sets.selfHealing.as("selfHealing"),
    ...single,
    ...flags,
    ...(words.length === 0 ? {} : { text: words.join(" ") }),
  };
  return { filter, problems };
}

/** What may be written at the end of a query: whole replacements of the part that is being typed. */
export function completeIssueQuery(
  text: string,
  known: {
    readonly targets?: readonly string[];
    readonly kinds?: readonly string[];
    readonly assignees?: readonly string[];
  },
  most = 8,
): readonly string[] {
  const last = partsOf(text).at(-1);
  const isNew = last === undefined || /\s$/.test(text);
  const typed = isNew ? "" : last.whole.toLowerCase();
  const fields = Object.keys(issueQueryFields) as IssueQueryField[];
  const colon = typed.indexOf(":");
  const sign = typed.startsWith("-") ? "-" : "";
  if (colon === -1)
    return fields
      .map((field) => `${sign}${field}:`)
      .filter((field) => field.startsWith(typed))
      .slice(0, most);
  const field = fields.find((each) => each === typed.slice(sign.length, colon));
  if (field === undefined) return [];
  const own: readonly string[] =
    field === "target"
      ? (known.targets ?? [])
      : field === "kind"
        ? (known.kinds ?? [])
        : field === "assignee"
          ? (known.assignees ?? [])
          : issueQueryFields[field];
  const given = typed.slice(colon + 1).replaceAll('"', "");
  return own
    .filter((value) => value.toLowerCase().startsWith(given) && value.toLowerCase() !== given)
    .slice(0, most)
    .map((value) => `${sign}${field}:${/\s/.test(value) ? `"${value}"` : value}`);
}

/** Puts a completion in the place of the part that is being typed. */
export function withCompletion(text: string, completion: string): string {
  const last = /\s$/.test(text) ? undefined : partsOf(text).at(-1);
  const before = last === undefined ? text : text.slice(0, last.at);
  return `${before}${completion}${completion.endsWith(":") ? "" : " "}`;
}

function choices(all: readonly string[]) {
  const wanted = new Set<string>();
  const unwanted = new Set<string>();
  return {
    add(values: readonly string[], negated: boolean): void {
      for (const value of values) (negated ? unwanted : wanted).add(value);
    },
    as<Name extends string>(name: Name): { readonly [K in Name]?: readonly string[] } {
      if (wanted.size === 0 && unwanted.size === 0) return {};
      const base = wanted.size === 0 ? all : all.filter((value) => wanted.has(value));
      return { [name]: base.filter((value) => !unwanted.has(value)) } as unknown as {
        readonly [K in Name]: readonly string[];
      };
    },
  };
}

function hint(field: IssueQueryField): string {
  const values: readonly string[] = issueQueryFields[field];
  return values.length === 0 ? "; write one after the colon" : `; one of ${values.join(", ")}`;
}

function partsOf(text: string): Part[] {
  const parts: Part[] = [];
  // A part: an optional minus and field, then a quoted value or anything up to a blank.
  const pattern = /(-?)(?:([a-zA-Z]+):)?(?:"([^"]*)"?|(\S*))/g;
  for (const match of text.matchAll(pattern)) {
    const [whole, minus = "", field, quoted, plain = ""] = match;
    if (whole === "") continue;
    const name = field?.toLowerCase() ?? null;
    const value = quoted ?? plain;
    parts.push({
      at: match.index,
      whole,
      negated: minus !== "" && name !== null,
      field: name,
      value:
        name === null
          ? `${minus}${value}`
          : name === "target" || name === "kind" || name === "assignee"
            ? value
            : value.toLowerCase(),
    });
  }
  return parts;
}
