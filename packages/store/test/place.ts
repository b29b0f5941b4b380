// A folder with one store file, for tests; removed when the test ends.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { TestContext } from "node:test";
import type { Changes, Opened, Store } from "@prunella/core";
import { sqliteStore, type SqliteStoreOptions, type StoreWarning } from "@prunella/store";

export interface Place {
  readonly file: string;
  readonly warnings: StoreWarning[];
  store(options?: Partial<SqliteStoreOptions>): Store;
}

export function place(context: TestContext, folder = mkdtempSync(path.join(tmpdir(), "prunella-store-"))): Place {
  const stores: Store[] = [];
  const warnings: StoreWarning[] = [];
  const file = path.join(folder, "prunella.db");
  context.after(async () => {
    for (const store of stores) await store.close();
    rmSync(folder, { recursive: true, force: true });
  });
  return {
    file,
    warnings,
    store(options = {}) {
      const store = sqliteStore({ file, onWarning: (warning) => void warnings.push(warning), ...options });
      stores.push(store);
      return store;
    },
  };
}

export interface Writing {
  readonly opened: Opened;
  commit(changes: Changes): Promise<void>;
}

/** Opens the store and commits with the sequence that comes next; a refused commit keeps its number. */
export async function writing(store: Store): Promise<Writing> {
  const opened = await store.open();
  let sequence = opened.sequence;
  return {
    opened,
    async commit(changes) {
      await store.commit({ epoch: opened.epoch, sequence: sequence + 1 }, changes);
      sequence += 1;
    },
  };
}
