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
 * The waits of a shortest cycle that `request` would close, itself first; undefined when it closes none. A request waits for those who
 * hold its lock and for those ahead of it in the line (the line is first in, first out). Every hold and every wait is looked at a
 * bounded number of times, however many wait for one lock or in a chain.
 */
export function findCycle(request: Request, lockNamed: (name: string) => Lock | undefined): Request[] | undefined {
  // Nobody can be waiting for an owner that has nothing: the common case costs nothing.
  if (request.owner.holds.size === 0 && request.owner.waits.size === 0) return undefined;
  /** The waits found, each with the one that led there; it grows while it is gone through. */
  const cameFrom = new Map<Request, Request | undefined>([[request, undefined]]);
  const blockersOf = blockers();
  for (const wait of cameFrom.keys()) {
    for (const owner of blockersOf(wait, lockNamed(wait.lock))) {
      if (owner === request.owner) return pathTo(wait, cameFrom);
      for (const next of owner.waits) if (!cameFrom.has(next)) cameFrom.set(next, wait);
    }
  }
  return undefined;
}

function pathTo(last: Request, cameFrom: ReadonlyMap<Request, Request | undefined>): Request[] {
  const path: Request[] = [];
  for (let wait: Request | undefined = last; wait !== undefined; wait = cameFrom.get(wait)) path.push(wait);
  return path.reverse();
}

/** Owners that a request waits for; those that it answered for the same lock before may be left out. */
function blockers(): (request: Request, lock: Lock | undefined) => Iterable<Owner> {
  /** Locks whose holders were answered, and waits ahead of one whose line was. */
  const heldBy = new Set<Lock>();
  const ahead = new Set<Request>();
  return function* (request, lock) {
    if (lock === undefined) return;
    for (const held of heldBy.has(lock) ? [] : lock.held.values()) {
      // Readers hold it together, or one writer alone.
      if (held.mode === "read" && request.mode === "read") break;
      heldBy.add(lock);
      if (held.owner !== request.owner) yield held.owner;
    }
    if (ahead.has(request)) return;
    let own = false;
    for (const other of lock.waiting.payloads()) {
      if (other === request) return;
      if (other.owner === request.owner) own = true;
      else yield other.owner;
      // Those behind an own wait stand behind somebody who was not answered here.
      if (!own) ahead.add(other);
    }
  };
}
