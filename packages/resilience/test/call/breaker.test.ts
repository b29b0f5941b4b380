import assert from "node:assert/strict";
import { test } from "node:test";
import {
  breaker,
  BreakerOpenError,
  countWindow,
  isRefusal,
  timeWindow,
  TimeoutError,
  type BreakerOptions,
} from "@prunella/resilience";
import { manualSystem, type ManualSystem } from "@prunella/resilience/testing";
import { boom, events, fine, never, settle, watch } from "./helpers.ts";

/**
 * Plays a script of calls: S succeeds, F fails, I is released, digits wait that many seconds. Each call asks for a
 * permit first: "-" in the result means refused, else the state after the call: c, o, h.
 */
async function check(options: BreakerOptions, script: string, expected: string): Promise<void> {
  const system = manualSystem();
  const guard = breaker({ ...options, system });
  let seen = "";
  for (const word of script.split(" ")) {
    if (/^\d+$/.test(word)) {
      await system.advance(Number(word) * 1000);
      seen += " ";
      continue;
    }
    for (const call of word) {
      const permit = guard.tryAcquire();
      if (permit === 0) {
        seen += "-";
        continue;
      }
      if (call === "S") guard.recordSuccess(permit);
      else if (call === "F") guard.recordFailure(permit, new Error("F"));
      else guard.release(permit);
      seen += guard.state[0];
    }
  }
  assert.equal(seen, expected, script);
}

test("opens after 5 failures in a row, tries again after 300 s, closes on success", () =>
  check({}, "FFFF S FFFFF S 299 S 1 S", "cccc c".replace(" ", "") + "cccco- - c"));

test("a failed trial opens it again for the whole time", () =>
  check({ failures: 1, openMs: 10_000 }, "F 10 F 9 S 1 S", "o o - c"));

test("reopening stays open longer by the factor, up to the bound, and closing forgets that", () =>
  check(
    { failures: 1, openMs: 1000, openFactor: 2, openMsMax: 4000 },
    "F 1 F 1 S 1 F 3 S 1 F 4 S F 1 S",
    "o o - o - o co c",
  ));

test("three trials at once, no more; all must succeed", () =>
  check({ failures: 1, openMs: 1000, trials: 3 }, "F 1 SSS S", "o hhcc"));

test("as many failed trials are forgiven as configured", async () => {
  await check({ failures: 1, openMs: 1000, trials: 3, trialFailuresMax: 1 }, "F 1 FSS", "o hhc");
  await check({ failures: 1, openMs: 1000, trials: 3, trialFailuresMax: 1 }, "F 1 FSF", "o hho");
});

test("a released trial gives its permit back", () => check({ failures: 1, openMs: 1000 }, "F 1 IIIS", "o hhhc"));

test("the volume threshold of a window does not hold in half-open", () =>
  check({ window: countWindow({ calls: 4, callsMin: 4 }), openMs: 1000 }, "FFF F 1 F 1 S", "ccco o c"));

test("a count window forgets the oldest call", () =>
  check(
    { window: countWindow({ calls: 4, callsMin: 4, failureRate: 0.75 }) },
    "FF SS SS FF S F",
    "ccccccccco".slice(0, 9) + "o",
  ));

test("results that are admitted but late neither open it twice nor lengthen the time", async () => {
  const system = manualSystem();
  const guard = breaker({ failures: 1, openMs: 1000, openFactor: 2, system });
  const permits = [1, 2, 3].map(() => guard.tryAcquire());
  for (const permit of permits) guard.recordFailure(permit, new Error("down"));
  assert.equal(guard.snapshot().counts["opened"], 1);
  assert.equal(guard.retryAfterMs, 1000);
});

test("both windows give the same answers to the same calls", async () => {
  const system = manualSystem();
  const byCount = breaker({ window: countWindow({ calls: 20, callsMin: 5 }), system });
  const byTime = breaker({ window: timeWindow({ windowMs: 1_000_000, callsMin: 5 }), system });
  const random = manualSystem(7).random;
  for (let call = 0; call < 20; call += 1) {
    const failed = random() < 0.45;
    for (const guard of [byCount, byTime]) {
      const permit = guard.tryAcquire();
      if (failed) guard.recordFailure(permit, new Error("x"));
      else guard.recordSuccess(permit);
    }
    assert.equal(byCount.state, byTime.state);
  }
});

test("slow calls open it, also when they succeed", async () => {
  const system = manualSystem();
  const guard = breaker({ window: countWindow({ calls: 4, callsMin: 4, slowMs: 100, slowRate: 0.5 }), system });
  for (const ms of [10, 150, 10, 150]) {
    const call = guard.execute(async () => {
      await new Promise<void>((resolve) => void system.setTimer(resolve, ms));
    });
    await system.advance(ms);
    await call;
  }
  assert.equal(guard.state, "open");
});

test("a time window forgets by buckets and all at once after a pause", async () => {
  const system = manualSystem();
  const guard = breaker({ window: timeWindow({ windowMs: 1000, buckets: 10, callsMin: 5 }), system });
  const fail = (): void => guard.recordFailure(guard.tryAcquire(), new Error("x"));
  const succeed = (): void => guard.recordSuccess(guard.tryAcquire());
  fail();
  fail();
  fail();
  await system.advance(950);
  succeed();
  await system.advance(100);
  fail();
  assert.equal(guard.state, "closed", "the first three have left");
  await system.advance(1_000_000);
  succeed();
  succeed();
  succeed();
  succeed();
  fail();
  assert.equal(guard.state, "closed");
});

test("open, isolate and close by hand", async () => {
  const system = manualSystem();
  const guard = breaker({ openMs: 1000, system });
  const heard = events(guard);
  guard.open();
  await assert.rejects(guard.execute(fine), BreakerOpenError);
  guard.close();
  assert.equal(await guard.execute(fine), "fine");
  guard.isolate();
  await system.advance(10_000_000);
  await assert.rejects(guard.execute(fine), BreakerOpenError);
  assert.equal(guard.retryAfterMs, undefined);
  guard.controls["close"]?.();
  guard.controls["open"]?.(50);
  assert.equal(guard.retryAfterMs, 50);
  assert.deepEqual(heard, ["opened", "closed", "isolated", "closed", "opened"]);
});

test("metrics-only changes state and refuses nobody", async () => {
  const system = manualSystem();
  const guard = breaker({ failures: 2, openMs: 1000, metricsOnly: true, system });
  for (let call = 0; call < 3; call += 1) await guard.execute(boom).catch(() => {});
  assert.equal(guard.state, "open");
  assert.equal(await guard.execute(fine), "fine");
  assert.equal(guard.snapshot().counts["refused"], 2);
  await system.advance(1000);
  await guard.execute(fine);
  assert.equal(guard.state, "closed");
});

test("the state survives the process by way of JSON, and time passes meanwhile", async () => {
  const system = manualSystem();
  const before = breaker({ failures: 1, openMs: 10_000, openFactor: 2, system });
  await before.execute(boom).catch(() => {});
  await system.advance(4000);
  const text = JSON.stringify(before.exportState());
  system.jumpWall(1000);
  const after = breaker({ failures: 1, openMs: 10_000, openFactor: 2, system });
  after.importState(JSON.parse(text));
  assert.equal(after.state, "open");
  assert.equal(after.retryAfterMs, 5000);
  await system.advance(5000);
  await after.execute(boom).catch(() => {});
  assert.equal(after.retryAfterMs, 20_000, "the second opening is the longer one");
  assert.throws(() => after.importState({ ...before.exportState(), version: 2 as 1 }), /version/);
  assert.throws(() => after.importState({ ...before.exportState(), wallAt: Number.NaN }), /wallAt is NaN/);
});

test("a value can count as a failure", async () => {
  const guard = breaker({ failures: 1, isFailedResult: (value) => value === 503, system: manualSystem() });
  assert.equal(await guard.execute(() => 503), 503);
  assert.equal(guard.state, "open");
});

test("errors that do not count leave it closed; a classifier that throws counts the error", async () => {
  const system = manualSystem();
  const guard = breaker({ failures: 1, isFailure: (error) => error instanceof TypeError, system });
  await guard.execute(boom).catch(() => {});
  assert.equal(guard.state, "closed");
  const broken = breaker({
    failures: 1,
    isFailure: () => {
      throw new Error("classifier");
    },
    system,
  });
  await assert.rejects(broken.execute(boom), /boom/);
  assert.equal(broken.state, "open");
});

test("a timeout counts, a refusal does not", () => {
  assert.equal(isRefusal(new TimeoutError("x", 1)), false);
  assert.equal(isRefusal(new BreakerOpenError("x")), true);
  assert.equal(isRefusal(new Error("x")), false);
});

test("work that is aborted by its caller counts neither way", async () => {
  const guard = breaker({ failures: 1, system: manualSystem() });
  const controller = new AbortController();
  const call = watch(
    guard.execute((context) => new Promise((_resolve, reject) => void context.onAbort(reject)), controller.signal),
  );
  controller.abort(new Error("mine"));
  await settle();
  assert.match(String(call.error), /mine/);
  assert.equal(guard.state, "closed");
  assert.equal(guard.snapshot().counts["ignored"], 1);
});

test("a refusal says when to come again and why, and carries no stack of its own", async () => {
  const system = manualSystem();
  const guard = breaker({ name: "payments", failures: 1, openMs: 1000, system });
  await guard.execute(boom).catch(() => {});
  await system.advance(400);
  const error: unknown = await guard.execute(fine).catch((refusal: unknown) => refusal);
  assert.ok(error instanceof BreakerOpenError && error instanceof Error);
  assert.equal(error.code, "PRUNELLA_BREAKER_OPEN");
  assert.equal(error.guardName, "payments");
  assert.equal(error.retryAfterMs, 600);
  assert.match(String(error.cause), /boom/);
  assert.doesNotMatch(error.stack ?? "", / at /);
  assert.ok(Error.stackTraceLimit > 0, "the host's own setting is put back");
});

test("tryExecute gives a refusal as a value, at once, and other outcomes by promise", async () => {
  const guard = breaker({ failures: 1, system: manualSystem() });
  assert.deepEqual(await guard.tryExecute(fine), { ok: true, value: "fine" });
  const failed = await guard.tryExecute(boom);
  assert.equal(failed.ok, false);
  const refused = guard.tryExecute(fine);
  assert.ok(!(refused instanceof Promise) && !refused.ok && refused.refused);
  assert.ok(refused.error instanceof BreakerOpenError);
  assert.equal(refused.error, refused.error);
});

test("impossible options are refused with the name, the rule and the value", () => {
  const cases: [BreakerOptions, RegExp][] = [
    [{ failures: 0 }, /failures is 0/],
    [{ failures: 1.5 }, /failures is 1.5, but must be a whole number/],
    [{ openMs: -1 }, /openMs is -1/],
    [{ openMs: Number.NaN }, /openMs is NaN/],
    [{ trials: 2, trialFailuresMax: 2 }, /trialFailuresMax is 2, but must be a whole number from 0 to 1/],
    [{ openMs: 10, openMsMax: 5 }, /openMsMax is 5/],
    [{ openFactor: 0.5 }, /openFactor is 0.5/],
  ];
  for (const [options, message] of cases) assert.throws(() => breaker(options), message);
  assert.throws(() => countWindow({ calls: 5, callsMin: 6 }), /callsMin is 6/);
  assert.throws(() => timeWindow({ failureRate: 0 }), /failureRate is 0/);
});

test("idle breakers have no timers", () => {
  const system: ManualSystem = manualSystem();
  const guards = Array.from({ length: 1000 }, () => breaker({ failures: 1, system }));
  for (const guard of guards) guard.open();
  assert.equal(system.pending, 0);
  void never;
});

test("calls through execute are timed for a window that knows slow ones, from their own start to their own end", async () => {
  const system = manualSystem();
  await system.advance(500);
  const guard = breaker({ window: countWindow({ calls: 4, callsMin: 4, slowMs: 100, slowRate: 0.5 }), system });
  const takes = async (ms: number): Promise<void> => {
    const call = guard.execute(() => new Promise<void>((resolve) => void system.setTimer(resolve, ms)));
    await system.advance(ms);
    await call;
  };
  await takes(99);
  await takes(99);
  await takes(100);
  assert.equal(guard.state, "closed", "three calls, one slow");
  await takes(99);
  assert.equal(guard.state, "closed", "one of four");
  await takes(100);
  assert.equal(guard.state, "open", "two of the last four");
  assert.equal(guard.snapshot().counts["succeeded"], 5);
});

test("a window begins anew with every transition", async () => {
  const system = manualSystem();
  const guard = breaker({ window: countWindow({ calls: 10, callsMin: 4, failureRate: 0.5 }), openMs: 1000, system });
  for (let call = 0; call < 4; call += 1) await guard.execute(boom).catch(() => {});
  assert.equal(guard.state, "open");
  await system.advance(1000);
  await guard.execute(fine);
  assert.equal(guard.state, "closed");
  for (let call = 0; call < 3; call += 1) await guard.execute(boom).catch(() => {});
  assert.equal(guard.state, "closed", "three failures are not yet the four calls on which it judges");
  await guard.execute(boom).catch(() => {});
  assert.equal(guard.state, "open");
});

test("an abort by the caller counts neither way, an error without one does", async () => {
  const guard = breaker({ failures: 1, system: manualSystem() });
  const caller = new AbortController();
  await guard
    .execute(() => {
      caller.abort();
      return boom();
    }, caller.signal)
    .catch(() => {});
  assert.equal(guard.state, "closed");
  assert.equal(guard.snapshot().counts["ignored"], 1);
  await guard.execute(boom, new AbortController().signal).catch(() => {});
  assert.equal(guard.state, "open");
});

test("counts are exact, whatever became of a call", async () => {
  const system = manualSystem();
  const guard = breaker({ failures: 2, openMs: 100, system });
  const permits = [1, 2, 3, 4].map(() => guard.tryAcquire());
  guard.recordSuccess(permits[0] as number);
  guard.release(permits[1] as number);
  guard.recordFailure(permits[2] as number, new Error("one"));
  await guard.execute(boom).catch(() => {});
  guard.recordSuccess(permits[3] as number);
  await guard.execute(fine).catch(() => {});
  await system.advance(100);
  await guard.execute(fine);
  assert.deepEqual(guard.snapshot().counts, {
    succeeded: 2,
    failed: 2,
    ignored: 1,
    late: 1,
    refused: 1,
    opened: 1,
    trips: 1,
  });
  assert.deepEqual(guard.snapshot().values, { failures: 0, trialsUnderWay: 0, retryAfterMs: 0, metricsOnly: 0 });
});

test("a trial that ends in an error which is not counted gives its place to the next", async () => {
  const system = manualSystem();
  const guard = breaker({ failures: 1, openMs: 1000, isFailure: (error) => !(error instanceof TypeError), system });
  await guard.execute(boom).catch(() => {});
  await system.advance(1000);
  await guard.execute(() => Promise.reject(new TypeError("not its fault"))).catch(() => {});
  assert.deepEqual([guard.state, guard.snapshot().counts["ignored"]], ["half-open", 1]);
  assert.equal(guard.wouldPass(), true);
  await guard.execute(fine);
  assert.equal(guard.state, "closed");
});

test("how many trials are under way can be seen: those admitted without those that have ended, either way", async () => {
  const system = manualSystem();
  const guard = breaker({ failures: 1, openMs: 1000, trials: 4, trialFailuresMax: 1, system });
  guard.open();
  await system.advance(1000);
  const underWay = (): number | undefined => guard.snapshot().values["trialsUnderWay"];
  const permits = [1, 2, 3].map(() => guard.tryAcquire());
  assert.equal(underWay(), 3);
  guard.recordSuccess(permits[0] as number);
  assert.equal(underWay(), 2);
  guard.recordFailure(permits[1] as number, new Error("down"));
  assert.equal(underWay(), 1);
  assert.equal(guard.state, "half-open");
});

test("closing forgets why it was open, and where nothing changes nothing is told", async () => {
  const guard = breaker({ failures: 1, system: manualSystem() });
  const heard = events(guard);
  guard.close();
  assert.deepEqual(heard, []);
  await guard.execute(boom).catch(() => {});
  assert.match(String(guard.refusal().cause), /boom/);
  guard.close();
  guard.open();
  assert.equal(guard.refusal().cause, undefined);
  guard.open();
  assert.deepEqual(heard, ["opened", "closed", "opened", "opened"], "its time begins anew");
});

test("an exported state is taken over with its failures, and what is none is refused", async () => {
  const system = manualSystem();
  const guard = breaker({ failures: 3, system });
  await guard.execute(boom).catch(() => {});
  await guard.execute(boom).catch(() => {});
  const state = guard.exportState();
  const other = breaker({ failures: 3, system });
  other.importState(state);
  assert.equal(other.snapshot().values["failures"], 2);
  await other.execute(boom).catch(() => {});
  assert.equal(other.state, "open");
  const open = other.exportState();
  guard.importState({ ...open, failures: 7 });
  assert.deepEqual([guard.state, guard.snapshot().values["failures"]], ["open", 0], "failures count only while closed");
  for (const [bad, message] of [
    [{ ...state, state: "ajar" }, /state is "ajar", but must be one of closed/],
    [{ ...state, version: 2 }, /version is 2/],
    [{ ...state, failures: 1.5 }, /failures is 1.5/],
    [{ ...state, openings: -1 }, /openings is -1/],
    [{ ...state, openMsLeft: undefined }, /openMsLeft is undefined/],
    [{ ...state, wallAt: Number.NaN }, /wallAt is NaN/],
  ] as const)
    assert.throws(() => other.importState(bad as typeof state), message);
});

test("metrics only: it goes on to judge and lets everything pass, until a control plane ends that", async () => {
  const guard = breaker({ failures: 1, system: manualSystem() });
  guard.controls["metrics-only"]?.();
  await guard.execute(boom).catch(() => {});
  assert.deepEqual(
    [guard.state, await guard.execute(fine), guard.snapshot().values["metricsOnly"]],
    ["open", "fine", 1],
  );
  guard.controls["metrics-only"]?.(0);
  await assert.rejects(guard.execute(fine), BreakerOpenError);
  guard.controls["metrics-only"]?.("1");
  assert.equal(guard.wouldPass(), true);
});

test("calls that fail are timed as those that succeed: a quick failure is not a slow call", async () => {
  const system = manualSystem();
  await system.advance(500);
  const window = countWindow({ calls: 4, callsMin: 2, failureRate: 1, slowMs: 100, slowRate: 0.5 });
  const guard = breaker({ window, system });
  const told: unknown[] = [];
  guard.listen(({ detail }) => told.push(detail["why"]));
  const fails = async (ms: number): Promise<void> => {
    const call = watch(
      guard.execute(() => new Promise<void>((_, reject) => void system.setTimer(() => reject(new Error("down")), ms))),
    );
    await system.advance(ms);
    assert.equal(call.state, "rejected");
  };
  await guard.execute(fine);
  await fails(99);
  assert.equal(guard.state, "closed");
  await fails(100);
  await guard.execute(fine);
  assert.equal(guard.state, "closed", "one of four");
  await fails(100);
  assert.deepEqual(told, ["slow-rate"]);
});

test("a failure by way of tryExecute is no refusal", async () => {
  const outcome = await breaker({ system: manualSystem() }).tryExecute(boom);
  assert.deepEqual([outcome.ok, outcome.ok || outcome.refused], [false, false]);
});

test("a slow trial is a failed one where slow calls open it: what answers slowly is not back", async () => {
  const system = manualSystem();
  const window = countWindow({ slowMs: 100, slowRate: 0.5 });
  const guard = breaker({ window, openMs: 1000, trials: 2, trialFailuresMax: 1, system });
  const trial = (durationMs: number): void => guard.recordSuccess(guard.tryAcquire(), durationMs);
  guard.open();
  await system.advance(1000);
  trial(100);
  assert.equal(guard.state, "half-open", "one is forgiven");
  trial(100);
  assert.equal(guard.state, "open");
  await system.advance(1000);
  trial(100);
  trial(99);
  assert.equal(guard.state, "closed");
  const { succeeded, failed } = guard.snapshot().counts;
  assert.deepEqual([succeeded, failed], [4, 0], "counted as what they were");
});

test("a listener that closes a breaker as it tries again lets the very call through that it tried with", async () => {
  const system = manualSystem();
  const guard = breaker({ openMs: 1000, system });
  guard.open();
  guard.listen(({ event }) => {
    if (event === "half-opened") guard.close();
  });
  await system.advance(1000);
  assert.equal(await guard.execute(fine), "fine");
  assert.deepEqual(
    [guard.state, guard.snapshot().counts["refused"], guard.snapshot().counts["late"]],
    ["closed", 0, 0],
  );
});

test("whoever hears that a state was taken over finds it in force", () => {
  const system = manualSystem();
  const guard = breaker({ system });
  const found: unknown[] = [];
  guard.listen(({ event }) => found.push(event, guard.tryAcquire(), guard.retryAfterMs));
  guard.importState({ ...guard.exportState(), state: "open", openMsLeft: 5000 });
  assert.deepEqual(found, ["imported", 0, 5000]);
});

test("metrics-only is driven by 1 and 0, and nothing else is taken for a yes", () => {
  const guard = breaker();
  for (const [argument, on] of [
    [undefined, 1],
    ["0", 0],
    [1, 1],
  ] as const) {
    guard.controls["metrics-only"]?.(argument);
    assert.equal(guard.snapshot().values["metricsOnly"], on);
  }
  assert.throws(() => guard.controls["metrics-only"]?.("off"), /metrics-only is NaN/);
});

test("a call that passes an open breaker for the metrics alone is neither late nor counted twice", async () => {
  const guard = breaker({ failures: 1, metricsOnly: true, system: manualSystem() });
  await guard.execute(boom).catch(() => {});
  await guard.execute(boom).catch(() => {});
  assert.equal(await guard.execute(fine), "fine");
  const { failed, succeeded, late, refused } = guard.snapshot().counts;
  assert.deepEqual({ failed, succeeded, late, refused }, { failed: 1, succeeded: 0, late: 0, refused: 2 });
});
