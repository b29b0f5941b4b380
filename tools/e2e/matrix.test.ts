// A fixed part of the fault matrix: the whole product on real processes, a fault for each way of healing, and disturbances that
// must be left alone. The rest: npm run matrix. Times are generous; how fast it is, the matrix measures.
import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { faultNamed } from "../matrix/faults.ts";
import { runOnce, type Outcome } from "../matrix/run.ts";
import { prunella } from "../matrix/supervisors/prunella.ts";

async function run(name: string): Promise<Outcome> {
  const fault = faultNamed(name);
  assert.ok(fault !== undefined);
  return runOnce(fault, prunella);
}

async function heals(name: string, remedy: string): Promise<void> {
  const outcome = await run(name);
  assert.equal(outcome.verdict, "healed", JSON.stringify(outcome));
  assert.ok(outcome.causeRight === true, `the cause is named: ${outcome.cause}`);
  assert.ok(outcome.repairs.includes(remedy), outcome.repairs.join());
  assert.equal(outcome.innocentRestarts, 0);
}

async function leavesAlone(name: string): Promise<void> {
  const outcome = await run(name);
  assert.equal(outcome.verdict, "untouched", JSON.stringify(outcome));
}

void suite("the fault matrix", { concurrency: 3 }, () => {
  void test("a crash is restarted", () => heals("crash", "restart-down"));
  void test("a blocked event loop is replaced, and the function that blocks it named", () =>
    heals("spin", "replace-blocked"));
  void test("the lock of a dead process is removed, and nothing restarted", () => heals("stale-lock", "unlock"));
  void test("a configuration that cannot be read is restored", () =>
    heals("config-syntax", "restore-config-and-start"));
  void test("a record that kills its reader is put aside", () => heals("poison-record", "quarantine-and-start"));
  void test("a port that somebody else took is theirs; a person is told who", async () => {
    const outcome = await run("port-foreign");
    assert.equal(outcome.verdict, "told", JSON.stringify(outcome));
    assert.ok(outcome.escalated >= 1);
  });
  void test("a crash loop that nothing ends is handed to a person", async () => {
    const outcome = await run("crash-for-ever");
    assert.equal(outcome.verdict, "told", JSON.stringify(outcome));
    assert.ok(outcome.escalated >= 1, JSON.stringify(outcome));
    assert.ok(outcome.repairs.every((repair) => repair === "restart-down"));
  });
  // What the machine cannot show is skipped with the reason.
  const cannot = (name: string): string | false => faultNamed(name)?.needs?.() ?? false;
  void test(
    "a kill by the kernel at its own memory limit is told from any other kill",
    { skip: cannot("out-of-memory") },
    () => heals("out-of-memory", "restart-down"),
  );
  void test(
    "a disk out of inodes gets some back from a declared cache, its newest files too",
    { skip: cannot("inodes") },
    () => heals("inodes", "prune-folder"),
  );
  void test(
    "children that nobody reaps are told, and nothing is restarted for them",
    { skip: cannot("zombies") },
    async () => {
      const outcome = await run("zombies");
      assert.equal(outcome.verdict, "told", JSON.stringify(outcome));
      assert.deepEqual(outcome.repairs, []);
    },
  );
  void test("a collection pause of four seconds is left alone", () => leavesAlone("pause-4000"));
  void test("a dependency that blinks is left alone, and so is who asks it", () => leavesAlone("blip-2000"));
});
