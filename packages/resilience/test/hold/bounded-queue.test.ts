import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { AbortedError, boundedQueue, ClosedError, QueueFullError, WaitTimeoutError } from "@prunella/resilience";
import type { BoundedQueue, GuardEvent, QueuePolicy } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";

function balanced(queue: BoundedQueue<number>): void {
  const { in: accepted, out, shed } = queue.accounts;
  assert.equal(accepted, out + shed + queue.size);
  assert.ok(queue.size <= queue.capacity);
}

test("MED-003: without a bound a fast producer grows the list, the queue stays at its capacity and accounts for all", () => {
  const list: number[] = [];
  const queue = boundedQueue<number>({ capacity: 100, policy: "drop-oldest", system: manualSystem() });
  for (let at = 0; at < 3000; at += 1) {
    list.push(at);
    queue.offer(at);
    if (at % 3 === 0) {
      list.shift();
      queue.tryTake();
    }
    balanced(queue);
  }
  assert.equal(list.length, 2000);
  assert.ok(queue.size <= 100);
  assert.equal(queue.tryTake(), 2999 - queue.size);
});

test("MED-003: the alert comes at 80 % once, ends at 50 %, and comes again", () => {
  const queue = boundedQueue<number>({ capacity: 10, system: manualSystem() });
  const events: string[] = [];
  queue.listen(({ event }) => events.push(`${event}@${queue.size}`));
  for (let at = 0; at < 8; at += 1) queue.offer(at);
  queue.tryTake();
  queue.offer(8);
  assert.deepEqual(events, ["high-water@8"]);
  queue.takeAll(3);
  assert.deepEqual(events, ["high-water@8", "relieved@5"]);
  for (let at = 0; at < 3; at += 1) queue.offer(at);
  assert.deepEqual(events, ["high-water@8", "relieved@5", "high-water@8"]);
});

test("backpressure makes the producer wait and hands room over in order", async () => {
  const queue = boundedQueue<number>({ capacity: 1, system: manualSystem() });
  await queue.put(1);
  const order: string[] = [];
  const second = queue.put(2).then(() => order.push("second in"));
  const third = queue.put(3).then(() => order.push("third in"));
  assert.equal(queue.offer(4), "refused", "nobody overtakes those who wait");
  assert.equal(queue.tryTake(), 1);
  await second;
  assert.deepEqual(order, ["second in"]);
  assert.equal(await queue.take(), 2);
  await third;
  assert.equal(queue.tryTake(), 3);
  assert.equal(queue.tryTake(), undefined);
  balanced(queue);
});

test("an aborted wait ends at once with the caller's reason, and the next in line is served", async () => {
  const queue = boundedQueue<number>({ capacity: 1, system: manualSystem() });
  const first = new AbortController();
  const taking = queue.take({ signal: first.signal });
  const next = queue.take();
  const reason = new Error("changed my mind");
  first.abort(reason);
  await assert.rejects(taking, { name: "AbortError", cause: reason });
  queue.offer(7);
  assert.equal(await next, 7);
});

test("a producer that could be cancelled waits for room as any other", async () => {
  const queue = boundedQueue<number>({ capacity: 1, system: manualSystem() });
  queue.offer(1);
  const waiting = queue.put(2, { signal: new AbortController().signal });
  assert.equal(queue.snapshot().values["producersWaiting"], 1);
  assert.equal(queue.tryTake(), 1);
  assert.equal(await waiting, "accepted");
});

test("one signal used for many waits keeps no listener", async () => {
  const queue = boundedQueue<number>({ capacity: 1, system: manualSystem() });
  const { signal } = new AbortController();
  let listening = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: any[]) => {
    listening += 1;
    (add as any)(...args);
  };
  signal.removeEventListener = (...args: any[]) => {
    listening -= 1;
    (remove as any)(...args);
  };
  for (let at = 0; at < 100; at += 1) {
    const taking = queue.take({ signal });
    queue.offer(at);
    assert.equal(await taking, at);
  }
  assert.equal(listening, 0);
});

test("a wait with a limit ends there, leaves no timer and takes nothing afterwards", async () => {
  const system = manualSystem();
  const queue = boundedQueue<number>({ capacity: 1, system });
  const taking = queue.take({ timeoutMs: 50 });
  const rejected = assert.rejects(taking, WaitTimeoutError);
  await system.advance(50);
  await rejected;
  queue.offer(1);
  assert.equal(queue.size, 1);
  assert.equal(system.pending, 0);
});

test("refuse rejects with a stable code; drop-newest sheds the arrival", async () => {
  const refusing = boundedQueue<number>({ name: "mail", capacity: 1, policy: "refuse", system: manualSystem() });
  await refusing.put(1);
  await assert.rejects(
    refusing.put(2),
    (error) => error instanceof QueueFullError && error.code === "PRUNELLA_QUEUE_FULL",
  );
  const dropping = boundedQueue<number>({ capacity: 1, policy: "drop-newest", system: manualSystem() });
  await dropping.put(1);
  assert.equal(await dropping.put(2), "shed");
  assert.equal(dropping.tryTake(), 1);
});

test("by priority: the newest of the lowest level makes room, the higher level leaves first", () => {
  const shed: string[] = [];
  const queue = boundedQueue<string>({ capacity: 3, policy: "priority", levels: 3, onShed: (item) => shed.push(item) });
  queue.offer("low 1", 0);
  queue.offer("low 2", 0);
  queue.offer("high 1", 2);
  assert.equal(queue.offer("middle", 1), "accepted");
  assert.equal(queue.offer("low 3", 0), "shed");
  assert.deepEqual(shed, ["low 2", "low 3"]);
  assert.deepEqual(queue.takeAll(), ["high 1", "middle", "low 1"]);
});

test("an overflow drains to the chosen share and tells once", () => {
  const queue = boundedQueue<number>({ capacity: 10, policy: "drop-oldest", drainTo: 0.4, system: manualSystem() });
  const trips: GuardEvent[] = [];
  queue.listen((event) => event.event === "overflow" && trips.push(event));
  for (let at = 0; at < 11; at += 1) queue.offer(at);
  assert.equal(queue.size, 5);
  assert.equal(trips.length, 1);
  assert.deepEqual(queue.takeAll(), [6, 7, 8, 9, 10]);
});

test("drain releases thousands of waiting producers in slices, in order", async () => {
  const system = manualSystem();
  const queue = boundedQueue<number>({ capacity: 1000, system });
  for (let at = 0; at < 1000; at += 1) queue.offer(at);
  const puts = Array.from({ length: 1000 }, (_, at) => queue.put(1000 + at));
  queue.drain();
  assert.equal(queue.size, 256, "the first slice only");
  await system.advance(10);
  assert.equal(queue.size, 1000);
  await Promise.all(puts);
  assert.equal(queue.tryTake(), 1000);
  balanced(queue);
});

test("a slice that lets in all who wait sets no timer for nobody", () => {
  const system = manualSystem();
  const queue = boundedQueue<number>({ capacity: 1000, system });
  for (let at = 0; at < 1000; at += 1) queue.offer(at);
  for (let at = 0; at < 256; at += 1) void queue.put(at);
  queue.drain();
  assert.deepEqual([queue.size, queue.snapshot().values["producersWaiting"], system.pending], [256, 0, 0]);
});

test("a wait of no time is one: it is over in the same moment, as a wait and not as a refusal", async () => {
  const system = manualSystem();
  const queue = boundedQueue<number>({ capacity: 1, system });
  const taken = assert.rejects(queue.take({ timeoutMs: 0 }), WaitTimeoutError);
  await system.advance(0);
  await taken;
  queue.offer(1);
  const put = assert.rejects(queue.put(2, { timeoutMs: 0 }), WaitTimeoutError);
  await system.advance(0);
  await put;
  assert.deepEqual([queue.size, system.pending], [1, 0]);
});

test("nothing is no item, whether there is room or not", async () => {
  const queue = boundedQueue<number | undefined>({ capacity: 1, system: manualSystem() });
  await assert.rejects(queue.put(undefined), /item is undefined/);
  queue.offer(1);
  await assert.rejects(queue.put(undefined), /item is undefined/);
  assert.throws(() => queue.offer(undefined), /item is undefined/);
});

test("close refuses new items and waiting producers, and lets consumers finish what is held", async () => {
  const queue = boundedQueue<number>({ capacity: 1, system: manualSystem() });
  queue.offer(1);
  const blocked = assert.rejects(queue.put(2), ClosedError);
  queue.close();
  await blocked;
  assert.equal(queue.offer(3), "refused");
  assert.equal(await queue.take(), 1);
  await assert.rejects(queue.take(), ClosedError);
  balanced(queue);
});

test("too many waiting consumers are refused", async () => {
  const queue = boundedQueue<number>({ waitersMax: 1, system: manualSystem() });
  void queue.take();
  await assert.rejects(queue.take(), QueueFullError);
});

test("a bad option names itself, the rule and the value", () => {
  assert.throws(() => boundedQueue({ capacity: 0 }), /capacity is 0, but must be a whole number from 1/);
  assert.throws(() => boundedQueue({ highWater: 1.5 }), /highWater is 1.5/);
});

test("LOW-002: a list whose length is found by walking visits every item per take; the queue visits the one it takes", () => {
  type Node = { next?: Node };
  let first: Node | undefined;
  for (let at = 0; at < 1000; at += 1) first = first === undefined ? {} : { next: first };
  let visits = 0;
  const isEmpty = (): boolean => {
    let length = 0;
    for (let node = first; node !== undefined; node = node.next) {
      length += 1;
      visits += 1;
    }
    return length === 0;
  };
  while (!isEmpty()) first = first?.next;
  assert.equal(visits, (1000 * 1001) / 2);

  const queue = boundedQueue<number>({ capacity: 1_000_000, system: manualSystem() });
  assert.equal(queue.tryTake(), undefined);
  for (let at = 0; at < 300_000; at += 1) queue.offer(at);
  for (let at = 0; at < 300_000; at += 1) if (queue.tryTake() !== at) assert.fail(`out of order at ${at}`);
  assert.equal(queue.tryTake(), undefined);
});

// The model: plain arrays, one per level, the policy written out naively.
const policies: readonly QueuePolicy[] = ["backpressure", "refuse", "drop-oldest", "drop-newest", "priority"];
type Command =
  | { readonly op: "offer"; readonly priority: number }
  | { readonly op: "take" }
  | { readonly op: "drain"; readonly share: number }
  | { readonly op: "takeAll"; readonly max: number };

test("any sequence of commands agrees with a naive model", () => {
  const command: fc.Arbitrary<Command> = fc.oneof(
    {
      weight: 6,
      arbitrary: fc.record({ op: fc.constant("offer" as const), priority: fc.integer({ min: 0, max: 2 }) }),
    },
    { weight: 4, arbitrary: fc.record({ op: fc.constant("take" as const) }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant("drain" as const), share: fc.constantFrom(0, 0.3, 0.5, 1) }) },
    { weight: 1, arbitrary: fc.record({ op: fc.constant("takeAll" as const), max: fc.constantFrom(0, 2, Infinity) }) },
  );
  fc.assert(
    fc.property(
      fc.constantFrom(...policies),
      fc.integer({ min: 1, max: 20 }),
      fc.array(command, { maxLength: 120, size: "max" }),
      (policy, capacity, commands) => {
        const shed: number[] = [];
        const queue = boundedQueue<number>({
          capacity,
          policy,
          system: manualSystem(),
          onShed: (item) => shed.push(item),
        });
        let model: { item: number; level: number }[] = [];
        const modelShed: number[] = [];
        const events: string[] = [];
        queue.listen(({ event, level }) => events.push(`${event}:${level}`));
        const expectedEvents: string[] = [];
        const counts = { in: 0, out: 0, shed: 0, refused: 0, alerts: 0 };
        let [alerted, overflowed] = [false, false];
        const tell = (event: string): void => void expectedEvents.push(event);
        const overflow = (): void => {
          if (!overflowed) tell("overflow:trip");
          overflowed = true;
        };
        const watermark = (): void => {
          if (!alerted && model.length >= 0.8 * capacity) {
            alerted = true;
            counts.alerts += 1;
            tell("high-water:trip");
          } else if (alerted && model.length <= 0.5 * capacity) {
            alerted = overflowed = false;
            tell("relieved:info");
          }
        };
        const next = (): number | undefined => {
          if (model.length === 0) return undefined;
          counts.out += 1;
          const top = Math.max(...model.map(({ level }) => level));
          return model.splice(
            model.findIndex(({ level }) => level === top),
            1,
          )[0]?.item;
        };
        commands.forEach((each, item) => {
          switch (each.op) {
            case "offer": {
              const level = policy === "priority" ? each.priority : 0;
              let expected = "accepted";
              if (model.length >= capacity) {
                overflow();
                if (policy === "drop-oldest") modelShed.push((model.shift() as { item: number }).item);
                else if (policy === "priority") {
                  const lowest = Math.min(...model.map((held) => held.level));
                  const victim = model.findLastIndex((held) => held.level === lowest);
                  if (lowest < level) modelShed.push((model.splice(victim, 1)[0] as { item: number }).item);
                  else expected = "shed";
                } else expected = policy === "drop-newest" ? "shed" : "refused";
              }
              counts.in += 1;
              if (expected === "accepted") model.push({ item, level });
              else if (expected === "shed") modelShed.push(item);
              else counts.refused += 1;
              assert.equal(queue.offer(item, each.priority), expected);
              break;
            }
            case "take":
              assert.equal(queue.tryTake(), next());
              break;
            case "takeAll": {
              const all = Array.from({ length: Math.min(each.max, model.length) }, next);
              assert.deepEqual(queue.takeAll(each.max), all);
              break;
            }
            case "drain": {
              const drained = Math.max(0, model.length - Math.floor(each.share * capacity));
              for (let left = drained; left > 0; left -= 1) {
                const lowest = Math.min(...model.map(({ level }) => level));
                const victim = model.findIndex(({ level }) => level === lowest);
                modelShed.push((model.splice(victim, 1)[0] as { item: number }).item);
              }
              if (drained > 0) tell("drained:trip");
              assert.equal(queue.drain(each.share), drained);
              break;
            }
          }
          watermark();
          counts.shed = modelShed.length + counts.refused;
          assert.deepEqual(events, expectedEvents);
          const { state, values, counts: told } = queue.snapshot();
          assert.equal(state, overflowed ? "full" : alerted ? "high" : "ok");
          assert.deepEqual(values, { size: model.length, capacity, producersWaiting: 0, consumersWaiting: 0 });
          assert.deepEqual(told, { ...counts, trips: events.filter((event) => event.endsWith(":trip")).length });
          assert.equal(queue.size, model.length);
          balanced(queue);
        });
        assert.deepEqual(shed, modelShed);
      },
    ),
  );
});

test("any mix of waiting, aborting and timing out delivers every accepted item exactly once, in order", async () => {
  const step = fc.constantFrom("put", "take", "abort put", "abort take", "time", "try");
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 4 }), fc.array(step, { maxLength: 60 }), async (capacity, steps) => {
      const system = manualSystem();
      const queue = boundedQueue<number>({ capacity, system });
      const accepted: number[] = [];
      const received: number[] = [];
      const putting: AbortController[] = [];
      const taking: AbortController[] = [];
      let item = 0;
      for (const each of steps) {
        switch (each) {
          case "put": {
            const controller = new AbortController();
            putting.push(controller);
            const own = item++;
            queue.put(own, { signal: controller.signal, timeoutMs: 30 }).then(
              () => accepted.push(own),
              () => {},
            );
            break;
          }
          case "take": {
            const controller = new AbortController();
            taking.push(controller);
            queue.take({ signal: controller.signal, timeoutMs: 20 }).then(
              (got) => received.push(got),
              () => {},
            );
            break;
          }
          case "abort put":
            putting.shift()?.abort();
            break;
          case "abort take":
            taking.shift()?.abort();
            break;
          case "time":
            await system.advance(11);
            break;
          case "try": {
            await system.advance(0);
            const got = queue.tryTake();
            if (got !== undefined) received.push(got);
            break;
          }
        }
        balanced(queue);
      }
      await system.advance(100);
      received.push(...queue.takeAll());
      await system.advance(100);
      received.push(...queue.takeAll());
      assert.deepEqual(
        received,
        accepted.toSorted((a, b) => a - b),
      );
      assert.equal(system.pending, 0);
    }),
  );
});

test("an overflow that drains below the low water ends its own alert", () => {
  const queue = boundedQueue<number>({ capacity: 10, policy: "drop-oldest", drainTo: 0.3, system: manualSystem() });
  const events: string[] = [];
  queue.listen(({ event, detail }) => events.push(`${event} ${detail["shed"] ?? ""}`.trim()));
  for (let at = 0; at < 11; at += 1) queue.offer(at);
  assert.deepEqual(events, ["high-water", "overflow 7", "relieved"]);
  assert.equal(queue.snapshot().state, "ok");
});

test("a priority beyond the levels counts as the nearest one, and one that is no number as the lowest", () => {
  const queue = boundedQueue<string>({ policy: "priority", levels: 2, system: manualSystem() });
  for (const priority of [-1, 0.9, Number.NaN, undefined]) queue.offer(`low ${priority}`, priority);
  for (const priority of [1, 1.9, 7]) queue.offer(`high ${priority}`, priority);
  assert.deepEqual(queue.takeAll(), ["high 1", "high 1.9", "high 7", "low -1", "low 0.9", "low NaN", "low undefined"]);
});

test("close answers waiting consumers, is told once, and what comes after it is refused as closed", async () => {
  const queue = boundedQueue<number>({ capacity: 1, system: manualSystem() });
  const events: string[] = [];
  queue.listen(({ event }) => events.push(event));
  const waiting = assert.rejects(queue.take(), ClosedError);
  queue.close();
  queue.close();
  await waiting;
  await assert.rejects(queue.put(1), ClosedError);
  await assert.rejects(queue.take({ timeoutMs: 10 }), ClosedError);
  assert.equal(queue.snapshot().state, "closed");
  assert.equal(events.filter((event) => event === "closed").length, 1);
});

test("a full queue that closes refuses a producer at once instead of letting it wait", async () => {
  const queue = boundedQueue<number>({ capacity: 1, system: manualSystem() });
  queue.offer(1);
  queue.close();
  await assert.rejects(queue.put(2), ClosedError);
});

test("an item for a waiting consumer does not pass through the queue, and is accounted for", async () => {
  const queue = boundedQueue<number>({ capacity: 1, highWater: 0.5, lowWater: 0, system: manualSystem() });
  const taking = [queue.take(), queue.take()];
  assert.equal(queue.snapshot().values["consumersWaiting"], 2);
  assert.deepEqual([queue.offer(1), queue.offer(2)], ["accepted", "accepted"]);
  assert.deepEqual(await Promise.all(taking), [1, 2]);
  assert.deepEqual(queue.accounts, { in: 2, out: 2, shed: 0 });
  assert.equal(queue.snapshot().counts["alerts"], 0);
});

test("each policy turns away in its own words: what is full, and who waits", async () => {
  const refusing = boundedQueue<number>({ capacity: 1, policy: "refuse", waitersMax: 7, system: manualSystem() });
  refusing.offer(1);
  await assert.rejects(refusing.put(2), /1/);
  const waiting = boundedQueue<number>({ capacity: 1, waitersMax: 0, system: manualSystem() });
  waiting.offer(1);
  await assert.rejects(waiting.put(2), /waiting producers/);
  waiting.takeAll();
  await assert.rejects(waiting.take(), /waiting consumers/);
});

test("a listener of shed items that throws breaks nothing", () => {
  const queue = boundedQueue<number>({
    capacity: 1,
    policy: "drop-oldest",
    system: manualSystem(),
    onShed: () => {
      throw new Error("bad listener");
    },
  });
  queue.offer(1);
  assert.equal(queue.offer(2), "accepted");
  assert.equal(queue.tryTake(), 2);
});

test("producers that are let in over several turns keep one timer, however often the queue is emptied meanwhile", async () => {
  const system = manualSystem();
  const queue = boundedQueue<number>({ capacity: 1000, system });
  for (let at = 0; at < 1000; at += 1) queue.offer(at);
  const puts = Array.from({ length: 2000 }, (_, at) => queue.put(1000 + at));
  assert.equal(queue.snapshot().values["producersWaiting"], 2000);
  const taken = queue.takeAll();
  taken.push(...queue.takeAll());
  assert.equal(system.pending, 1);
  for (let round = 0; round < 10; round += 1) {
    await system.advance(1);
    taken.push(...queue.takeAll());
  }
  await Promise.all(puts);
  assert.deepEqual(
    taken,
    Array.from({ length: 3000 }, (_, at) => at),
  );
  assert.equal(system.pending, 0);
  balanced(queue);
});

test("takeAll and tryTake of an empty queue change nothing; a bounded line of producers refuses one more", async () => {
  const queue = boundedQueue<number>({ capacity: 1, waitersMax: 1, system: manualSystem() });
  assert.deepEqual(queue.takeAll(), []);
  assert.equal(queue.tryTake(), undefined);
  assert.equal(queue.size, 0);
  queue.offer(1);
  const waiting = queue.put(2);
  await assert.rejects(queue.put(3), QueueFullError);
  assert.deepEqual(queue.takeAll(1), [1]);
  await waiting;
  assert.deepEqual(queue.takeAll(), [2]);
  balanced(queue);
  const gone = new AbortController();
  gone.abort(new Error("gone"));
  await assert.rejects(queue.put(4, { signal: gone.signal }), AbortedError);
  await assert.rejects(queue.take({ signal: gone.signal }), AbortedError);
  assert.throws(() => queue.offer(undefined as never), /anything but undefined/);
  assert.equal(queue.snapshot().state, "ok");
});

test("what is put into a closed queue is refused and counted; that is no overflow", async () => {
  for (const policy of ["backpressure", "refuse", "drop-oldest", "drop-newest", "priority"] as const) {
    const queue = boundedQueue<number>({ capacity: 10, policy, system: manualSystem() });
    const events: string[] = [];
    queue.offer(1);
    queue.close();
    queue.listen(({ event }) => events.push(event));
    assert.equal(queue.offer(2), "refused");
    await assert.rejects(queue.put(3), ClosedError);
    const { state, counts } = queue.snapshot();
    assert.deepEqual([events, state, counts["trips"]], [[], "closed", 0]);
    balanced(queue);
  }
});

test("while waiting producers are let in, a refused offer is no overflow either", async () => {
  const system = manualSystem();
  const queue = boundedQueue<number>({ capacity: 1000, system });
  for (let at = 0; at < 1600; at += 1) void queue.put(at);
  queue.takeAll();
  const events: string[] = [];
  queue.listen(({ event }) => events.push(event));
  assert.equal(queue.offer(1), "refused", "nobody overtakes");
  assert.deepEqual([events, queue.size], [[], 256]);
  await system.advance(1);
  assert.equal(queue.size, 600);
});

test("who hears of a shed item or of an overflow may put something in: the bound and the accounts stay exact", () => {
  for (const policy of ["drop-oldest", "priority"] as const) {
    const shed: number[] = [];
    let puts = 0;
    const again = (): void => {
      if (puts < 20) queue.offer(100 + puts++, 0);
      balanced(queue);
    };
    const queue: BoundedQueue<number> = boundedQueue<number>({
      capacity: 3,
      policy,
      system: manualSystem(),
      onShed(item) {
        shed.push(item);
        again();
      },
    });
    queue.listen(again);
    for (let at = 0; at < 10; at += 1) {
      queue.offer(at, 2);
      balanced(queue);
    }
    assert.equal(queue.drain(), queue.accounts.shed === 0 ? 0 : 3);
    balanced(queue);
    assert.equal(new Set(shed).size, shed.length, "each is told once");
  }
});

test("a longest wait that is none is refused by name, whether there is an item or not", async () => {
  const queue = boundedQueue<number>({ capacity: 1, system: manualSystem() });
  for (const timeoutMs of [-1, Number.NaN]) {
    for (const wait of [() => queue.take({ timeoutMs }), () => queue.put(1, { timeoutMs })])
      await assert.rejects(wait(), { name: "BadOptionError", field: "timeoutMs" });
  }
  await queue.put(1);
  await assert.rejects(queue.put(2, { timeoutMs: -1 }), { field: "timeoutMs" });
  await assert.rejects(queue.take({ timeoutMs: -1 }), { field: "timeoutMs" });
  assert.deepEqual([queue.size, queue.accounts.in], [1, 1]);
});

test("a control plane's drain that says no share sheds nothing", () => {
  const queue = boundedQueue<number>({ capacity: 4, system: manualSystem() });
  for (let at = 0; at < 4; at += 1) queue.offer(at);
  for (const share of ["half", 2, -1])
    assert.throws(() => queue.controls?.["drain"]?.(share), { name: "BadOptionError", field: "share" });
  assert.equal(queue.size, 4);
  queue.controls?.["drain"]?.("0.5");
  assert.equal(queue.size, 2);
  queue.controls?.["drain"]?.();
  assert.equal(queue.size, 0);
});

test("a policy that is none is refused by name: a misspelt one would leave the queue without a bound", () => {
  const policy = "drop_oldest" as QueuePolicy;
  assert.throws(() => boundedQueue({ policy }), { name: "BadOptionError", field: "policy" });
});

test("an alert may begin early without saying where it ends", () => {
  const queue = boundedQueue<number>({ capacity: 10, highWater: 0.3, system: manualSystem() });
  const events: string[] = [];
  queue.listen(({ event }) => events.push(event));
  for (let at = 0; at < 4; at += 1) queue.offer(at);
  queue.tryTake();
  assert.deepEqual(events, ["high-water", "relieved"]);
  assert.throws(() => boundedQueue({ highWater: 0.3, lowWater: 0.5 }), { name: "BadOptionError", field: "lowWater" });
});
