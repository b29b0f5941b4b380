import assert from "node:assert/strict";
import { test } from "node:test";
import { readExperiment, splitWords } from "../src/experiment/experiment.ts";
import { runExperiment, type Journal } from "../src/experiment/run.ts";
import type { PrunellaCall } from "../src/experiment/providers.ts";

const probe = (name: string, func: string, tolerance: unknown = true) => ({
  type: "probe",
  name,
  tolerance,
  provider: { type: "prunella", func },
});
const action = (name: string, func: string, more: object = {}) => ({
  type: "action",
  name,
  provider: { type: "prunella", func },
  ...more,
});
const plain = { title: "t", description: "d", method: [] as unknown[] };

function refused(name: string, experiment: unknown, field: string): void {
  test(name, () => assert.throws(() => readExperiment(experiment), { field }));
}
refused(
  "a python provider is refused, not passed over",
  { ...plain, method: [{ type: "probe", name: "p", provider: { type: "python", module: "m", func: "f" } }] },
  "method[0].provider.type",
);
refused(
  "an unknown provider in a rollback is refused",
  { ...plain, rollbacks: [{ type: "action", name: "a", provider: { type: "ssh" } }] },
  "rollbacks[0].provider.type",
);
refused("controls are refused", { ...plain, controls: [{ name: "c" }] }, "controls");
refused(
  "a vault's secret is refused",
  { ...plain, secrets: { s: { k: { type: "vault", path: "p" } } } },
  "secrets.s.k",
);
refused("a method must be there", { title: "t", description: "d" }, "method");
refused(
  "a probe of the hypothesis needs a tolerance",
  {
    ...plain,
    "steady-state-hypothesis": {
      title: "h",
      probes: [{ type: "probe", name: "p", provider: { type: "process", path: "true" } }],
    },
  },
  "steady-state-hypothesis.probes[0].tolerance",
);
refused("a ref must name an activity", { ...plain, method: [{ ref: "nobody" }] }, "method[0].ref");
refused("a rollback that only looks is refused", { ...plain, rollbacks: [probe("p", "x")] }, "rollbacks[0].type");
refused(
  "a tolerance of an unknown form is refused",
  { ...plain, method: [probe("p", "x", { type: "near" })] },
  "method[0].tolerance.type",
);
refused(
  "the probe inside a tolerance is read too",
  { ...plain, method: [probe("p", "x", { type: "probe", name: "q", provider: { type: "python" } })] },
  "method[0].tolerance.provider.type",
);

test("arguments of a process are cut as a shell would, with quotes and nothing else", () => {
  assert.deepEqual(splitWords(`-a "b c" 'd $e' f\\g`), ["-a", "b c", "d $e", "f\\g"]);
});

async function run(
  experiment: object,
  calls: Readonly<Record<string, (args: unknown) => unknown>>,
  more: object = {},
): Promise<{ journal: Journal; order: string[] }> {
  const order: string[] = [];
  const prunella: PrunellaCall = async (func, args, { signal }) => {
    signal.throwIfAborted();
    order.push(func);
    return (await calls[func]?.(args)) as never;
  };
  const journal = await runExperiment(readExperiment({ ...plain, ...experiment }), {
    prunella,
    environment: {},
    ...more,
  });
  return { journal, order };
}
const steady = { title: "h", probes: [probe("is it", "look")] };

test("hypothesis, method, hypothesis, rollbacks and the hypothesis once more follow each other", async () => {
  const { journal, order } = await run(
    { "steady-state-hypothesis": steady, method: [action("break", "break")], rollbacks: [action("mend", "mend")] },
    { look: () => true },
  );
  assert.deepEqual(order, ["look", "break", "look", "mend", "look"]);
  assert.equal(journal.status, "completed");
  assert.equal(journal.deviated, false);
  assert.equal(journal.steady_states.after_rollbacks?.steady_state_met, true);
});

test("what is not steady before is not broken, and nothing is rolled back", async () => {
  const { journal, order } = await run(
    { "steady-state-hypothesis": steady, method: [action("break", "break")], rollbacks: [action("mend", "mend")] },
    { look: () => false },
  );
  assert.deepEqual(order, ["look"]);
  assert.equal(journal.status, "failed");
});

test("what is not steady afterwards has deviated, and is rolled back", async () => {
  let broken = false;
  const { journal } = await run(
    { "steady-state-hypothesis": steady, method: [action("break", "break")], rollbacks: [action("mend", "mend")] },
    { look: () => !broken, break: () => void (broken = true), mend: () => void (broken = false) },
  );
  assert.equal(journal.deviated, true);
  assert.equal(journal.steady_states.after?.steady_state_met, false);
  assert.equal(journal.steady_states.after_rollbacks?.steady_state_met, true);
});

test("an interruption ends the method, and every rollback still runs, also after one that fails", async () => {
  const abort = new AbortController();
  const { journal, order } = await run(
    {
      "steady-state-hypothesis": steady,
      method: [action("break", "break"), action("never", "never")],
      rollbacks: [action("mend badly", "badly"), action("mend", "mend")],
    },
    {
      look: () => true,
      break: () => abort.abort(new Error("interrupted")),
      badly: () => {
        throw new Error("no");
      },
    },
    { signal: abort.signal },
  );
  assert.equal(journal.status, "interrupted");
  assert.deepEqual(order, ["look", "break", "badly", "mend", "look"]);
  assert.deepEqual(
    journal.rollbacks.map((each) => each.status),
    ["failed", "succeeded"],
  );
});

test("an activity that fails is told with its exception, and the method goes on", async () => {
  const { journal, order } = await run(
    { method: [action("a", "fails"), action("b", "works")] },
    {
      fails: () => {
        throw new Error("no such thing");
      },
    },
  );
  assert.deepEqual(order, ["fails", "works"]);
  assert.equal(journal.run[0]?.status, "failed");
  assert.match(journal.run[0]?.exception?.[0] ?? "", /no such thing/);
  assert.equal(journal.status, "completed");
});

test("a background activity runs beside the method and is waited for at its end", async () => {
  let release = (): void => undefined;
  const held = new Promise<void>((resolve) => (release = resolve));
  const { journal, order } = await run(
    { method: [action("slow", "slow", { background: true }), action("quick", "quick")] },
    { slow: () => held, quick: () => release() },
  );
  assert.deepEqual(order, ["slow", "quick"]);
  assert.deepEqual(journal.run.map((each) => (each.activity as { name: string }).name).toSorted(), ["quick", "slow"]);
});

test("configuration wins over secrets, keeps its types, and an unknown name fails the activity", async () => {
  const seen: unknown[] = [];
  const { journal } = await run(
    {
      configuration: { port: 80, host: { type: "env", key: "HOST", default: "localhost" } },
      secrets: { scope: { port: 81, word: "hush" } },
      method: [
        {
          ...action("a", "take"),
          provider: {
            type: "prunella",
            func: "take",
            arguments: { port: "${port}", url: "http://${host}:${port}/${word}" },
          },
        },
        { ...action("b", "take"), provider: { type: "prunella", func: "take", arguments: { x: "${nothing}" } } },
      ],
    },
    { take: (args) => void seen.push(args) },
  );
  assert.deepEqual(seen, [{ port: 80, url: "http://localhost:80/hush" }]);
  assert.equal(journal.run[1]?.status, "failed");
});

test("a tolerance that is a probe gets the value and decides", async () => {
  const tolerance = { type: "probe", name: "judge", provider: { type: "prunella", func: "judge" } };
  for (const verdict of [true, false]) {
    const { journal } = await run(
      { "steady-state-hypothesis": { title: "h", probes: [probe("is it", "look", tolerance)] } },
      { look: () => 42, judge: (args) => (args as { value: unknown }).value === 42 && verdict },
    );
    assert.equal(journal.steady_states.before?.steady_state_met, verdict);
  }
});
