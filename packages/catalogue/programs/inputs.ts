// Sources that are configured from outside: one at a time over the API, many at once by ingest, all of them as a
// configuration. With guards every field is checked by its rule; without, what comes in is used as it came.
import { InvalidInputError, validate } from "@prunella/resilience";
import { answer, guardsOn, serve } from "./kit.ts";

interface Source {
  readonly sourceId: string;
  readonly intervalMs: number;
  readonly url: string;
}
const sources = new Map<string, Source>();
const check = validate({ name: "sources", sourceIdMax: 100 });
let refused = 0;

function checked(given: Record<string, unknown>): Source {
  return {
    sourceId: check.sourceId(given["source_id"], "source_id"),
    intervalMs: check.intervalMs(given["interval_ms"], "interval_ms"),
    url: check.url(given["url"], "url"),
  };
}

/** As it is written where nobody thinks of what else may come. */
function trusted(given: Record<string, unknown>): Source {
  const url = new URL(given["url"] as string);
  return { sourceId: (given["source_id"] as string).trim(), intervalMs: Number(given["interval_ms"]), url: url.href };
}

function take(given: Record<string, unknown>): Source {
  const source = (guardsOn ? checked : trusted)(given);
  if (sources.size < 10_000) sources.set(source.sourceId, source);
  return source;
}

function refusal(error: unknown): unknown {
  if (!(error instanceof InvalidInputError)) throw error;
  refused += 1;
  return answer(422, { field: error.field, rule: error.rule, detail: error.message });
}

serve({
  "/sources": ({ body }) => {
    try {
      return take(JSON.parse(body) as Record<string, unknown>);
    } catch (error) {
      return refusal(error);
    }
  },
  "/ingest": ({ body }) => {
    const problems: unknown[] = [];
    for (const line of body.split("\n").filter((each) => each !== "")) {
      try {
        take(JSON.parse(line) as Record<string, unknown>);
      } catch (error) {
        if (!(error instanceof InvalidInputError)) throw error;
        refused += 1;
        problems.push({ field: error.field, rule: error.rule });
      }
    }
    return { problems };
  },
  "/state": () => ({ sources: sources.size, refused, counted: check.snapshot().counts["refused"] }),
});
