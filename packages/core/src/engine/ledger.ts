// The one way in which the world changes: decide on a draft, commit it, and only then let memory follow. Decisions queue up
// in a lane, so each sees the one before. When the store does not answer clearly, memory is rebuilt from it before the next.
import { InvalidInputError, StoreError } from "../errors.ts";
import type { Clock, Log, Opened, Store } from "../ports.ts";
import type { TargetSpec } from "../signal/index.ts";
import { apply, Draft, remember, worldFrom, type World } from "../world.ts";

/** Decisions waiting for the lane at once; one more is refused. */
export const laneMax = 1_000;

export interface Ledger {
  /** The world as of the last commit; never ahead of the store. */
  readonly world: World;
  readonly epoch: number;
  /**
   * Runs `decide` on a draft and commits what it changed; resolves with its result once durable. Throws StoreError.
   * `needs`: fingerprints of issues the decision is about; those not in memory are looked up first.
   */
  transact<T>(decide: (draft: Draft) => T, needs?: readonly string[]): Promise<T>;
  /** Takes one issue into memory by its id. */
  recallIssue(id: string): Promise<void>;
  /** Replaces the targets when the configuration changed. */
  setTargets(targets: readonly TargetSpec[]): void;
  readonly waiting: number;
  /** Sequence of the last commit that was acknowledged. */
  readonly sequence: number;
}

export async function openLedger(
  store: Store,
  clock: Clock,
  log: Log,
  targets: readonly TargetSpec[],
): Promise<Ledger> {
  let opened: Opened = await store.open();
  clock.notBefore?.(opened.lastAt);
  let specs = targets;
  let world = worldFrom(opened, specs);
  const epoch = opened.epoch;
  let sequence = opened.sequence;
  let stale = false;
  let lane: Promise<unknown> = Promise.resolve();
  let waiting = 0;

  async function refresh(): Promise<void> {
    // Opening raises the epoch and ours moves along; where another has taken over meanwhile it stays theirs.
    opened = await store.open(ledger.epoch);
    sequence = opened.sequence;
    ledger.epoch = opened.epoch;
    world = worldFrom(opened, specs);
    ledger.world = world;
    stale = false;
    log.write("warn", "world-reloaded", { epoch: opened.epoch, sequence });
  }

  async function run<T>(decide: (draft: Draft) => T, needs: readonly string[]): Promise<T> {
    if (stale) await refresh();
    await recall(needs);
    const draft = new Draft(world, clock.now());
    const result = decide(draft);
    if (draft.empty) return result;
    const changes = draft.changes();
    try {
      await store.commit({ epoch: ledger.epoch, sequence: sequence + 1 }, changes);
    } catch (error) {
      const code = error instanceof StoreError ? error.code : "unknown";
      if (code === "fenced") throw error;
      // "unavailable" promises that nothing was applied; after anything else only the store knows.
      if (code !== "unavailable") stale = true;
      throw error instanceof StoreError
        ? error
        : new StoreError("unknown", `the store failed: ${String(error)}`, error);
    }
    sequence += 1;
    apply(world, changes);
    return result;
  }

  async function recall(fingerprints: readonly string[]): Promise<void> {
    for (const fingerprint of fingerprints) {
      if (world.byFingerprint.has(fingerprint)) continue;
      const issue = await store.issueByFingerprint(fingerprint);
      if (issue !== null && !world.byFingerprint.has(fingerprint)) remember(world, issue);
      if (issue?.mergedInto != null && !world.issues.has(issue.mergedInto)) {
        const into = await store.issue(issue.mergedInto);
        if (into !== null) remember(world, into);
      }
    }
  }

  const ledger = {
    world,
    epoch,
    get waiting() {
      return waiting;
    },
    get sequence() {
      return sequence;
    },
    transact<T>(decide: (draft: Draft) => T, needs: readonly string[] = []): Promise<T> {
      if (waiting >= laneMax)
        return Promise.reject(
          new InvalidInputError("engine", `${laneMax} decisions are waiting for the store`, "try again later"),
        );
      waiting += 1;
      const turn = lane.then(() => run(decide, needs)).finally(() => (waiting -= 1));
      lane = turn.catch(() => {});
      return turn;
    },
    async recallIssue(id: string): Promise<void> {
      if (world.issues.has(id)) return;
      const issue = await store.issue(id);
      if (issue !== null && !world.issues.has(id)) remember(world, issue);
    },
    setTargets(next: readonly TargetSpec[]): void {
      specs = next;
      world.targets.clear();
      for (const target of next) world.targets.set(target.key, target);
    },
  };
  return ledger;
}
