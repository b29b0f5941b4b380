// A Chaos Toolkit experiment, checked whole before anything of it runs. What this runner cannot do (Python and other unknown
// providers, controls, vault secrets) is refused here with the field and the way out, never skipped: a probe that is
// silently passed over would make a broken system look sound.
import { InvalidInputError, type Json } from "@prunella/core";
import { checkTolerance, type Tolerance } from "./tolerance.ts";

/** Activities of one experiment, rollbacks included. */
export const activitiesMax = 500;

export interface Experiment {
  readonly title: string;
  readonly description: string;
  readonly tags: readonly string[];
  readonly configuration: Readonly<Record<string, Json>>;
  readonly secrets: Readonly<Record<string, Json>>;
  readonly hypothesis: { readonly title: string; readonly probes: readonly Activity[] } | null;
  readonly method: readonly Activity[];
  readonly rollbacks: readonly Activity[];
  readonly extensions: readonly { readonly [key: string]: Json }[];
  readonly hypothesisStrategy:
    "default" | "before-method-only" | "after-method-only" | "during-method-only" | "continuously";
  readonly rollbacksStrategy: "always" | "never" | "deviated";
  /** The experiment as it was given, for the journal. */
  readonly source: Json;
}

export interface Activity {
  readonly type: "probe" | "action";
  readonly name: string;
  readonly provider: Provider;
  readonly tolerance?: Tolerance;
  readonly background: boolean;
  /** Seconds to wait before and after. */
  readonly pauses: { readonly before: number; readonly after: number };
  readonly source: Json;
}

export type Provider =
  | {
      readonly type: "http";
      readonly url: string;
      readonly method: string;
      readonly headers: Readonly<Record<string, string>>;
      readonly arguments: Json;
      readonly expectedStatus: number | null;
      readonly timeoutS: number;
    }
  | {
      readonly type: "process";
      readonly path: string;
      readonly arguments: readonly string[];
      readonly timeoutS: number;
    }
  | { readonly type: "prunella"; readonly func: string; readonly arguments: { readonly [key: string]: Json } };

/** Seconds that an activity may take when it does not say; Chaos Toolkit waits for ever, which nobody wants at night. */
export const timeoutSDefault = 30;
const timeoutSMax = 3_600;

type Fields = { readonly [key: string]: Json };

/** Reads an experiment. Throws InvalidInputError for the first thing that this runner could not do as it is meant. */
export function readExperiment(value: unknown): Experiment {
  const all = fields(value as Json, "experiment");
  const named = new Map<string, Fields>();
  const hypothesis = all["steady-state-hypothesis"];
  const probes = hypothesis === undefined || hypothesis === null ? null : fields(hypothesis, "steady-state-hypothesis");
  const lists = {
    probes: list(probes?.["probes"], "steady-state-hypothesis.probes"),
    method: list(all["method"], "method"),
    rollbacks: list(all["rollbacks"], "rollbacks"),
  };
  if (all["method"] === undefined) refuse("method", "is missing", "write a list of activities; it may be empty");
  const count = lists.probes.length + lists.method.length + lists.rollbacks.length;
  if (count > activitiesMax) refuse("method", `holds ${count} activities, more than ${activitiesMax}`, "split it");
  for (const each of [...lists.probes, ...lists.method, ...lists.rollbacks])
    if (isFields(each) && typeof each["name"] === "string" && each["provider"] !== undefined)
      named.set(each["name"], each);
  if (list(all["controls"], "controls").length > 0)
    refuse("controls", "are not run here", "take them out, or run the experiment with the chaos command");
  checkSecrets(all["secrets"]);
  const activities = (entries: readonly Json[], path: string): Activity[] =>
    entries.map((entry, at) => readActivity(entry, `${path}[${at}]`, named));
  const runtime = isFields(all["runtime"]) ? all["runtime"] : {};
  const read: Experiment = {
    title: text(all["title"], "title"),
    description: text(all["description"], "description"),
    tags: list(all["tags"], "tags").map((tag, at) => text(tag, `tags[${at}]`)),
    configuration: optionalFields(all["configuration"], "configuration"),
    secrets: optionalFields(all["secrets"], "secrets"),
    hypothesis:
      probes === null
        ? null
        : {
            title: text(probes["title"], "steady-state-hypothesis.title"),
            probes: activities(lists.probes, "steady-state-hypothesis.probes"),
          },
    method: activities(lists.method, "method"),
    rollbacks: activities(lists.rollbacks, "rollbacks"),
    extensions: list(all["extensions"], "extensions").map((entry, at) => fields(entry, `extensions[${at}]`)),
    hypothesisStrategy: strategy(runtime["hypothesis"], "runtime.hypothesis.strategy", "default", [
      "default",
      "before-method-only",
      "after-method-only",
      "during-method-only",
      "continuously",
    ]),
    rollbacksStrategy: rollbacksOf(runtime["rollbacks"]),
    source: value as Json,
  };
  for (const [at, probe] of (read.hypothesis?.probes ?? []).entries())
    if (probe.tolerance === undefined)
      refuse(
        `steady-state-hypothesis.probes[${at}].tolerance`,
        "is missing",
        "say which values are steady, such as 200 or [200, 204]",
      );
  for (const [at, rollback] of read.rollbacks.entries())
    if (rollback.type !== "action")
      refuse(`rollbacks[${at}].type`, "must be action", "probes belong into the method or the hypothesis");
  return read;
}

function readActivity(value: Json, path: string, named: ReadonlyMap<string, Fields>): Activity {
  let given = fields(value, path);
  if (typeof given["ref"] === "string") {
    const meant = named.get(given["ref"]);
    if (meant === undefined)
      return refuse(
        `${path}.ref`,
        `names ${JSON.stringify(given["ref"])}, which no activity is called`,
        "correct the name",
      );
    given = meant;
  }
  const type = given["type"];
  if (type !== "probe" && type !== "action") return refuse(`${path}.type`, "must be probe or action", "correct it");
  const pauses = isFields(given["pauses"]) ? given["pauses"] : {};
  const tolerance = given["tolerance"];
  if (tolerance !== undefined) checkTolerance(tolerance, `${path}.tolerance`);
  if (isFields(tolerance) && tolerance["type"] === "probe")
    readActivity(asProbe(tolerance), `${path}.tolerance`, named);
  return {
    type,
    name: text(given["name"], `${path}.name`),
    provider: readProvider(given["provider"], `${path}.provider`),
    ...(tolerance === undefined ? {} : { tolerance: tolerance as unknown as Tolerance }),
    background: given["background"] === true,
    pauses: {
      before: seconds(pauses["before"], `${path}.pauses.before`),
      after: seconds(pauses["after"], `${path}.pauses.after`),
    },
    source: given,
  };
}

/** A tolerance of type "probe" is a probe whose provider gets the value. */
export function asProbe(tolerance: Fields): Fields {
  return { ...tolerance, type: "probe", name: typeof tolerance["name"] === "string" ? tolerance["name"] : "tolerance" };
}

export function readProvider(value: Json | undefined, path: string): Provider {
  const given = fields(value, path);
  if (given["secrets"] !== undefined && !Array.isArray(given["secrets"]))
    refuse(`${path}.secrets`, "must be a list of scopes", "write the names of the scopes under secrets");
  switch (given["type"]) {
    case "http":
      return {
        type: "http",
        url: text(given["url"], `${path}.url`),
        method: typeof given["method"] === "string" ? given["method"].toUpperCase() : "GET",
        headers: Object.fromEntries(
          Object.entries(optionalFields(given["headers"], `${path}.headers`)).map(([name, header]) => [
            name,
            plain(header),
          ]),
        ),
        arguments: given["arguments"] ?? null,
        expectedStatus: typeof given["expected_status"] === "number" ? given["expected_status"] : null,
        timeoutS: timeout(given["timeout"], `${path}.timeout`),
      };
    case "process":
      return {
        type: "process",
        path: text(given["path"], `${path}.path`),
        arguments: argumentsOf(given["arguments"], `${path}.arguments`),
        timeoutS: timeout(given["timeout"], `${path}.timeout`),
      };
    case "prunella":
      return {
        type: "prunella",
        func: text(given["func"], `${path}.func`),
        arguments: optionalFields(given["arguments"], `${path}.arguments`),
      };
    default:
      return refuse(
        `${path}.type`,
        `is ${JSON.stringify(given["type"] ?? null)}, which this runner cannot run`,
        "use http, process or prunella; a Python provider needs the chaos command itself",
      );
  }
}

function argumentsOf(value: Json | undefined, path: string): string[] {
  if (value === undefined || value === null) return [];
  if (typeof value === "string") return splitWords(value);
  if (Array.isArray(value)) return value.map((each: Json) => plain(each));
  if (isFields(value)) return Object.entries(value).flatMap(([name, each]) => [name, plain(each)]);
  return refuse(path, "must be a text, a list or a mapping", "write the program's arguments as a list");
}

/** Words as a shell would cut them, with quotes; nothing else of a shell. */
export function splitWords(line: string): string[] {
  return [...line.matchAll(/"((?:[^"\\]|\\.)*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, bare]) => double?.replaceAll(/\\(.)/g, "$1") ?? single ?? bare ?? "",
  );
}

function checkSecrets(value: Json | undefined): void {
  for (const [scope, entries] of Object.entries(optionalFields(value, "secrets")))
    for (const [name, entry] of Object.entries(optionalFields(entries, `secrets.${scope}`)))
      if (isFields(entry) && entry["type"] === "vault")
        refuse(`secrets.${scope}.${name}`, "asks a vault, which this runner does not speak", "use type env");
}

function rollbacksOf(value: Json | undefined): Experiment["rollbacksStrategy"] {
  const given = strategy(value, "runtime.rollbacks.strategy", "default", ["default", "always", "never", "deviated"]);
  // Theirs skips the rollbacks when the run was interrupted; a fault that stays behind helps nobody.
  return given === "default" ? "always" : given;
}

function strategy<const T extends string>(value: Json | undefined, path: string, preset: T, known: readonly T[]): T {
  const given = isFields(value) ? (value["strategy"] ?? preset) : preset;
  return known.find((each) => each === given) ?? refuse(path, `is ${JSON.stringify(given)}`, `use ${known.join(", ")}`);
}

function timeout(value: Json | undefined, path: string): number {
  const given = Array.isArray(value) ? Math.max(...value.map(Number)) : value;
  if (given === undefined || given === null) return timeoutSDefault;
  return typeof given === "number" && given > 0 && given <= timeoutSMax
    ? given
    : refuse(path, "must be seconds above 0", `write a number up to ${timeoutSMax}`);
}

function seconds(value: Json | undefined, path: string): number {
  const given = value ?? 0;
  return typeof given === "number" && given >= 0 && given <= timeoutSMax
    ? given
    : refuse(path, "must be seconds from 0", `write a number up to ${timeoutSMax}`);
}

export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
function fields(value: Json | undefined, path: string): Fields {
  return isFields(value)
    ? value
    : refuse(path, "must be an object", "write it as in the Chaos Toolkit's documentation");
}
function optionalFields(value: Json | undefined, path: string): Fields {
  return value === undefined || value === null ? {} : fields(value, path);
}
function list(value: Json | undefined, path: string): readonly Json[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? (value as readonly Json[]) : refuse(path, "must be a list", "write it in [ ]");
}
function text(value: Json | undefined, path: string): string {
  return typeof value === "string" && value !== ""
    ? value
    : refuse(path, "must be a text that is not empty", "write it");
}
/** A scalar as the text that a command line or a header takes. */
export function plain(value: Json | undefined): string {
  return typeof value === "string" ? value : JSON.stringify(value ?? null);
}
function refuse(field: string, rule: string, mend: string): never {
  throw new InvalidInputError(field, rule, mend);
}
