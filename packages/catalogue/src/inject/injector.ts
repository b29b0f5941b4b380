// What an injector is: a fault with its undo, its blast radius, the condition under which it is given up early, and a time
// after which it ends by itself. None of them reaches a target that the configuration does not name.
import type { Json } from "@prunella/core";
import type { Target } from "@prunella/contract";

/** A fault ends by itself after this, unless told otherwise, and at the latest after forMsMax. */
export const forMsDefault = 30_000;
export const forMsMax = 600_000;

export interface InjectContext {
  /** The target as the control plane knows it. */
  readonly target: Target;
  /** "host:port" of each address at which the target is reached, from the configuration. */
  readonly addresses: readonly string[];
  /** Folders that files may be written in: the service's own working folder, or a scratch folder. */
  readonly folders: readonly string[];
  readonly arguments: Readonly<Record<string, Json>>;
  /** How long the fault is meant to last; an injector that ends by itself ends then. */
  readonly forMs: number;
}

/** A fault that is in force. `undo` may be called twice, and never throws for what is gone already. */
export interface Injection {
  readonly summary: string;
  readonly detail?: Readonly<Record<string, Json>>;
  undo(): Promise<string>;
}

export interface Injector {
  readonly kind: string;
  readonly what: string;
  /** Arguments in words: name, unit, default and bound. */
  readonly takes: Readonly<Record<string, string>>;
  readonly blastRadius: string;
  readonly abortsWhen: string;
  readonly undoes: string;
  inject(context: InjectContext): Promise<Injection>;
}

/** Why a fault was not made; nothing was changed. */
export class InjectionRefused extends Error {}

export function number(context: InjectContext, name: string, preset: number, min: number, max: number): number {
  const value = context.arguments[name] ?? preset;
  if (typeof value === "number" && value >= min && value <= max) return value;
  throw new InjectionRefused(`${name}: must be a number from ${min} to ${max}; leave it out for ${preset}`);
}

export function word<const T extends string>(context: InjectContext, name: string, preset: T, known: readonly T[]): T {
  const value = context.arguments[name] ?? preset;
  const found = known.find((each) => each === value);
  if (found !== undefined) return found;
  throw new InjectionRefused(`${name}: must be one of ${known.join(", ")}; leave it out for ${preset}`);
}

export function pidOf(context: InjectContext): number {
  if (context.target.kind !== "service")
    throw new InjectionRefused(
      `${context.target.key} is not run by Prunella, so it has no process to break; use a tcp fault`,
    );
  if (context.target.pid === null) throw new InjectionRefused(`${context.target.key} is not running; start it first`);
  return context.target.pid;
}
