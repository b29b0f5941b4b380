// A value of an experiment as text: text as it stands, anything else as JSON writes it.

export function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  return value === undefined ? "" : (JSON.stringify(value) ?? "");
}
