// `${name}` in an experiment's texts: configuration wins over secrets. A text that is one name alone takes the value's own
// type (a port stays a number). An unknown name is refused rather than left standing in a URL.
import { InvalidInputError, type Json } from "@prunella/core";
import { isFields } from "./experiment.ts";
import { textOf } from "./text.ts";

/** Values of configuration and secrets: plain ones, and { type: "env", key, default? }. */
export function valuesOf(
  configuration: Readonly<Record<string, Json>>,
  secrets: Readonly<Record<string, Json>>,
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, Json> {
  const values: Record<string, Json> = {};
  for (const scope of Object.values(secrets))
    if (isFields(scope))
      for (const [name, entry] of Object.entries(scope)) values[name] = resolve(entry, `secrets.${name}`, environment);
  for (const [name, entry] of Object.entries(configuration))
    values[name] = resolve(entry, `configuration.${name}`, environment);
  return values;
}

function resolve(entry: Json, path: string, environment: Readonly<Record<string, string | undefined>>): Json {
  if (!isFields(entry) || entry["type"] !== "env") return entry;
  const key = textOf(entry["key"]);
  const found = environment[key] ?? entry["default"];
  if (found === undefined)
    throw new InvalidInputError(path, `needs the environment variable ${key}`, "set it, or write a default");
  return found;
}

export function substitute(value: Json, values: Readonly<Record<string, Json>>, path: string): Json {
  if (typeof value === "string") return substituteText(value, values, path);
  if (Array.isArray(value)) return value.map((each: Json, at) => substitute(each, values, `${path}[${at}]`));
  if (isFields(value))
    return Object.fromEntries(
      Object.entries(value).map(([name, each]) => [name, substitute(each, values, `${path}.${name}`)]),
    );
  return value;
}

function substituteText(text: string, values: Readonly<Record<string, Json>>, path: string): Json {
  const whole = /^\$\{([\w.-]+)\}$/.exec(text)?.[1];
  const look = (name: string): Json => {
    if (Object.hasOwn(values, name)) return values[name] ?? null;
    throw new InvalidInputError(
      path,
      `names \${${name}}, which neither configuration nor secrets hold`,
      "add it under configuration",
    );
  };
  if (whole !== undefined) return look(whole);
  return text.replaceAll(/\$\{([\w.-]+)\}/g, (_all, name: string) => {
    const value = look(name);
    return typeof value === "string" ? value : JSON.stringify(value);
  });
}
