// Random look-ups against a plain model of windows, full batches and a source that takes a few batches at once: what is sent
// when, what each caller is answered, and what is counted.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { ClosedError, loader, QueueFullError } from "@prunella/resilience";
import { manualSystem } from "@prunella/resilience/testing";
import { watch } from "../call/helpers.ts";

interface Plan {
  readonly windowMs: number;
  readonly sizeMax: number;
  readonly batchesMax: number;
  readonly keysMax: number;
  readonly takesMs: number;
  /** Every so many batches fail. */
  readonly failsEvery: number;
}
interface Sent {
  readonly keys: readonly number[];
  readonly at: number;
}

const wholes = (min: number, max: number): fc.Arbitrary<number> => fc.integer({ min, max });
/** Windows end at half milliseconds and batches at others still, so that no two events of a kind unlike fall together. */
const plans: fc.Arbitrary<Plan> = fc.record({
  windowMs: wholes(0, 12).map((ms) => (ms === 0 ? 0 : ms + 0.5)),
  sizeMax: wholes(1, 4),
  batchesMax: wholes(1, 3),
  keysMax: wholes(1, 9),
  takesMs: wholes(0, 20).map((ms) => ms + 1 / 1024),
  failsEvery: wholes(2, 5),
});
const steps = fc.array(fc.record({ keys: fc.array(fc.nat(8), { maxLength: 6 }), ms: fc.nat(15) }), { maxLength: 30 });

class Model {
  readonly plan: Plan;
  now = 0;
  gathered: number[] = [];
  running: (Sent & { readonly endsAt: number; readonly fails: boolean })[] = [];
  windowEndsAt = Infinity;
  due = false;
  full = false;
  readonly sent: Sent[] = [];
  readonly events: string[] = [];
  readonly counts = { keys: 0, joined: 0, batches: 0, failed: 0, refused: 0 };

  constructor(plan: Plan) {
    this.plan = plan;
  }

  get atSource(): number {
    return this.running.reduce((sum, { keys }) => sum + keys.length, 0);
  }

  /** Whether the look-up is taken. */
  ask(key: number): boolean {
    this.counts.keys += 1;
    if (this.gathered.includes(key)) {
      this.counts.joined += 1;
      return true;
    }
    if (this.gathered.length + this.atSource >= this.plan.keysMax) {
      this.counts.refused += 1;
      if (!this.full) this.events.push("refused");
      this.full = true;
      return false;
    }
    this.gathered.push(key);
    if (this.gathered.length >= this.plan.sizeMax) this.send();
    if (this.gathered.length > 0 && this.windowEndsAt === Infinity) this.windowEndsAt = this.now + this.plan.windowMs;
    return true;
  }

  send(): void {
    const { batchesMax, sizeMax, takesMs, failsEvery } = this.plan;
    while (this.running.length < batchesMax && this.gathered.length >= (this.due ? 1 : sizeMax)) {
      const keys = this.gathered.splice(0, sizeMax);
      this.counts.batches += 1;
      const batch = { keys, at: this.now, endsAt: this.now + takesMs, fails: this.counts.batches % failsEvery === 0 };
      this.sent.push({ keys, at: this.now });
      this.running.push(batch);
    }
    if (this.gathered.length === 0) this.due = false;
  }

  advance(ms: number): void {
    const until = this.now + ms;
    for (;;) {
      // All batches take equally long: the first sent is the first to end.
      const endsAt = this.running[0]?.endsAt ?? Infinity;
      if (Math.min(endsAt, this.windowEndsAt) > until) break;
      this.now = Math.min(endsAt, this.windowEndsAt);
      if (this.windowEndsAt < endsAt) {
        this.windowEndsAt = Infinity;
        this.due = true;
      } else {
        const ended = this.running.shift();
        if (ended?.fails === true) {
          this.counts.failed += 1;
          this.events.push("batch-failed");
        }
        if (this.full && this.gathered.length + this.atSource <= this.plan.keysMax / 2) {
          this.full = false;
          this.events.push("relieved");
        }
      }
      this.send();
    }
    this.now = until;
  }
}

test("loader: keys wait for their window or a full batch, the source takes a few batches, all is answered and counted", () =>
  fc.assert(
    fc.asyncProperty(plans, steps, fc.boolean(), async (plan, asked, closes) => {
      const system = manualSystem();
      const model = new Model(plan);
      const sent: Sent[] = [];
      const own = loader<number, number>({
        system,
        windowMs: plan.windowMs,
        sizeMax: plan.sizeMax,
        batchesMax: plan.batchesMax,
        keysMax: plan.keysMax,
        async load(keys) {
          sent.push({ keys: [...keys], at: system.now() });
          const fails = sent.length % plan.failsEvery === 0;
          await new Promise<void>((resolve) => void system.setTimer(resolve, plan.takesMs));
          if (fails) throw new Error("source down");
          return keys.map((key) => key * 10);
        },
      });
      const events: string[] = [];
      own.listen(({ event }) => events.push(event));
      const agree = (): void => {
        assert.deepEqual(sent, model.sent);
        assert.deepEqual(events, model.events);
        const { state, values, counts } = own.snapshot();
        assert.equal(state, model.full ? "full" : "ok");
        const gathered = model.gathered.length;
        assert.deepEqual(values, { gathered, sent: model.atSource, batches: model.running.length });
        const trips = model.events.filter((event) => event !== "relieved").length;
        assert.deepEqual(counts, { ...model.counts, trips });
        const timers = plan.windowMs > 0 && model.windowEndsAt < Infinity ? 1 : 0;
        assert.equal(system.pending, timers + 2 * model.running.length, "its window, each batch and the bound of each");
      };
      const answers: { key: number; taken: boolean; answer: ReturnType<typeof watch<number>> }[] = [];
      for (const { keys, ms } of asked) {
        for (const key of keys) answers.push({ key, taken: model.ask(key), answer: watch(own.load(key)) });
        await system.advance(ms);
        model.advance(ms);
        agree();
      }
      const unsent = model.gathered.length;
      if (closes) {
        own.close();
        assert.equal(system.pending, 2 * model.running.length, "no window is left open");
      } else model.advance(10_000);
      await system.advance(10_000);
      if (closes) {
        assert.deepEqual(sent, model.sent, "what was not sent stays so");
        assert.deepEqual(own.snapshot().values, { gathered: 0, sent: 0, batches: 0 });
        assert.equal(own.snapshot().state, "closed");
      } else agree();
      assert.equal(system.pending, 0);
      let closed = 0;
      for (const { key, taken, answer } of answers) {
        const { state, value, error } = answer;
        if (state === "fulfilled") assert.equal(value, key * 10);
        else if (error instanceof ClosedError) closed += 1;
        else if (taken) assert.match(String(error), /source down/);
        else assert.ok(error instanceof QueueFullError);
        assert.notEqual(state, "pending");
      }
      if (unsent === 0 || !closes) assert.equal(closed, 0);
      else assert.ok(closed >= unsent, "each key that was not sent, for each of its callers");
    }),
    { numRuns: 200 },
  ));
