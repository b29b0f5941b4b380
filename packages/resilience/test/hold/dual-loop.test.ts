import assert from "node:assert/strict";
import { test } from "node:test";
import { dualLoop, TimeoutError } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";

const never = (): Promise<never> => new Promise(() => {});

test("CRIT-001: one stalled side does not cost the other a period", async () => {
  const system = manualSystem();
  const healed: number[] = [];
  const both = dualLoop({
    system,
    first: { name: "detection", intervalMs: 100, run: never },
    second: { name: "healing", intervalMs: 100, run: () => void healed.push(system.now()) },
  });
  both.start();
  await system.advance(500);
  assert.deepEqual(healed, [0, 100, 200, 300, 400, 500]);
  assert.equal(both.first.snapshot().counts["stalled"], 5);
  assert.equal(both.snapshot().state, "stalled");
  const stopping = both.stop();
  await system.advance(100);
  await stopping;
  assert.equal(system.pending, 0);
});

test("CRIT-001: two sides that wait for each other's update deadlock when unbounded, and go on when bounded", async () => {
  const system = manualSystem();
  let naiveRounds = 0;
  const answers: (() => void)[] = [];
  const naive = async (): Promise<void> => {
    naiveRounds += 1;
    await new Promise<void>((resolve) => void answers.push(resolve)); // answered by the other's next round
    answers.shift()?.();
    await naive();
  };
  void naive();
  void naive();
  await system.advance(1000);
  assert.equal(naiveRounds, 2);

  const failures: unknown[] = [];
  const rounds = { first: 0, second: 0 };
  const both = dualLoop<string, string>({
    system,
    first: {
      name: "detection",
      intervalMs: 100,
      run: async (_iteration, link) => {
        rounds.first += 1;
        await link.ask("found").catch((error: unknown) => failures.push(error));
      },
    },
    second: {
      name: "healing",
      intervalMs: 100,
      run: async (_iteration, link) => {
        rounds.second += 1;
        await link.ask("healed").catch((error: unknown) => failures.push(error));
      },
    },
  });
  both.start();
  await system.advance(1000);
  assert.ok(rounds.first >= 10 && rounds.second >= 10, JSON.stringify(rounds));
  assert.ok(failures.length > 0 && failures.every((error) => error instanceof TimeoutError));
  void both.stop();
  await system.advance(200);
});

test("an update wakes the other side, which sees all of them in order", async () => {
  const system = manualSystem();
  const seen: number[][] = [];
  const both = dualLoop<never, number>({
    system,
    first: {
      name: "detection",
      intervalMs: 1000,
      run: async (_iteration, link) => {
        link.tell(1);
        link.tell(2);
        await link.ask(3);
      },
    },
    second: { name: "healing", intervalMs: 1000, run: (_iteration, link) => void seen.push([...link.updates]) },
  });
  both.start();
  await system.advance(100);
  assert.deepEqual(seen.flat(), [1, 2, 3]);
  assert.equal(both.snapshot().counts["unanswered"], 0);
  await both.stop();
});

test("two sides that wake each other with every iteration do not spin", async () => {
  const system = manualSystem();
  let iterations = 0;
  const talk = (_iteration: unknown, link: { tell(update: number): void }): void => {
    iterations += 1;
    link.tell(iterations);
  };
  const both = dualLoop<number, number>({
    system,
    first: { name: "a", intervalMs: 100, run: talk },
    second: { name: "b", intervalMs: 100, run: talk },
  });
  both.start();
  await system.advance(1000);
  assert.ok(iterations > 50 && iterations <= 2 * 202, String(iterations));
  await both.stop();
  assert.equal(system.pending, 0);
});

test("updates that nobody takes are bounded, the newest stay", async () => {
  const system = manualSystem();
  let told = 0;
  const seen: number[] = [];
  const both = dualLoop<never, number>({
    system,
    updatesMax: 5,
    first: {
      name: "fast",
      intervalMs: 10,
      run: (_iteration, link) => {
        link.tell(told++);
      },
    },
    second: {
      name: "stuck",
      intervalMs: 1000,
      run: ({ number }, link) => {
        seen.push(...link.updates);
        return number === 1 ? never() : undefined;
      },
    },
  });
  both.start();
  await system.advance(995);
  assert.equal(both.snapshot().values["toSecond"], 5);
  await system.advance(5);
  assert.equal(seen.length, 6, "the first one, and the newest five");
  assert.deepEqual(
    seen.slice(1),
    [0, 1, 2, 3, 4].map((step) => (seen[1] ?? 0) + step),
  );
  assert.ok((both.snapshot().counts["updatesShed"] ?? 0) > 80);
  void both.stop();
  await system.advance(1000);
});

test("each side has its own name, bound and handler of errors, or those of a loop", async () => {
  const system = manualSystem();
  const errors: string[] = [];
  const pair = (name?: string) =>
    dualLoop({
      ...(name === undefined ? {} : { name }),
      system,
      first: {
        name: "detection",
        intervalMs: 100,
        timeoutMs: 30,
        run: never,
        onError: (error) => errors.push(String(error)),
      },
      second: { name: "healing", intervalMs: 100, run: never },
    });
  const named = pair("shop");
  assert.deepEqual([named.first.name, named.second.name], ["shop.detection", "shop.healing"]);
  const unnamed = pair();
  assert.deepEqual([unnamed.first.name, unnamed.second.name], ["loop", "loop"]);
  unnamed.start();
  await system.advance(30);
  assert.deepEqual(
    [unnamed.first, unnamed.second].map((side) => side.snapshot().counts["stalled"]),
    [1, 0],
  );
  assert.equal(errors.length, 1);
  assert.match(String(errors[0]), /TimeoutError.*30 ms/);
  await system.advance(70);
  assert.deepEqual(
    [unnamed.first, unnamed.second].map((side) => side.snapshot().counts["stalled"]),
    [1, 1],
  );
  assert.equal(unnamed.snapshot().counts["stalled"], 2, "both sides together");
  assert.equal(errors.length, 1);
  void unnamed.stop();
  await system.advance(100);
});
