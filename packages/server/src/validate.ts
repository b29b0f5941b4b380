// Validates requests by the contract's schemas and says in words which field broke which rule and what would be right.
// Query values are text and are read as what the schema wants; bodies are taken as they are.
import type { TSchema } from "typebox";
import { Compile } from "typebox/compile";
import { Value } from "typebox/value";
import type { FastifySchemaCompiler } from "fastify";

interface Fault {
  readonly keyword: string;
  readonly instancePath: string;
  readonly params: object;
}
interface Shape {
  readonly type?: string;
  readonly const?: unknown;
  readonly anyOf?: readonly Shape[];
  readonly items?: Shape;
  readonly properties?: Readonly<Record<string, Shape>>;
}

export class ValidationError extends Error {
  readonly statusCode = 400;
  readonly field: string;
  constructor(field: string, rule: string, remedy: string) {
    super(`${field}: ${rule}; ${remedy}`);
    this.name = "ValidationError";
    this.field = field;
  }
}

export const validatorCompiler: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const { inner, mayBeNull } = nullable(schema);
  // Compiled when a request first needs it: most routes are never asked for, and all of them take 4 MB and 0.2 s of each start.
  let compiled: ReturnType<typeof Compile<TSchema>> | null = null;
  const shape = inner as unknown as Shape;
  const isText = httpPart !== "body";
  return (data: unknown) => {
    if (mayBeNull && (data === null || data === undefined)) return { value: null };
    const check = (compiled ??= Compile(inner));
    const value: unknown = isText ? Value.Convert(inner, spread(shape, data)) : data;
    if (check.Check(value)) return { value };
    return { error: faultOf(shape, check.Errors(value) as readonly Fault[], httpPart ?? "request", value) };
  };
};

/** Of "this or null" only this is compiled, so that its faults are named one by one. */
function nullable(schema: TSchema): { readonly inner: TSchema; readonly mayBeNull: boolean } {
  const branches = (schema as { readonly anyOf?: readonly (TSchema & Shape)[] }).anyOf ?? [];
  const [first, second] = branches;
  return branches.length === 2 && first !== undefined && second?.type === "null"
    ? { inner: first, mayBeNull: true }
    : { inner: schema, mayBeNull: false };
}

/** A list in a query may be written a=1&a=2 or a=1,2. */
function spread(shape: Shape, data: unknown): unknown {
  if (typeof data !== "object" || data === null) return data;
  return Object.fromEntries(
    Object.entries(data).map(([key, value]: [string, unknown]) => {
      if (shape.properties?.[key]?.type !== "array") return [key, value];
      const parts = Array.isArray(value) ? (value as unknown[]) : [value];
      return [key, parts.flatMap((part) => (typeof part === "string" ? part.split(",") : [part]))];
    }),
  );
}

function faultOf(shape: Shape, faults: readonly Fault[], part: string, value: unknown): ValidationError {
  // Of a union's branches only the union itself tells the reader something.
  const union = faults.find((fault) => fault.keyword === "anyOf");
  const extra = faults.find((fault) => fault.keyword === "additionalProperties");
  const fault = union ?? extra ?? faults[0] ?? { keyword: "type", instancePath: "", params: {} };
  const params = fault.params as Readonly<Record<string, unknown>>;
  const path = fault.instancePath.split("/").slice(1);
  const name = (more: readonly string[]): string => (more.length === 0 ? part : more.join(".").slice(0, 100));
  const at = within(shape, path);
  const limit = String(params["limit"]);
  switch (fault.keyword) {
    case "required": {
      const missing = (params["requiredProperties"] as readonly string[] | undefined) ?? [];
      return new ValidationError(name([...path, missing[0] ?? ""]), "is missing", "add it");
    }
    case "additionalProperties": {
      const unknown = (params["additionalProperties"] as readonly string[] | undefined) ?? [];
      const known = Object.keys(at?.properties ?? {});
      return new ValidationError(
        name([...path, unknown[0] ?? ""]),
        "is not known here",
        known.length === 0 ? "leave it out" : `known: ${known.join(", ")}`,
      );
    }
    case "anyOf": {
      const words = at?.anyOf?.flatMap((each) => (each.const === undefined ? [] : [JSON.stringify(each.const)])) ?? [];
      const types = at?.anyOf?.flatMap((each) => (each.type === undefined ? [] : [each.type])) ?? [];
      const choice = words.length > 0 ? words.join(", ") : types.join(" or ");
      return new ValidationError(name(path), "is none of the values it may have", `write one of: ${choice}`);
    }
    case "type":
      return new ValidationError(
        name(path),
        `must be ${article(typeof params["type"] === "string" ? params["type"] : "object")}, and is ${kindOf(value, path)}`,
        "correct it",
      );
    case "maxLength":
      return new ValidationError(name(path), `is longer than ${limit} characters`, "shorten it");
    case "minLength":
      return new ValidationError(name(path), `is shorter than ${limit} characters`, "write more");
    case "maxItems":
      return new ValidationError(name(path), `holds more than ${limit} items`, "send fewer at once");
    case "minItems":
      return new ValidationError(name(path), `holds fewer than ${limit} items`, "send more");
    case "pattern":
      return new ValidationError(name(path), `does not match ${String(params["pattern"])}`, "correct it");
    case "format":
      return new ValidationError(name(path), `is no ${String(params["format"])}`, "write it like 2026-01-31T12:00:00Z");
    case "minimum":
    case "maximum":
    case "exclusiveMinimum":
    case "exclusiveMaximum":
      return new ValidationError(name(path), `must be ${String(params["comparison"])} ${limit}`, "correct it");
    case "const":
      return new ValidationError(name(path), `must be ${JSON.stringify(params["allowedValue"])}`, "correct it");
    default:
      return new ValidationError(name(path), `breaks the rule ${fault.keyword}`, "see /api/v1/openapi.json");
  }
}

function within(shape: Shape, path: readonly string[]): Shape | undefined {
  let at: Shape | undefined = shape;
  for (const step of path) at = at?.properties?.[step] ?? at?.items;
  return at;
}

function kindOf(value: unknown, path: readonly string[]): string {
  let at = value;
  for (const step of path)
    at = typeof at === "object" && at !== null ? (at as Record<string, unknown>)[step] : undefined;
  if (at === null || at === undefined) return "nothing";
  return Array.isArray(at) ? "a list" : article(typeof at);
}

function article(type: string): string {
  return (
    { array: "a list", object: "an object", integer: "a whole number", string: "text", null: "null" }[type] ??
    `a ${type}`
  );
}
