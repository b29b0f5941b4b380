// Fetches two sources over and over. With guards an error is sorted: a transient one counts for the breaker, a configuration
// error disables its source alone, and a bug is logged as critical and thrown on. Without, every error is caught alike.
import { breaker, classifier, classify } from "@prunella/resilience";
import process from "node:process";
import { guardsOn, serve, sleep } from "./kit.ts";

const upstream = process.env["UPSTREAM"] ?? "";
const everyMs = 100;
const openMs = 2_000;

class MalformedAnswer extends Error {
  override readonly name = "MalformedAnswer";
}

interface Source {
  readonly name: string;
  readonly critical: boolean;
  disabled: boolean;
  fetched: number;
  swallowed: number;
}
const sources: Source[] = ["orders", "prices"].map((name) => ({
  name,
  critical: name === "orders",
  disabled: false,
  fetched: 0,
  swallowed: 0,
}));

const timeline: { event: string; at: number; attempts: number }[] = [];
let attempts = 0;
let refusedMsMax = 0;
const guard = breaker({
  name: "upstream",
  openMs,
  // Only what may pass by itself says something about the upstream.
  isFailure: (error) => classify(error).kind === "transient",
});
guard.listen(({ event }) => timeline.push({ event, at: Date.now(), attempts }));
const errors = classifier({
  name: "sources",
  rules: [(error) => (error instanceof MalformedAnswer ? "configuration" : undefined)],
});

async function fetchOnce(source: Source): Promise<void> {
  attempts += 1;
  const response = await fetch(`http://${upstream}/data/${source.name}`, { signal: AbortSignal.timeout(1_000) });
  const body = (await response.json()) as { readonly entries: { readonly value: number }[] };
  if (!Array.isArray(body.entries)) throw new MalformedAnswer(`${source.name} answers something that is no list`);
  readEntries(body.entries);
  source.fetched += 1;
}

/** The programming error: nobody thought of an entry that is null. */
function readEntries(entries: readonly { readonly value: number }[]): number {
  return entries.reduce((sum, entry) => sum + entry.value, 0);
}

async function guarded(source: Source): Promise<void> {
  if (source.disabled) return;
  const asked = performance.now();
  try {
    await guard.execute(() => fetchOnce(source));
  } catch (error) {
    if (error instanceof Error && error.name === "BreakerOpenError") {
      refusedMsMax = Math.max(refusedMsMax, performance.now() - asked);
      return;
    }
    const { kind } = errors.classify(error);
    if (kind === "transient") return;
    if (kind === "configuration") {
      source.disabled = true;
      console.error(JSON.stringify({ level: "error", source: source.name, message: String(error) }));
      return;
    }
    console.error(JSON.stringify({ level: "critical", source: source.name, message: String(error) }));
    throw error;
  }
}

async function broad(source: Source): Promise<void> {
  try {
    await fetchOnce(source);
  } catch {
    source.swallowed += 1;
  }
}

async function forEver(source: Source): Promise<never> {
  for (;;) {
    await (guardsOn ? guarded(source) : broad(source));
    await sleep(everyMs);
  }
}
// Only one asks while the upstream is tested, so that five failures are five calls.
for (const source of sources) void forEver(source);

serve({
  "/result": () => {
    const at = (event: string): number | null => timeline.find((each) => each.event === event)?.at ?? null;
    const opened = timeline.find((each) => each.event === "opened");
    const half = timeline.find((each) => each.event === "half-opened" && each.at >= (opened?.at ?? Infinity));
    return {
      state: guard.state,
      opened: opened !== undefined,
      halfOpenedAfterMs: opened === undefined || half === undefined ? null : half.at - opened.at,
      /** Calls let through between opening and half-opening: none may be. */
      attemptsWhileOpen: opened === undefined || half === undefined ? null : half.attempts - opened.attempts,
      closedAt: at("closed"),
      refusedMsMax: Math.round(refusedMsMax * 1_000) / 1_000,
      failuresToOpen: failuresBeforeOpening,
      defaults: defaults(),
      sources: Object.fromEntries(
        sources.map((source) => [
          source.name,
          { disabled: source.disabled, fetched: source.fetched, swallowed: source.swallowed },
        ]),
      ),
    };
  },
});

let failuresBeforeOpening: number | null = null;
guard.listen(({ event, detail }) => {
  if (event === "opened") failuresBeforeOpening ??= Number(detail["failures"]);
});

/** A breaker with no options at all: after which failure it opens, and for how long. */
function defaults(): { failures: number; openMs: number | null } {
  const fresh = breaker();
  let failures = 0;
  while (fresh.state === "closed" && failures < 100) {
    const permit = fresh.tryAcquire();
    fresh.recordFailure(permit, new Error("refused"));
    failures += 1;
  }
  const left = fresh.retryAfterMs;
  return { failures, openMs: left === undefined ? null : Math.round(left / 1_000) * 1_000 };
}
