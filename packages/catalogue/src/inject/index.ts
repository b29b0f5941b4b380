// The faults there are, and who may make them: named targets only, never one labelled production without a word for it, one
// fault of a kind on a target at a time, each undone at the end of its time, on abort, or when asked.
import { InvalidInputError, type Json } from "@prunella/core";
import type { Target } from "@prunella/contract";
import type { ControlApi } from "../api.ts";
import { forMsDefault, forMsMax, InjectionRefused, type Injection, type Injector } from "./injector.ts";
import { config, disk } from "./files.ts";
import { block, clock, descriptors, memory } from "./inside.ts";
import { down, flood, httpErrors, tcp } from "./network.ts";
import { cpu, kill, stop } from "./processes.ts";
import { textOf } from "../experiment/text.ts";

export { InjectionRefused, type Injection, type Injector } from "./injector.ts";

export const injectors: readonly Injector[] = [
  kill,
  stop,
  cpu,
  memory,
  descriptors,
  block,
  clock,
  disk,
  config,
  tcp,
  down,
  httpErrors,
  flood,
];

/** How often the abort condition is looked at, ms. */
const watchMs = 500;

/** Faults in force at once. */
export const injectionsMax = 50;

export interface InjectorsOptions {
  readonly api: ControlApi;
  /** Folder that files may be written in besides the target's own. */
  readonly within: string;
  /** Addresses of each target; default: none is known, so tcp faults are refused. */
  readonly addressesOf?: (target: string) => readonly string[];
  readonly foldersOf?: (target: string) => readonly string[];
  /** Hears why a fault was given up early. */
  readonly onAbort?: (why: string) => void;
  /** Hears of every fault that is over, whatever ended it: what undoing it said, or that it could not be undone. */
  readonly onUndone?: (said: string, isUndone: boolean) => void;
  /** Allowed to break what is labelled production. */
  readonly yesProduction?: boolean;
}

export interface Injectors {
  /** Rejects when such a fault would be refused for what it is or whom it hits; makes none. */
  mayInject(kind: string, args: { readonly [key: string]: Json }): Promise<void>;
  inject(kind: string, args: { readonly [key: string]: Json }, signal: AbortSignal): Promise<Json>;
  undo(kind: string, args: { readonly [key: string]: Json }): Promise<Json>;
  undoAll(): Promise<readonly string[]>;
}

export function injectorsFor(options: InjectorsOptions): Injectors {
  interface Live {
    readonly injection: Injection;
    readonly timer: NodeJS.Timeout;
    /** Under way or over; whoever asks again gets the same answer. */
    undoing: Promise<string> | null;
  }
  const live = new Map<string, Live>();

  async function take(key: string): Promise<string | null> {
    const found = live.get(key);
    if (found === undefined) return null;
    clearTimeout(found.timer);
    found.undoing ??= undone(key, found.injection).finally(() => live.delete(key));
    return found.undoing;
  }

  async function undone(key: string, injection: Injection): Promise<string> {
    try {
      const said = await injection.undo();
      options.onUndone?.(said, true);
      return said;
    } catch (error) {
      options.onUndone?.(
        `${key} could not be undone: ${error instanceof Error ? error.message : String(error)}`,
        false,
      );
      throw error;
    }
  }

  /** The injector and its target, when they may be put together. */
  async function checked(
    kind: string,
    args: { readonly [key: string]: Json },
  ): Promise<{ readonly injector: Injector; readonly target: Target; readonly key: string }> {
    const injector = injectors.find((each) => each.kind === kind);
    if (injector === undefined)
      throw new InvalidInputError(
        "kind",
        `is ${JSON.stringify(kind)}`,
        `use ${injectors.map((each) => each.kind).join(", ")}`,
      );
    const name = args["target"];
    if (typeof name !== "string" || name === "")
      throw new InvalidInputError("target", "is missing", "name one target; a fault never hits all of them");
    const target = (await options.api.targets()).find((each) => each.key === name);
    if (target === undefined)
      throw new InvalidInputError(
        "target",
        `${JSON.stringify(name)} is not in the configuration`,
        "name a target that prunella status lists; a fault never reaches what nobody configured",
      );
    mayBreak(target, options.yesProduction === true);
    const key = `${kind} ${name}`;
    if (live.has(key)) throw new InjectionRefused(`${kind} is in force on ${name} already; undo it first`);
    if (live.size >= injectionsMax) throw new InjectionRefused(`${injectionsMax} faults are in force; undo some first`);
    return { injector, target, key };
  }

  /** Gives a fault up when it reaches further than its target: another one, healthy before and not in need of it, turns bad. */
  function watch(key: string, target: string, before: ReadonlySet<string>): void {
    const timer = setInterval(() => {
      if (!live.has(key)) {
        clearInterval(timer);
        return;
      }
      reachesFurther(options.api, target, before).then(
        async (other) => {
          if (other === null || live.get(key)?.undoing !== null) return;
          options.onAbort?.(`${key} was given up: ${other} turned bad`);
          await take(key);
        },
        () => undefined,
      );
    }, watchMs);
    timer.unref();
  }

  return {
    async mayInject(kind, args) {
      await checked(kind, args);
    },
    async inject(kind, args) {
      const { injector, target, key } = await checked(kind, args);
      const name = target.key;
      const forMs = secondsOf(args["forS"]) * 1_000;
      const given = args["arguments"];
      const healthy = await healthyTargets(options.api);
      const injection = await injector.inject({
        target,
        addresses: options.addressesOf?.(name) ?? [],
        folders: [options.within, ...(options.foldersOf?.(name) ?? [])],
        arguments:
          typeof given === "object" && given !== null && !Array.isArray(given) ? (given as Record<string, Json>) : {},
        forMs,
      });
      const timer = setTimeout(() => void take(key).catch(() => undefined), forMs);
      live.set(key, { injection, timer, undoing: null });
      watch(key, name, healthy);
      return { summary: injection.summary, ...injection.detail };
    },
    async undo(kind, args) {
      return (await take(`${kind} ${textOf(args["target"])}`)) ?? "nothing was in force";
    },
    async undoAll() {
      const said: string[] = [];
      for (const key of [...live.keys()].toReversed()) {
        try {
          said.push((await take(key)) ?? "");
        } catch (error) {
          said.push(`${key} could not be undone: ${error instanceof Error ? error.message : String(error)}`);
        }
      }
      return said;
    },
  };
}

async function healthyTargets(api: ControlApi): Promise<Set<string>> {
  const targets = await api.targets();
  return new Set(targets.filter((target) => target.state === "healthy").map((target) => target.key));
}

/** Also what follows upon being bad, faster than one looks: it is being repaired, or waits for a person already. */
const badStates: ReadonlySet<string> = new Set(["failing", "down", "healing", "needs-person"]);

/** A target that turned bad and does not need the one that is being broken; null when there is none. */
async function reachesFurther(api: ControlApi, target: string, before: ReadonlySet<string>): Promise<string | null> {
  const targets = await api.targets();
  const needs = (key: string, seen = new Set<string>()): boolean => {
    if (key === target) return true;
    if (seen.has(key)) return false;
    seen.add(key);
    return (targets.find((each) => each.key === key)?.dependsOn ?? []).some((each) => needs(each, seen));
  };
  const hurt = targets.find(
    (each) => each.kind !== "self" && before.has(each.key) && badStates.has(each.state) && !needs(each.key),
  );
  return hurt?.key ?? null;
}

/** Labels by which people mark what serves customers. */
export function isProduction(target: Pick<Target, "labels">): boolean {
  return ["environment", "env", "stage", "tier"].some((label) => /^prod(uction)?$/i.test(target.labels[label] ?? ""));
}

function mayBreak(target: Target, yesProduction: boolean): void {
  if (target.kind === "self") throw new InjectionRefused("Prunella does not break itself; name another target");
  if (isProduction(target) && !yesProduction)
    throw new InjectionRefused(`${target.key} is labelled production; say --yes-production if that is meant`);
}

function secondsOf(value: Json | undefined): number {
  const seconds = value ?? forMsDefault / 1_000;
  if (typeof seconds === "number" && seconds > 0 && seconds * 1_000 <= forMsMax) return seconds;
  throw new InvalidInputError("forS", "must be seconds above 0", `write at most ${forMsMax / 1_000}`);
}
