// Blacks out what looks like a secret in text that is kept or shown: output of commands, differences of configuration files.
// Deliberately rather too much than too little.

const named =
  /((?:pass(?:word|wd|phrase)?|secret|token|authorization|cookie|api[-_]?key|private[-_]?key|access[-_]?key|credential|session[-_]?id)["']?\s*[:=]\s*)("[^"]*"|'[^']*'|[^\s,;&}]+)/gi;
const looks: readonly (readonly [RegExp, string])[] = [
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, "[hidden]"],
  [/(\b[a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/:@]{1,200}:[^\s/@]{1,200}@/gi, "$1[hidden]@"],
  [/\b(bearer|basic)\s+[\w.~+/=-]{8,2000}/gi, "$1 [hidden]"],
  [/\beyJ[\w-]{5,2000}\.[\w-]{5,2000}\.[\w-]{0,2000}/g, "[hidden]"],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, "[hidden]"],
  [/\b(?:gh[pousr]_|glpat-|xox[abprs]-|sk-)[\w-]{16,}/g, "[hidden]"],
];

/** The text without secrets. `known` are values that must not appear whatever they look like (at least six characters). */
export function redact(text: string, known: readonly string[] = []): string {
  let clean = text;
  for (const value of known) if (value.length >= 6) clean = clean.replaceAll(value, "[hidden]");
  for (const [pattern, instead] of looks) clean = clean.replace(pattern, instead);
  return clean.replace(named, "$1[hidden]");
}

/** Values of environment variables whose name says that they are secret. */
export function secretValues(environment: Readonly<Record<string, string | undefined>>): string[] {
  return Object.entries(environment).flatMap(([name, value]) =>
    value !== undefined && /pass|secret|token|key|credential|cookie|auth/i.test(name) ? [value] : [],
  );
}
