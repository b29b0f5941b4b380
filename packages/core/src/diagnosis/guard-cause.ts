// What a guard's trip says about the cause: the guard saw the fault at first hand, so its words are the diagnosis. One
// sentence per kind of guard and event; what is not in the table is told as the guard said it.
import type { Json } from "../detection/index.ts";
import type { Incident } from "../issue/index.ts";

type Detail = { readonly [key: string]: Json };

const queueBehind = (d: Detail, name: string): string =>
  `producers put into queue ${name} faster than its consumers take: ${told(d["size"])} of ${told(d["capacity"])} places are filled`;

const causes: Readonly<Record<string, (detail: Detail, name: string) => string>> = {
  "queue high": queueBehind,
  "queue full": queueBehind,
  "breaker opened": (d, name) =>
    `the dependency behind breaker ${name} failed ${told(d["failures"])} times (${told(d["why"])}); calls fail fast for ${told(d["openMs"])} ms`,
  "queue high-water": queueBehind,
  "queue overflow": (d, name) =>
    `queue ${name} is full at its bound of ${told(d["capacity"])}: producers outrun consumers, policy ${told(d["policy"])}`,
  "loop stalled": (d, name) =>
    `an iteration of loop ${name} did not end within its ${told(d["timeoutMs"])} ms (iteration ${told(d["iteration"])}); it was abandoned`,
  "dual-loop unanswered": (d, name) =>
    `the loops of ${name} waited for each other: the update from ${told(d["from"])} was not answered within ${told(d["answerMs"])} ms`,
  "loop failed": (d, name) => `an iteration of loop ${name} failed: ${told(d["message"])}`,
  "classifier configuration": (d, name) =>
    `${name}: a configuration error that no retry can cure (${told(d["because"])}): ${told(d["message"])}`,
  "classifier unexpected": (d, name) =>
    `${name}: an unexpected error, most likely a bug (${told(d["because"])}): ${told(d["message"])}`,
  "validate refused": (d, name) =>
    `input that breaks a rule reached ${name}: ${told(d["field"])} must be ${told(d["rule"])}`,
  "timeout timed-out": (d, name) => `the work under timeout ${name} did not answer within ${told(d["timeoutMs"])} ms`,
  "retry gave-up": (d, name) => `retry ${name} gave up after ${told(d["attempts"])} attempts: ${told(d["why"])}`,
  "budget spent": (_, name) =>
    `so many calls fail that the retry budget ${name} is spent: the dependency is down for everyone`,
  "rate-limiter limited": (d, name) => `${told(d["key"])} asks for more than its quota at ${name}`,
  "adaptive-limit limiting": (d, name) =>
    `more calls than the measured capacity at ${name}: ${told(d["inflight"])} in flight at a limit of ${told(d["limit"])}`,
  "lock-hierarchy wrong-order": (d) => told(d["message"]),
  "lock-hierarchy deadlock": (d) => told(d["message"]),
  "sql-transaction deadlock": (d, name) =>
    `two transactions of ${name} waited for each other's rows; attempt ${told(d["attempt"])} was rolled back and repeated`,
  "pool leak": (d, name) =>
    `a resource of pool ${name} was lent for ${told(d["heldMs"])} ms and never given back; borrowed at ${told(d["stack"])}`,
  "pool exhausted": (d, name) =>
    `all ${told(d["max"])} resources of pool ${name} are lent and ${told(d["waiting"])} wait`,
  "cache eviction-storm": (d, name) =>
    `cache ${name} evicts nearly everything it stores (${told(d["evictions"])} of ${told(d["operations"])} operations): the working set does not fit`,
  "cache hit-rate-falling": (d, name) =>
    `the hit rate of cache ${name} fell from ${told(d["before"])} to ${told(d["hitRate"])}`,
  "health-monitor blocking": (d, name) =>
    `check ${told(d["check"])} of ${name} held the thread for ${told(d["heldMs"])} ms`,
  "health-monitor became-unhealthy": (d, name) => `check ${told(d["check"])} of ${name} is ${told(d["status"])}`,
  "lazy failed": (d, name) => `making ${name} at first use failed: ${told(d["why"])}`,
};

export function guardCause(incident: Pick<Incident, "summary" | "evidence">): string {
  for (const { data } of incident.evidence) {
    if (typeof data !== "object" || data === null || Array.isArray(data)) continue;
    const detail = data as Detail;
    const cause = causes[`${told(detail["guard"])} ${told(detail["event"])}`];
    if (cause !== undefined) return cause(detail, told(detail["name"])).slice(0, 2_000);
  }
  return incident.summary;
}

function told(value: Json | undefined): string {
  if (typeof value === "number") return String(Math.round(value * 1000) / 1000);
  return typeof value === "string" ? value : JSON.stringify(value ?? "");
}
