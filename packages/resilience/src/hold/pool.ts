// A pool of resources that cost something to make: connections, workers, handles. Supply and demand are apart: waiters
// stand in one line, and whatever becomes free or is made goes to the first of them. So a waiter that gave up strands
// nothing, and a failed creation refuses exactly one waiter and hangs none.
import type { Reporting } from "../report.ts";
import type { Timer } from "../system.ts";
import { bounded } from "./bounded.ts";
import { AbortedError, ClosedError, QueueFullError, WaitTimeoutError } from "../errors.ts";
import { openGuard } from "./guard.ts";
import type { GuardOptions } from "./guard.ts";
import { placeOf } from "./place.ts";
import { refuseAborted } from "../cancel.ts";
import type { Cancel, CancelSignal } from "../cancel.ts";
import { WaitLine } from "../wait-line.ts";
import { textOf } from "../text.ts";

export interface PoolOptions<Resource> extends GuardOptions {
  readonly create: (signal: CancelSignal) => Resource | PromiseLike<Resource>;
  readonly destroy?: (resource: Resource) => unknown;
  /** Whether an idle resource is still good, asked on borrow; `false` or a throw destroys it (default: always good). */
  readonly validate?: (resource: Resource, signal: CancelSignal) => unknown;
  /** Resources kept even when idle (default 0). */
  readonly min?: number;
  /** Most resources, those being made, checked or destroyed included (default 10). */
  readonly max?: number;
  /** An idle resource above `min` is destroyed after this time in ms (default 30,000). */
  readonly idleMs?: number;
  /** Longest wait of `acquire` in ms (default 10,000), then WaitTimeoutError. */
  readonly acquireMs?: number;
  /** Most callers waiting (default 1,000), then QueueFullError. */
  readonly waitersMax?: number;
  /** Bounds in ms of making (default 10,000), checking (default 1,000) and destroying (default 5,000) a resource. */
  readonly createMs?: number;
  readonly validateMs?: number;
  readonly destroyMs?: number;
  /** A resource lent for longer is told as a leak with its borrower's stack, in ms (default 60,000; Infinity: no detection, no stacks). */
  readonly leakMs?: number;
  /** Destroys a leaked resource and frees its place (default false: only told). */
  readonly reclaim?: boolean;
}

/** A borrowed resource. `release` and `destroy` work once; after a reclaim they do nothing. */
export interface Lease<Resource> {
  readonly resource: Resource;
  release(): void;
  /** Gives it back as broken. */
  destroy(): void;
}

export interface Pool<Resource> extends Reporting {
  /** @throws WaitTimeoutError, QueueFullError, ClosedError, what `create` throws (TimeoutError at its bound), AbortedError. */
  acquire(options?: { readonly signal?: Cancel; readonly timeoutMs?: number }): Promise<Lease<Resource>>;
  /** Borrows, runs, gives back whatever happens; `isBroken` decides whether an error means that the resource is destroyed. */
  use<Value>(
    work: (resource: Resource) => Value | PromiseLike<Value>,
    options?: {
      readonly signal?: Cancel;
      readonly timeoutMs?: number;
      readonly isBroken?: (error: unknown) => boolean;
    },
  ): Promise<Value>;
  /** Destroys an idle resource found to be broken (a socket that closed while idle). False when it is not idle here. */
  discard(resource: Resource): boolean;
  /** Refuses newcomers and waiters, waits up to `drainMs` (default 10,000) for what is lent, destroys everything. */
  close(drainMs?: number): Promise<void>;
  /** May be changed at run time; shrinking destroys idle resources and lets lent ones go when they return. */
  max: number;
}

interface Slot<Resource> {
  readonly resource: Resource;
  since: number;
  lease: Lease<Resource> | undefined;
  borrower: Error | undefined;
  told: boolean;
}

/** A pool; begins at once to make `min` resources. @throws BadOptionError for an option out of its range. */
export function pool<Resource>(options: PoolOptions<Resource>): Pool<Resource> {
  const guard = openGuard("pool", options);
  const { system } = guard;
  const { validate } = options;
  const min = guard.integer(options, "min", 0, 0);
  let max = guard.integer(options, "max", Math.max(10, min), Math.max(1, min));
  const idleMs = guard.number(options, "idleMs", 30_000, 1, Infinity);
  const acquireMs = guard.number(options, "acquireMs", 10_000, 0, Infinity);
  const waitersMax = guard.integer(options, "waitersMax", 1000, 0);
  const createMs = guard.number(options, "createMs", 10_000, 1, Infinity);
  const validateMs = guard.number(options, "validateMs", 1000, 1, Infinity);
  const destroyMs = guard.number(options, "destroyMs", 5000, 1, Infinity);
  const leakMs = guard.number(options, "leakMs", 60_000, 1, Infinity);
  const watchMs = Math.max(1, Math.min(idleMs, leakMs) / 2);
  const idle: Slot<Resource>[] = [];
  const lent = new Set<Slot<Resource>>();
  const line = new WaitLine<Error | undefined, Lease<Resource>>(system, guard.name);
  const count = {
    acquired: 0,
    created: 0,
    createFailures: 0,
    invalid: 0,
    destroyed: 0,
    destroyFailures: 0,
    reaped: 0,
    leaks: 0,
    reclaimed: 0,
    timeouts: 0,
  };
  let creating = 0;
  let checking = 0;
  let destroying = 0;
  let filling = 0;
  let watch: Timer | undefined;
  let refill: Timer | undefined;
  let exhausted = false;
  let closed = false;
  let closing: Promise<void> | undefined;
  let whenEmpty: (() => void) | undefined;

  /** Resources that are on their way to those who wait. */
  const supply = (): number => creating - filling + checking;
  const total = (): number => idle.length + lent.size + creating + checking + destroying;

  /** Starts as much supply as there is demand, within `max`. */
  function pump(): void {
    while (line.size > supply()) {
      // Where nothing is checked nobody waits while something is idle.
      const slot = validate === undefined ? undefined : idle.pop();
      if (slot !== undefined) void check(slot);
      else if (total() < max) void make();
      else break;
    }
    if (line.size > creating + checking && total() >= max && !exhausted) {
      exhausted = true;
      guard.trip("exhausted", { max, waiting: line.size, lent: lent.size });
    } else if (line.size === 0 && exhausted) {
      exhausted = false;
      guard.tell("relieved", { lent: lent.size });
    }
    if (closed && total() === 0) whenEmpty?.();
  }

  /** Hands a good resource, counted nowhere at this moment, to the first waiter, or keeps it. */
  function give(slot: Slot<Resource>): void {
    // What is being destroyed is no reason to destroy this one, too.
    if (closed || total() - destroying >= max) {
      void end(slot.resource);
      return;
    }
    const waiter = line.shift();
    if (waiter !== undefined) {
      waiter.resolve(lend(slot, waiter.payload));
      return;
    }
    slot.since = system.now();
    idle.push(slot);
    keepWatch();
  }

  function lend(slot: Slot<Resource>, borrower: Error | undefined): Lease<Resource> {
    count.acquired += 1;
    const back = (how: (slot: Slot<Resource>) => void) => (): void => {
      if (slot.lease !== lease) return;
      slot.lease = undefined;
      slot.borrower = undefined;
      lent.delete(slot);
      how(slot);
      pump();
    };
    const lease: Lease<Resource> = {
      resource: slot.resource,
      release: back(give),
      destroy: back(({ resource }) => void end(resource)),
    };
    Object.assign(slot, { since: system.now(), lease, borrower, told: false });
    lent.add(slot);
    if (leakMs !== Infinity) keepWatch();
    return lease;
  }

  /** Makes a resource for the line, or for `min` when `forMin`. */
  async function make(forMin = false): Promise<boolean> {
    creating += 1;
    if (forMin) filling += 1;
    let made: { readonly resource: Resource } | undefined;
    const run = bounded(guard, "create", createMs, async (signal) => {
      made = { resource: await options.create(signal) };
      return made;
    });
    const outcome = await run.outcome;
    creating -= 1;
    if (forMin) filling -= 1;
    if (outcome.kind === "done") {
      count.created += 1;
      give({ ...outcome.value, since: 0, lease: undefined, borrower: undefined, told: false });
      pump();
      return true;
    }
    count.createFailures += 1;
    const error = outcome.error;
    guard.trip("create-failed", { message: textOf(error) });
    // One that is finished after its bound has nobody waiting for it: it is destroyed, not stranded.
    void run.settled.then(() => (made === undefined ? undefined : end(made.resource)));
    // Who was served meanwhile, or gave up, leaves one failure too many: it is for nobody whose resource is on its way.
    if (!forMin && line.size > supply()) line.shift()?.reject(error);
    pump();
    return false;
  }

  /** Checks an idle resource; a bad one is destroyed and the next is tried. */
  async function check(slot: Slot<Resource>): Promise<void> {
    checking += 1;
    const run = bounded(guard, "validate", validateMs, (signal) => validate?.(slot.resource, signal));
    const outcome = await run.outcome;
    checking -= 1;
    if (outcome.kind === "done" && outcome.value !== false) give(slot);
    else {
      count.invalid += 1;
      guard.tell("invalid", { why: outcome.kind });
      void end(slot.resource);
    }
    pump();
  }

  /** Destroys; the place stays taken until that is done or its bound has passed. */
  async function end(resource: Resource): Promise<void> {
    destroying += 1;
    count.destroyed += 1;
    const run = bounded(guard, "destroy", destroyMs, () => options.destroy?.(resource));
    const outcome = await run.outcome;
    destroying -= 1;
    if (outcome.kind !== "done") {
      count.destroyFailures += 1;
      guard.trip("destroy-failed", { why: outcome.kind });
    }
    pump();
    void fill();
  }

  /** Looks after idle and lent resources; set only while there is something to look after. */
  function keepWatch(): void {
    if (watch !== undefined || closed) return;
    if (!(idle.length > min && idleMs !== Infinity) && !(lent.size > 0 && leakMs !== Infinity)) return;
    watch = system.setTimer(() => {
      watch = undefined;
      reap();
      findLeaks();
      keepWatch();
    }, watchMs);
  }

  function reap(): void {
    const now = system.now();
    // The least recently used are in front.
    while (idle.length > 0 && total() - destroying > min && now - (idle[0] as Slot<Resource>).since >= idleMs) {
      const slot = idle.shift() as Slot<Resource>;
      count.reaped += 1;
      void end(slot.resource);
    }
  }

  function findLeaks(): void {
    const now = system.now();
    for (const slot of [...lent]) {
      if (slot.told || now - slot.since < leakMs) continue;
      slot.told = true;
      count.leaks += 1;
      const stack = placeOf(slot.borrower);
      guard.trip("leak", { heldMs: now - slot.since, stack, reclaimed: options.reclaim === true });
      if (options.reclaim !== true) continue;
      count.reclaimed += 1;
      slot.lease?.destroy();
    }
  }

  /** Keeps `min` resources; after a failure tries again a second later, then more and more seldom. */
  async function fill(failures = 0): Promise<void> {
    if (filling > 0 || refill !== undefined) return;
    while (!closed && total() - destroying < min && total() < max) {
      if (await make(true)) continue;
      refill = system.setTimer(
        () => {
          refill = undefined;
          void fill(failures + 1);
        },
        Math.min(30_000, 1000 * 2 ** failures),
      );
      return;
    }
  }
  void fill();

  async function acquire(
    own: { readonly signal?: Cancel; readonly timeoutMs?: number } = {},
  ): Promise<Lease<Resource>> {
    refuseAborted(own.signal, guard.name);
    if (closed) throw new ClosedError(guard.name, "pool");
    const borrower = leakMs === Infinity ? undefined : new Error("borrowed here");
    if (line.size === 0 && validate === undefined) {
      const slot = idle.pop();
      if (slot !== undefined) return lend(slot, borrower);
    }
    if (line.size >= waitersMax && idle.length === 0 && total() >= max)
      throw new QueueFullError(guard.name, waitersMax, "waiting borrowers");
    const timeoutMs = guard.check("timeoutMs", own.timeoutMs ?? acquireMs, 0, Infinity);
    const granted = line.wait(borrower, {
      signal: own.signal,
      timeoutMs,
      timeoutError: () => {
        count.timeouts += 1;
        return new WaitTimeoutError(
          guard.name,
          "a resource",
          timeoutMs,
          ` (max ${max}, ${lent.size} lent, ${line.size - 1} still waiting)`,
        );
      },
    });
    pump();
    const lease = await granted;
    if (own.signal?.aborted !== true) return lease;
    // Aborted in the very turn in which it was granted: a caller who has left gives nothing back.
    lease.release();
    throw new AbortedError(guard.name, own.signal.reason);
  }

  async function close(drainMs: number): Promise<void> {
    guard.check("drainMs", drainMs, 0, Infinity);
    closed = true;
    guard.tell("closed", { lent: lent.size });
    watch?.cancel();
    refill?.cancel();
    line.rejectAll(() => new ClosedError(guard.name, "pool"));
    for (let slot = idle.pop(); slot !== undefined; slot = idle.pop()) void end(slot.resource);
    if (total() === 0) return;
    const empty = new Promise<void>((resolve) => (whenEmpty = resolve));
    const run = bounded(guard, "draining", drainMs, () => empty);
    if ((await run.outcome).kind === "done") return;
    guard.trip("not-drained", { lent: lent.size });
    for (const slot of [...lent]) slot.lease?.destroy();
    await empty;
  }

  return guard.complete<Pool<Resource>>(
    {
      acquire,
      async use(work, { isBroken, ...own } = {}) {
        const lease = await acquire(own);
        try {
          const value = await work(lease.resource);
          lease.release();
          return value;
        } catch (error) {
          // What `isBroken` cannot judge, because it throws itself, is broken.
          let broken = true;
          try {
            broken = isBroken?.(error) === true;
          } finally {
            if (broken) lease.destroy();
            else lease.release();
          }
          throw error;
        }
      },
      discard(resource) {
        const at = idle.findIndex((slot) => slot.resource === resource);
        if (at < 0) return false;
        idle.splice(at, 1);
        void end(resource);
        return true;
      },
      close(drainMs = 10_000) {
        const ending = closing ?? close(drainMs);
        if (closed) closing = ending;
        return ending;
      },
      get max() {
        return max;
      },
      set max(next) {
        setMax(next);
      },
      controls: { "set-max": (argument) => setMax(Number(argument)) },
    },
    () => ({
      state: closed ? "closed" : exhausted ? "exhausted" : "ok",
      values: { total: total(), idle: idle.length, lent: lent.size, waiting: line.size, creating, min, max },
      counts: count,
    }),
  );

  function setMax(next: number): void {
    max = guard.check("max", next, Math.max(1, min), undefined, true);
    while (total() - destroying > max && idle.length > 0) void end((idle.shift() as Slot<Resource>).resource);
    pump();
  }
}
