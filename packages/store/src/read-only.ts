// A store that only reads: the command line's way to the records while no control plane runs. It takes nothing over (the epoch
// stays), repairs nothing and migrates nothing; every commit is refused.
import { StoreError, type Store } from "@prunella/core";
import { appliedMigrations, connectReadOnly, type Database } from "./database.ts";
import { storeError } from "./faults.ts";
import { migrations } from "./migrations/index.ts";
import { opened, queries } from "./queries.ts";
import { statsOf } from "./sqlite-store.ts";

/** Longest wait for another process's lock, ms. */
const lockTimeoutMs = 2_000;

/** Throws StoreError when the file cannot be read, or was written by another version. */
export function readOnlyStore(file: string): Store {
  let database: Database;
  try {
    database = connectReadOnly(file, lockTimeoutMs);
  } catch (error) {
    throw storeError(error, file, "open");
  }
  const applied = appliedMigrations(database.sqlite);
  if (applied.length !== Object.keys(migrations).length || applied.some((name) => !Object.hasOwn(migrations, name))) {
    database.sqlite.close();
    throw new StoreError(
      "unavailable",
      `${file} was written by another version of Prunella; start this version on it once (prunella up), or use that version`,
    );
  }
  const refuse = (): Promise<never> =>
    Promise.reject(new StoreError("unavailable", "the records are open for reading only; start the control plane"));
  return {
    ...queries(database.queries),
    open: () => opened(database.queries),
    commit: refuse,
    prune: refuse,
    stats: async () => statsOf(database, file, 0),
    close: async () => database.sqlite.close(),
  };
}
