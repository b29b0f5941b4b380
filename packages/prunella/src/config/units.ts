// Durations, sizes and budgets as people write them. Each reader returns null for what it cannot read; the caller names the
// field and the remedy.

const durationUnits: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const sizeUnits: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  tb: 1e12,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4,
};

/** "250ms", "5s", "1.5m", "2h", "7d", "1h30m" as ms; a bare number is seconds. */
export function duration(text: string | number): number | null {
  if (typeof text === "number") return Number.isFinite(text) && text >= 0 ? text * 1_000 : null;
  const parts = [...text.trim().matchAll(/(\d+(?:\.\d+)?)\s*(ms|min|s|m|h|d)/g)];
  if (
    parts.length === 0 ||
    parts
      .map((part) => part[0])
      .join("")
      .replaceAll(/\s/g, "") !== text.replaceAll(/\s/g, "")
  )
    return null;
  return parts.reduce((sum, part) => sum + Number(part[1]) * (durationUnits[part[2] ?? ""] ?? 0), 0);
}

/** "512MB" (decimal), "1GiB" (binary) as bytes; a bare number is bytes. */
export function size(text: string | number): number | null {
  if (typeof text === "number") return Number.isFinite(text) && text >= 0 ? text : null;
  const match = /^(\d+(?:\.\d+)?)\s*([kmgt]?i?b)$/i.exec(text.trim());
  return match === null ? null : Math.round(Number(match[1]) * (sizeUnits[(match[2] ?? "").toLowerCase()] ?? 0));
}

/** "3 per 15m" as runs and window. */
export function budget(text: string): { readonly runs: number; readonly windowMs: number } | null {
  const match = /^(\d+)\s*(?:per|\/)\s*(.+)$/.exec(text.trim());
  const windowMs =
    match === null ? null : duration(/^\d/.test(match[2] ?? "") ? (match[2] ?? "") : `1${match[2] ?? ""}`);
  return match === null || windowMs === null ? null : { runs: Number(match[1]), windowMs };
}

/**
 * Splits a command line into program and arguments: quotes group, a backslash escapes. No shell is involved; what only a
 * shell could do is reported as `needsShell`.
 */
export function splitCommand(text: string): { readonly argv: readonly string[]; readonly needsShell: string | null } {
  const argv: string[] = [];
  let word = "";
  let open = false;
  let quote: string | null = null;
  let needsShell: string | null = null;
  for (let at = 0; at < text.length; at += 1) {
    const char = text[at] ?? "";
    if (quote !== null) {
      if (char === quote) quote = null;
      else if (char === "\\" && quote === '"') word += text[++at] ?? "";
      else word += char;
    } else if (char === '"' || char === "'") {
      quote = char;
      open = true;
    } else if (char === "\\") {
      word += text[++at] ?? "";
      open = true;
    } else if (/\s/.test(char)) {
      if (open) argv.push(word);
      word = "";
      open = false;
    } else {
      if (/[|&;<>`$*?(){}]/.test(char)) needsShell ??= char;
      word += char;
      open = true;
    }
  }
  if (open) argv.push(word);
  return { argv, needsShell: quote === null ? needsShell : `unclosed ${quote}` };
}
