import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import type { Store } from "@prunella/core";
import { storeSuite, type StoreUnderTest } from "@prunella/core/suites";
import { manualSystem } from "@prunella/resilience/testing";
import { sqliteStore } from "@prunella/store";

async function open(): Promise<StoreUnderTest> {
  const folder = mkdtempSync(path.join(tmpdir(), "prunella-store-"));
  const handles: Store[] = [];
  const handle = (): Store => {
    const store = sqliteStore({
      file: path.join(folder, "prunella.db"),
      onWarning: (warning) => {
        throw new Error(warning.message);
      },
    });
    handles.push(store);
    return store;
  };
  return {
    store: handle(),
    reopen: async () => handle(),
    async close() {
      for (const store of handles) await store.close();
      rmSync(folder, { recursive: true });
    },
  };
}

for (const { name, run } of storeSuite) {
  test(`sqlite store: ${name}`, () => run(open, manualSystem(1).random));
}

test("sqlite store: random commits agree with the reference model from other seeds", async () => {
  const random = storeSuite.at(-1);
  for (let seed = 2; seed < 6; seed += 1) {
    await random?.run(open, manualSystem(seed).random).catch((error: unknown) => {
      throw new Error(`seed ${seed}`, { cause: error });
    });
  }
});
