// The waits-for graph of locks, and the search for a cycle that one more wait would close.
import type { WaitLine } from "../wait-line.ts";

export type LockMode = "read" | "write";

export interface Owner {
  readonly name: string;
  readonly holds: Map<string, Held>;
  readonly waits: Set<Request>;
}

export interface Request {
  readonly lock: string;
  readonly owner: Owner;
  readonly mode: LockMode;
  readonly site: Error | string;
}

export interface Held extends Request {
  /** Times it is held by the same owner. */
  times: number;
  /** Monotonic ms. */
  readonly since: number;
}

export interface Lock {
  readonly name: string;
  readonly held: Map<Owner, Held>;
  readonly waiting: WaitLine<Request, void>;
}

/**
 * The waits of the cycle that `request` would close, itself first; undefined when it closes none. A request waits for those who hold its
 * lock and for those ahead of it in the line (the line is first in, first out).
 */
export function findCycle(request: Request, lockNamed: (name: string) => Lock | undefined): Request[] | undefined {
  // Nobody can be waiting for an owner that has nothing: the common case costs nothing.
  if (request.owner.holds.size === 0 && request.owner.waits.size === 0) return undefined;
  const seen = new Set<Request>();
  const path: Request[] = [];

  function leadsBack(from: Request): boolean {
    if (seen.has(from)) return false;
    seen.add(from);
    path.push(from);
    for (const blocker of blockersOf(from, lockNamed(from.lock))) {
      if (blocker === request.owner) return true;
      for (const wait of blocker.waits) if (leadsBack(wait)) return true;
    }
    path.pop();
    return false;
  }
  return leadsBack(request) ? path : undefined;
}

function* blockersOf(request: Request, lock: Lock | undefined): Iterable<Owner> {
  if (lock === undefined) return;
  for (const held of lock.held.values()) {
    if (held.owner !== request.owner && (held.mode === "write" || request.mode === "write")) yield held.owner;
  }
  for (const ahead of lock.waiting.payloads()) {
    if (ahead === request) return;
    if (ahead.owner !== request.owner) yield ahead.owner;
  }
}
