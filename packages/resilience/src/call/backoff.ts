// How long to wait before the next attempt. The formulas are those of "Exponential Backoff and Jitter" (AWS
// Architecture Blog, 2015); no number of attempts overflows them.

export type Jitter = "full" | "decorrelated" | "none";

export interface BackoffOptions {
  /** Bound of the first wait, in ms (default 200). */
  readonly delayMs?: number;
  /** Growth of the bound per attempt (default 2). Not used by decorrelated jitter. */
  readonly factor?: number;
  /** Bound of every wait, in ms (default 30,000). */
  readonly delayMsMax?: number;
  /** "full": uniform from 0 to the bound (default). "decorrelated": uniform from `delayMs` to 3 x the last wait. "none": the bound. */
  readonly jitter?: Jitter;
}

/**
 * The wait after the failed attempt number `attempt` (from 1), in ms.
 * @param lastMs the wait before it, for decorrelated jitter; 0 when there was none.
 */
export function backoffMs(options: BackoffOptions, attempt: number, lastMs: number, random: () => number): number {
  const { delayMs = 200, factor = 2, delayMsMax = 30_000, jitter = "full" } = options;
  if (jitter === "decorrelated") {
    const least = Math.min(delayMs, delayMsMax);
    const span = Math.max(least, Math.min(delayMsMax, lastMs === 0 ? delayMs * 3 : lastMs * 3));
    return least + random() * (span - least);
  }
  const bound = delayMs === 0 ? 0 : Math.min(delayMsMax, delayMs * factor ** (attempt - 1));
  return jitter === "full" ? random() * bound : bound;
}

/**
 * A `Retry-After` field (RFC 9110, 10.2.3) as a wait in ms: seconds or an HTTP date, undefined when it is neither.
 * @param wallNow ms since 1970, for the date form.
 */
export function parseRetryAfter(value: string | null | undefined, wallNow: number): number | undefined {
  const text = value?.trim() ?? "";
  if (/^\d{1,15}$/.test(text)) return Number(text) * 1000;
  const waitMs = /^[A-Za-z]{3}/.test(text) ? Date.parse(text) - wallNow : Number.NaN;
  return Number.isNaN(waitMs) ? undefined : Math.max(0, waitMs);
}

/** The default reading of an error's wish: its own `retryAfterMs`. */
export function retryAfterOf(error: unknown): number | undefined {
  if (typeof error !== "object" || error === null || !("retryAfterMs" in error)) return undefined;
  return typeof error.retryAfterMs === "number" && error.retryAfterMs >= 0 ? error.retryAfterMs : undefined;
}
