// Reading values that may be anything: each reader gives what it was asked for or null, so that a field of the wrong type
// costs that field and not the message.

export type Dict = Readonly<Record<string, unknown>>;

export function dict(value: unknown): Dict | null {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Dict) : null;
}

export function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

/** Text of at most `max` characters; numbers and booleans become text. */
export function string(value: unknown, max = 2_000): string | null {
  if (typeof value === "string") return value.slice(0, max);
  return typeof value === "number" || typeof value === "boolean" ? String(value) : null;
}

export function number(value: unknown): number | null {
  const of = typeof value === "string" && value.trim() !== "" ? Number(value) : value;
  return typeof of === "number" && Number.isFinite(of) ? of : null;
}

/** RFC 3339, or seconds since 1970, as ms. */
export function timeMs(value: unknown): number | null {
  if (typeof value === "number") return Number.isFinite(value) ? value * 1000 : null;
  if (typeof value !== "string") return null;
  const at = Date.parse(value);
  if (Number.isFinite(at)) return at;
  return /^\d+(\.\d+)?$/.test(value) ? Number(value) * 1000 : null;
}

/** Nanoseconds since 1970, as number or decimal text, as ms; null for 0 and what cannot be read. */
export function nanosMs(value: unknown): number | null {
  const of = number(value);
  return of === null || of <= 0 ? null : of / 1e6;
}

/** Labels: text by name, at most 100 of them. */
export function labels(value: unknown): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [name, of] of Object.entries(dict(value) ?? {}).slice(0, 100)) {
    const text = string(of, 2_000);
    if (text !== null) found[name.slice(0, 100)] = text;
  }
  return found;
}
