// Loki's push endpoint, JSON only: log lines of services that any shipper can send. Lines go where the services' own output
// goes; those of level error and above are errors too.
import type { EventSignal } from "@prunella/core";
import { createHash } from "node:crypto";
import type { App } from "../app.ts";
import { json } from "../ingest/body.ts";
import { facts } from "../ingest/error-facts.ts";
import { eventsMax, type Intake } from "../ingest/intake.ts";
import { structureOf } from "../ingest/log-line.ts";
import { targetNamed } from "../ingest/matching.ts";
import { dict, labels, list, nanosMs, string } from "../ingest/read.ts";
import { RequestError } from "../problem.ts";

/** Lines of one request. */
export const linesMax = 50_000;

export function lineRoutes(app: App, intake: Intake): void {
  const { options, counts } = intake;
  app.post(
    "/loki/api/v1/push",
    { config: { ingest: true }, schema: { tags: ["ingest"], summary: "Loki's push endpoint, JSON" } },
    async (request, reply) => {
      const body = dict(json(request.body));
      if (body === null || !Array.isArray(body["streams"]))
        throw new RequestError(400, "streams: is missing; send Loki's JSON", { field: "streams" });
      const signals: EventSignal[] = [];
      let [lines, unmatched, over] = [0, 0, 0];
      for (const stream of (body["streams"] as unknown[]).map(dict)) {
        const of = labels(stream?.["stream"]);
        const names = [of["target"], of["service_name"], of["service"], of["app"], of["container"], of["job"]];
        const target = targetNamed(options.engine.world.targets, names);
        for (const value of list(stream?.["values"])) {
          const [time, text] = [nanosMs(list(value)[0]), string(list(value)[1], 16_000)];
          if (text === null)
            throw new RequestError(400, "streams.values: holds no [time, line]", { field: "streams.values" });
          if (target === null) unmatched += 1;
          if (target === null) continue;
          if ((lines += 1) > linesMax)
            throw new RequestError(413, `streams: holds more than ${linesMax} lines; send fewer at once`);
          const at = intake.recordTime(time);
          const { level, message } = structureOf(text, of["level"] ?? of["detected_level"]);
          options.onLines?.(target, [{ at, level, text }]);
          if (level !== "error" && level !== "fatal") continue;
          if (signals.length >= eventsMax) over += 1;
          else {
            const id = createHash("sha256")
              .update(`${target} ${time ?? ""} ${text}`)
              .digest("hex")
              .slice(0, 32);
            signals.push({
              id: `loki:${id}`,
              type: "error",
              target,
              at,
              origin: "log",
              error: facts("Log", message, null),
            });
          }
        }
      }
      await intake.take("loki", signals);
      counts.accept("loki", "log", lines);
      counts.drop("loki", "unknown-target", unmatched);
      counts.drop("loki", "too-many-at-once", over);
      return reply.code(204).send();
    },
  );
}
