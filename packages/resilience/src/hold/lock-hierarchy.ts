// Locks that cannot deadlock for long: ordered ones are refused in the wrong order at once, with both places named;
// among unordered ones a wait that would close a cycle is refused. Read/write modes, owners, timeouts, first in first out.
import type { Reporting } from "../report.ts";
import { AbortedError, DeadlockError, LockOrderError, QueueFullError, WaitTimeoutError } from "../errors.ts";
import type { LockSite } from "../errors.ts";
import { openGuard } from "./guard.ts";
import type { GuardOptions } from "./guard.ts";
import { findCycle } from "./lock-cycle.ts";
import type { Held, Lock, LockMode, Request } from "./lock-cycle.ts";
import { placeOf } from "./place.ts";
import { refuseAborted } from "../cancel.ts";
import type { Cancel } from "../cancel.ts";
import { WaitLine } from "../wait-line.ts";

export interface LockHierarchyOptions extends GuardOptions {
  /**
   * Lock classes in the order in which they must be taken. The class of lock "account:17" is "account"; within a class locks are taken in
   * the order of their names. Locks of classes not listed have no order: only cycles are refused (default: none listed).
   */
  readonly order?: readonly string[];
  /** Longest wait for a lock in ms (default 10,000), then WaitTimeoutError naming the holders. */
  readonly timeoutMs?: number;
  /** Most waits at once over all locks (default 10,000), then QueueFullError. */
  readonly waitersMax?: number;
  /** Whether the place of each acquisition is kept as a stack (default true; a few microseconds each). Off: the `site` given. */
  readonly stacks?: boolean;
}

export interface AcquireOptions {
  /** "write" (default) is alone; "read" is shared. */
  readonly mode?: LockMode;
  readonly timeoutMs?: number;
  readonly signal?: Cancel;
  /** Label of the place in the code, instead of a stack. */
  readonly site?: string;
}

/** Someone who holds locks: a request, a job. The order is checked within one owner. */
export interface LockOwner {
  readonly name: string;
  /**
   * Takes a lock; resolves with its release (calling it twice does nothing). Held again in the same or a weaker mode it counts.
   * @throws LockOrderError, DeadlockError, WaitTimeoutError, QueueFullError, AbortedError.
   */
  acquire(lock: string, options?: AcquireOptions): Promise<() => void>;
  /** Releases everything it holds. */
  releaseAll(): void;
}

export interface LockHierarchy extends Reporting {
  owner(name: string): LockOwner;
  /** Takes the locks in their order, runs the work, releases them whatever happens. */
  withLocks<Value>(
    locks: readonly string[],
    work: () => Value | PromiseLike<Value>,
    options?: AcquireOptions & { readonly owner?: string },
  ): Promise<Value>;
  /** Who holds what, for how long. */
  holders(): readonly (LockSite & { readonly heldMs: number })[];
}

/** Holders that an error names at most. */
const holdersShown = 10;

/** A set of named locks with one order. Locks need not be declared. @throws BadOptionError for an option out of its range. */
export function lockHierarchy(options: LockHierarchyOptions = {}): LockHierarchy {
  const guard = openGuard("lock-hierarchy", options);
  const { system } = guard;
  const timeoutMs = guard.number(options, "timeoutMs", 10_000, 0, Infinity);
  const waitersMax = guard.integer(options, "waitersMax", 10_000, 0);
  const stacks = options.stacks ?? true;
  const levels = new Map((options.order ?? []).map((name, level) => [name, level]));
  /** Only locks that are held or waited for. */
  const locks = new Map<string, Lock>();
  const count = { acquired: 0, waited: 0, wrongOrder: 0, deadlocks: 0, timeouts: 0 };
  let waits = 0;
  let owners = 0;

  const levelOf = (lock: string): number | undefined => levels.get(lock.split(":", 1)[0] as string);

  /** Negative when `a` comes before `b`; undefined when they have no order. */
  function compare(a: string, b: string): number | undefined {
    const levelA = levelOf(a);
    const levelB = levelOf(b);
    if (levelA === undefined || levelB === undefined) return undefined;
    return levelA === levelB ? (a < b ? -1 : 1) : levelA - levelB;
  }

  /** For taking many: those without an order come last, by their names. */
  function inOrder(a: string, b: string): number {
    const [levelA = levels.size, levelB = levels.size] = [levelOf(a), levelOf(b)];
    return levelA - levelB || (a < b ? -1 : 1);
  }

  function lockNamed(name: string): Lock {
    let lock = locks.get(name);
    if (lock === undefined) {
      const fresh: Lock = {
        name,
        held: new Map(),
        waiting: new WaitLine<Request, void>(system, guard.name, (request) => {
          waits -= 1;
          request.owner.waits.delete(request);
          settle(fresh);
        }),
      };
      lock = fresh;
      locks.set(name, lock);
    }
    return lock;
  }

  /** A writer holds it alone, so any one of its holders speaks for all. */
  function free({ held }: Lock, mode: LockMode): boolean {
    const [holder] = held.values();
    return holder === undefined || (mode === "read" && holder.mode === "read");
  }

  /** Grants whom it can, in order; forgets the lock when nobody wants it. */
  function settle(lock: Lock): void {
    for (let request = lock.waiting.peek(); request !== undefined; request = lock.waiting.peek()) {
      // An owner may have asked twice before it got it once: then it holds it twice, and waits for itself never.
      const again = holdAgain(request.owner, lock.name, request.mode);
      if (!again && !free(lock, request.mode)) return;
      waits -= 1;
      request.owner.waits.delete(request);
      if (!again) hold(lock, request);
      lock.waiting.shift()?.resolve();
    }
    if (lock.held.size === 0) locks.delete(lock.name);
  }

  /** Counts one more hold for an owner that holds the lock in the same or a stronger mode. */
  function holdAgain(owner: Request["owner"], name: string, mode: LockMode): boolean {
    const held = owner.holds.get(name);
    if (held === undefined || (held.mode === "read" && mode === "write")) return false;
    held.times += 1;
    return true;
  }

  function hold(lock: Lock, request: Request): void {
    count.acquired += 1;
    const held: Held = { ...request, times: 1, since: system.now() };
    lock.held.set(request.owner, held);
    request.owner.holds.set(lock.name, held);
  }

  /** Ends a hold, once; one that has ended already is left alone. */
  function release(held: Held | undefined): void {
    if (held === undefined) return;
    const lock = locks.get(held.lock);
    if (lock?.held.get(held.owner) !== held) return;
    held.times -= 1;
    if (held.times > 0) return;
    held.owner.holds.delete(lock.name);
    lock.held.delete(held.owner);
    settle(lock);
  }

  function releaser(owner: Request["owner"], name: string): () => void {
    let held = owner.holds.get(name);
    return () => {
      release(held);
      held = undefined;
    };
  }

  const siteOf = ({ lock, owner, mode, site }: Request): LockSite => ({
    lock,
    owner: owner.name,
    mode,
    site: typeof site === "string" ? site : placeOf(site),
  });

  /** Refuses a lock that comes before (or within a lock already held in a weaker mode) one that the owner holds. */
  function checkOrder(request: Request): void {
    for (const held of request.owner.holds.values()) {
      const order = compare(request.lock, held.lock);
      const upgrade = held.lock === request.lock;
      if (!upgrade && (order === undefined || order > 0)) continue;
      count.wrongOrder += 1;
      const rule = upgrade
        ? "a read lock cannot become a write lock; take the write lock from the start"
        : `the order is ${[...levels.keys()].join(" < ")}, names ascending within a class`;
      const error = new LockOrderError(guard.name, siteOf(held), siteOf(request), rule);
      guard.trip("wrong-order", { held: held.lock, wanted: request.lock, message: error.message });
      throw error;
    }
  }

  async function acquire(owner: Request["owner"], name: string, own: AcquireOptions): Promise<() => void> {
    refuseAborted(own.signal, guard.name);
    const limitMs = guard.check("timeoutMs", own.timeoutMs ?? timeoutMs, 0, Infinity);
    const { mode = "write" } = own;
    if (holdAgain(owner, name, mode)) return releaser(owner, name);
    const request: Request = {
      lock: name,
      owner,
      mode,
      site: own.site ?? (stacks ? new Error("taken here") : "unknown"),
    };
    checkOrder(request);
    const lock = lockNamed(name);
    if (lock.waiting.size === 0 && free(lock, mode)) {
      hold(lock, request);
      return releaser(owner, name);
    }
    const cycle = findCycle(request, (each) => locks.get(each));
    if (cycle !== undefined) {
      count.deadlocks += 1;
      const error = new DeadlockError(guard.name, cycle.map(siteOf));
      guard.trip("deadlock", { wanted: name, owners: cycle.length, message: error.message });
      throw error;
    }
    if (waits >= waitersMax) throw new QueueFullError(guard.name, waitersMax, "waiting owners");
    waits += 1;
    count.waited += 1;
    owner.waits.add(request);
    await lock.waiting.wait(request, {
      signal: own.signal,
      timeoutMs: limitMs,
      timeoutError: () => {
        count.timeouts += 1;
        const holders = [...lock.held.values()]
          .slice(0, holdersShown)
          .map((held) => `\n  held by ${held.owner.name}: ${siteOf(held).site}`);
        guard.trip("timed-out", { wanted: name, waitedMs: limitMs });
        return new WaitTimeoutError(guard.name, `lock "${name}"`, limitMs, holders.join(""));
      },
    });
    const leave = releaser(owner, name);
    if (own.signal?.aborted !== true) return leave;
    // Aborted in the very turn in which it was granted: a caller who has left releases nothing.
    leave();
    throw new AbortedError(guard.name, own.signal.reason);
  }

  function owner(name: string): LockOwner {
    const self: Request["owner"] = { name, holds: new Map(), waits: new Set() };
    return {
      name,
      acquire: (lock, own = {}) => acquire(self, lock, own),
      releaseAll() {
        for (const held of [...self.holds.values()].reverse()) {
          held.times = 1;
          release(held);
        }
      },
    };
  }

  return guard.complete<LockHierarchy>(
    {
      owner,
      async withLocks(names, work, own = {}) {
        owners += 1;
        const self = owner(own.owner ?? `owner ${owners}`);
        try {
          for (const name of [...names].sort(inOrder)) await self.acquire(name, own);
          return await work();
        } finally {
          self.releaseAll();
        }
      },
      holders: () =>
        [...locks.values()].flatMap((lock) =>
          [...lock.held.values()].map((held) => ({ ...siteOf(held), heldMs: system.now() - held.since })),
        ),
    },
    () => ({ values: { locks: locks.size, waits }, counts: count }),
  );
}
