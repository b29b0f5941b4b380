// The functions of provider type "prunella": what a drill asks of Prunella, and the faults it makes. Each takes named
// arguments; an unknown function or argument is refused. Documented in docs/chaos.md.
import { InvalidInputError, type Json } from "@prunella/core";
import type { Incident } from "@prunella/contract";
import type { ControlApi } from "../api.ts";
import { ActivityError, type PrunellaCall } from "../experiment/providers.ts";
import { pause } from "../experiment/run.ts";

export interface CallsOptions {
  readonly api: () => ControlApi;
  /** Name under which faults are announced. */
  readonly drill: string;
  /** Makes a fault on a target; resolves with what it did. See inject/. */
  readonly inject: (kind: string, args: Args, signal: AbortSignal) => Promise<Json>;
  /** Takes a fault back. */
  readonly undo: (kind: string, args: Args) => Promise<Json>;
}

type Args = { readonly [key: string]: Json };

export function prunellaCalls(options: CallsOptions): PrunellaCall {
  const functions: Readonly<
    Record<string, readonly [names: readonly string[], call: (args: Args, signal: AbortSignal) => Promise<Json>]>
  > = {
    announce: [
      ["target", "forS"],
      async (args) =>
        (await options.api().post("/api/v1/drills/announce", {
          target: text(args, "target"),
          drill: options.drill,
          forMs: Math.round(number(args, "forS", 60) * 1_000),
        })) as Json,
    ],
    target: [["target"], async (args) => (await options.api().target(text(args, "target"))) as unknown as Json],
    guards: [
      ["target"],
      async (args) =>
        (await options.api().get(`/api/v1/targets/${encodeURIComponent(text(args, "target"))}/guards`)) as Json,
    ],
    logs: [
      ["target", "lines", "contains"],
      async (args) => {
        const query = new URLSearchParams({ lines: String(number(args, "lines", 100)) });
        if (args["contains"] !== undefined) query.set("contains", text(args, "contains"));
        return (await options
          .api()
          .get(`/api/v1/targets/${encodeURIComponent(text(args, "target"))}/logs?${query.toString()}`)) as Json;
      },
    ],
    status: [[], async () => (await options.api().get("/api/v1/status")) as Json],
    incident: [
      ["target", "kind", "withinS", "until"],
      async (args, signal) => (await waitFor(options.api(), args, signal)) as unknown as Json,
    ],
    wait: [
      ["s"],
      async (args, signal) => {
        await pause(number(args, "s", 1), signal);
        return null;
      },
    ],
    inject: [
      ["kind", "target", "forS", "arguments"],
      async (args, signal) => options.inject(text(args, "kind"), args, signal),
    ],
    undo: [["kind", "target"], async (args) => options.undo(text(args, "kind"), args)],
  };
  return async (func, args, { signal }) => {
    const found = Object.hasOwn(functions, func) ? functions[func] : undefined;
    if (found === undefined)
      throw new InvalidInputError("func", `is ${JSON.stringify(func)}`, `use ${Object.keys(functions).join(", ")}`);
    const [names, call] = found;
    // A tolerance of type probe hands in the value under this name.
    const unknown = Object.keys(args).filter((name) => !names.includes(name) && name !== "value");
    if (unknown.length > 0)
      throw new InvalidInputError(
        `arguments.${unknown[0] ?? ""}`,
        `is no argument of ${func}`,
        names.length === 0 ? "it takes none" : `it takes ${names.join(", ")}`,
      );
    return call(args, signal);
  };
}

/** Waits for an incident of a target: until it is there, or until it is over. */
async function waitFor(api: ControlApi, args: Args, signal: AbortSignal): Promise<Incident> {
  const target = text(args, "target");
  const kind = args["kind"] === undefined ? null : text(args, "kind");
  const over = args["until"] === "ended";
  const until = Date.now() + number(args, "withinS", 30) * 1_000;
  for (;;) {
    signal.throwIfAborted();
    const found = (await api.incidents(target)).find((incident) => kind === null || incident.kind === kind);
    if (found !== undefined && (!over || found.state !== "open")) return found;
    if (Date.now() > until)
      throw new ActivityError(
        `no incident${kind === null ? "" : ` of kind ${kind}`} on ${target}${over ? " that ended" : ""} in time`,
      );
    await pause(0.1, signal);
  }
}

export function text(args: Args, name: string): string {
  const value = args[name];
  if (typeof value === "string" && value !== "") return value;
  throw new InvalidInputError(`arguments.${name}`, "must be a text", "write it");
}

export function number(args: Args, name: string, preset: number): number {
  const value = args[name] ?? preset;
  if (typeof value === "number" && Number.isFinite(value) && value >= 0) return value;
  throw new InvalidInputError(`arguments.${name}`, "must be a number from 0", `leave it out for ${preset}`);
}
