// What a drill adds to a Chaos Toolkit experiment, as an extension named "prunella": the programs that make up its world,
// the faults whose incidents are expected, and the conditions under which it passes.
import { drillLayers, InvalidInputError, type DrillLayer, type Json } from "@prunella/core";
import { isFields } from "../experiment/experiment.ts";
import { checkTolerance, type Tolerance } from "../experiment/tolerance.ts";
import { jsonPath } from "../experiment/json-path.ts";
import { textOf } from "../experiment/text.ts";

export interface DrillDefinition {
  /** Id of the catalogue's row. */
  readonly drill: string;
  readonly services: Readonly<Record<string, ServiceDefinition>>;
  /** TCP proxies before services: name to "service". */
  readonly proxies: Readonly<Record<string, string>>;
  /** Further sections of prunella.yaml, such as remedies. */
  readonly yaml: { readonly [key: string]: Json };
  readonly faults: readonly FaultDefinition[];
  /** Regular expression for a line of /metrics that must be there after the method; null: none is asked for. */
  readonly metric: string | null;
  readonly conditions: readonly ConditionDefinition[];
}

export interface ServiceDefinition {
  /** File under programs/, without its ending. */
  readonly program: string;
  /** Environment and everything else that prunella.yaml takes for a service. */
  readonly yaml: { readonly [key: string]: Json };
  readonly nodeArguments: readonly string[];
}

/** A fault, and what Prunella's records must say of it. */
export interface FaultDefinition {
  readonly name: string;
  /** Name of the activity that announced it. */
  readonly began: string;
  readonly target: string;
  readonly kind: string;
  /** Regular expression for the distinguisher of its issue. */
  readonly distinguisher: string | null;
  /** Regular expression that the root cause must match. */
  readonly rootCause: string;
  /** What repaired it: a run of a remedy; or the guard, told by one of these events in the incident's evidence. */
  readonly repairedBy: { readonly type: "repair" } | { readonly type: "guard"; readonly events: readonly string[] };
  /** Longest time from the end of the method until the incident is over, s. */
  readonly withinS: number;
}

export interface ConditionDefinition {
  readonly name: string;
  /** In words, beside the measured value. */
  readonly demanded: string;
  /** Activity whose output is looked at. */
  readonly from: string;
  /** JSONPath into the output. */
  readonly path: string;
  readonly tolerance: Tolerance;
  /** Layer that it shows at work; by default "prevention": it is about what the guard keeps. */
  readonly layer: DrillLayer;
}

/** The drill's part of an experiment, or null when it is a plain experiment. Throws InvalidInputError. */
export function readDefinition(extensions: readonly { readonly [key: string]: Json }[]): DrillDefinition | null {
  const found = extensions.findIndex((extension) => extension["name"] === "prunella");
  const given = extensions[found];
  if (given === undefined || given["drill"] === undefined) return null;
  const path = `extensions[${found}]`;
  const refuse = (field: string, rule: string, mend: string): never => {
    throw new InvalidInputError(`${path}.${field}`, rule, mend);
  };
  const text = (value: Json | undefined, field: string): string =>
    typeof value === "string" && value !== "" ? value : refuse(field, "must be a text", "write it");
  const fields = (value: Json | undefined, field: string): { readonly [key: string]: Json } =>
    value === undefined ? {} : isFields(value) ? value : refuse(field, "must be an object", "write it in { }");
  const items = (value: Json | undefined, field: string): readonly Json[] =>
    value === undefined
      ? []
      : Array.isArray(value)
        ? (value as readonly Json[])
        : refuse(field, "must be a list", "write it in [ ]");
  return {
    drill: text(given["drill"], "drill"),
    services: Object.fromEntries(
      Object.entries(fields(given["services"], "services")).map(([name, value]) => {
        const { program, nodeArguments, ...yaml } = fields(value, `services.${name}`);
        return [
          name,
          {
            program: text(program, `services.${name}.program`),
            yaml,
            nodeArguments: items(nodeArguments, `services.${name}.nodeArguments`).map(String),
          },
        ];
      }),
    ),
    proxies: Object.fromEntries(
      Object.entries(fields(given["proxies"], "proxies")).map(([name, value]) => [
        name,
        text(value, `proxies.${name}`),
      ]),
    ),
    yaml: fields(given["yaml"], "yaml"),
    faults: items(given["faults"], "faults").map((value, at): FaultDefinition => {
      const fault = fields(value, `faults[${at}]`);
      const by = fault["repairedBy"];
      return {
        name: text(fault["name"], `faults[${at}].name`),
        began: text(fault["began"], `faults[${at}].began`),
        target: text(fault["target"], `faults[${at}].target`),
        kind: text(fault["kind"], `faults[${at}].kind`),
        distinguisher: typeof fault["distinguisher"] === "string" ? fault["distinguisher"] : null,
        rootCause: text(fault["rootCause"], `faults[${at}].rootCause`),
        repairedBy:
          by === "repair"
            ? { type: "repair" }
            : { type: "guard", events: items(by, `faults[${at}].repairedBy`).map(String) },
        withinS: typeof fault["withinS"] === "number" ? fault["withinS"] : 30,
      };
    }),
    metric: typeof given["metric"] === "string" ? given["metric"] : null,
    conditions: items(given["conditions"], "conditions").map((value, at): ConditionDefinition => {
      const condition = fields(value, `conditions[${at}]`);
      checkTolerance(condition["tolerance"] ?? null, `${path}.conditions[${at}].tolerance`);
      jsonPath(text(condition["path"], `conditions[${at}].path`), `${path}.conditions[${at}].path`);
      return {
        name: text(condition["name"], `conditions[${at}].name`),
        demanded: text(condition["demanded"], `conditions[${at}].demanded`),
        from: text(condition["from"], `conditions[${at}].from`),
        path: textOf(condition["path"]),
        tolerance: condition["tolerance"] as unknown as Tolerance,
        layer: drillLayers.find((layer) => layer === condition["layer"]) ?? "prevention",
      };
    }),
  };
}
