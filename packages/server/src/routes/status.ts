// What is going on: status, the configuration in force, and the stored changes.
import { pageOf as pageSchema, Status, Transition } from "@prunella/contract";
import { Type } from "typebox";
import type { App } from "../app.ts";
import type { ServerOptions } from "../host.ts";
import { pageOf, statusJson, transitionJson } from "../translate/index.ts";
import { answers, closed, optional, paging, periodQuery, present, text } from "./shared.ts";
import { InvalidInputError } from "@prunella/core";

/** The size of the store is read at most this often, ms. */
const statsMs = 5_000;

export function statusRoutes(app: App, options: ServerOptions, startedAt: number): void {
  const { store, clock } = options;
  let stats = { at: Number.NEGATIVE_INFINITY, bytes: 0 };
  app.get("/status", { schema: answers("status", "Is everything all right?", Status) }, async () => {
    if (clock.now() - stats.at > statsMs) {
      const bytes = await store.stats().then(
        (of) => of.bytes,
        () => stats.bytes,
      );
      stats = { at: clock.now(), bytes };
    }
    return statusJson(options, { startedAt, storeBytes: stats.bytes });
  });
  app.get("/configuration", { schema: answers("status", "The configuration in force", Type.Unknown()) }, async () => {
    return withoutSecrets(options.configuration());
  });
  const query = closed({
    ...paging,
    ...periodQuery,
    issue: optional(text(80)),
    incident: optional(text(80)),
    target: optional(text(128)),
  });
  const schema = { ...answers("status", "What changed, newest first", pageSchema(Transition)), querystring: query };
  app.get("/transitions", { schema }, async ({ query: { from, to, ...rest } }) => {
    const period = {
      from: from === undefined ? undefined : Date.parse(from),
      to: to === undefined ? undefined : Date.parse(to),
    };
    if (period.from !== undefined && period.to !== undefined && period.from >= period.to)
      throw new InvalidInputError("from", "is not before `to`", "name an earlier time");
    return pageOf(await store.transitions(present({ ...rest, ...period })), transitionJson);
  });
}

/** Environments, headers and secrets: their names are shown and their values are not. */
function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]: [string, unknown]) => [
      key,
      key === "secret"
        ? "(hidden)"
        : (key === "env" || key === "headers") && typeof part === "object" && part !== null
          ? Object.fromEntries(Object.keys(part).map((name) => [name, "(hidden)"]))
          : withoutSecrets(part),
    ]),
  );
}
