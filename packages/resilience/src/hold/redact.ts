// Keeps secrets out of contexts and log lines: by the name of a field, and by the look of a value.

export type ContextFields = Readonly<Record<string, string | number | boolean>>;

export interface RedactOptions {
  /** Names of fields whose values are hidden, besides the usual ones (password, secret, token, authorization, cookie, api key…). */
  readonly secretNames?: readonly string[];
  /** Longest text value in characters (default 500); a longer one is cut and marked with "…". */
  readonly valueMax?: number;
}

const secretName =
  /pass(word|wd|phrase)?$|secret|token|authorization|cookie|api[-_]?key|private[-_]?key|credential|session[-_]?id/i;
const looksSecret: readonly (readonly [RegExp, string])[] = [
  // Credentials in a URL.
  [/(\b[a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/:@]{1,200}:[^\s/@]{1,200}@/gi, "$1[hidden]@"],
  [/\b(bearer|basic)\s+[\w.~+/=-]{8,2000}/gi, "$1 [hidden]"],
  // JSON Web Tokens.
  [/\beyJ[\w-]{5,2000}\.[\w-]{5,2000}\.[\w-]{0,2000}/g, "[hidden]"],
];

/** A text without what looks like a secret, cut to `valueMax`. */
export function redactText(text: string, options: RedactOptions = {}): string {
  const valueMax = options.valueMax ?? 500;
  let clean = text.slice(0, valueMax + 2000);
  for (const [pattern, instead] of looksSecret) clean = clean.replace(pattern, instead);
  return clean.length > valueMax ? `${clean.slice(0, valueMax)}…` : clean;
}

/** The fields without secrets. Names are compared without regard to case. */
export function redactFields(fields: ContextFields, options: RedactOptions = {}): ContextFields {
  const own = options.secretNames?.map((name) => name.toLowerCase()) ?? [];
  return Object.fromEntries(
    Object.entries(fields).map(([name, value]) => {
      if (secretName.test(name) || own.includes(name.toLowerCase())) return [name, "[hidden]"];
      return [name, typeof value === "string" ? redactText(value, options) : value];
    }),
  );
}
