// Two tasks that take locks A, B and B, A; and three that each hold one and want the next. GET /two and GET /three run them and
// tell how long it took until one was refused, and what the refusal says. Without guards a lock is a promise one waits for.
import { lockHierarchy, type LockOwner } from "@prunella/resilience";
import { guardsOn, serve, sleep } from "./kit.ts";

const ordered = lockHierarchy({ name: "ordered", order: ["account", "ledger"] });
const unordered = lockHierarchy({ name: "unordered" });
const bare = new Map<string, Promise<void>>();

interface Task {
  take(lock: string): Promise<void>;
  end(): void;
}

function guarded(owner: LockOwner): Task {
  return { take: async (lock) => void (await owner.acquire(lock)), end: () => owner.releaseAll() };
}

function naive(): Task {
  const releases: (() => void)[] = [];
  return {
    async take(lock) {
      for (let held = bare.get(lock); held !== undefined; held = bare.get(lock)) await held;
      bare.set(lock, new Promise<void>((resolve) => void releases.push(() => (bare.delete(lock), resolve()))));
    },
    end: () => {
      for (const release of releases) release();
    },
  };
}

async function takeAccountThenLedger(task: Task): Promise<void> {
  await task.take("account:1");
  await sleep(20);
  await task.take("ledger:1");
}
async function takeLedgerThenAccount(task: Task): Promise<void> {
  await task.take("ledger:1");
  await sleep(20);
  await task.take("account:1");
}
async function takeInTurn(task: Task, first: string, second: string): Promise<void> {
  await task.take(first);
  await sleep(20);
  await task.take(second);
}

async function race(tasks: readonly [Task, (task: Task) => Promise<void>][]): Promise<Record<string, unknown>> {
  const startedAt = performance.now();
  let refusedMs: number | null = null;
  let message = "";
  let ended = 0;
  await Promise.race([
    Promise.all(
      tasks.map(async ([task, work]) => {
        try {
          await work(task);
        } catch (error) {
          refusedMs ??= performance.now() - startedAt;
          message ||= String(error);
        } finally {
          task.end();
          ended += 1;
        }
      }),
    ),
    sleep(2_000),
  ]);
  return {
    refusedMs: refusedMs === null ? null : Math.round(refusedMs),
    ended,
    tasks: tasks.length,
    message,
    sites: new Set(message.match(/take\w+/g) ?? []).size,
  };
}

serve({
  "/two": () =>
    race([
      [guardsOn ? guarded(ordered.owner("payment")) : naive(), takeAccountThenLedger],
      [guardsOn ? guarded(ordered.owner("report")) : naive(), takeLedgerThenAccount],
    ]),
  "/three": () =>
    race(
      (
        [
          ["a", "b"],
          ["b", "c"],
          ["c", "a"],
        ] as const
      ).map(([first, second], at): [Task, (task: Task) => Promise<void>] => [
        guardsOn ? guarded(unordered.owner(`task-${at}`)) : naive(),
        (task) => takeInTurn(task, first, second),
      ]),
    ),
});
