// Random command sequences against a model of the breaker that is written as plainly as possible.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import { breaker, type Breaker } from "@prunella/resilience";
import { manualSystem, type ManualSystem } from "@prunella/resilience/testing";

const settings = {
  failures: 3,
  openMs: 1000,
  openFactor: 2,
  openMsMax: 5000,
  trials: 3,
  trialFailuresMax: 1,
  trialMsMax: 700,
};

interface Model {
  state: "closed" | "open" | "half-open" | "isolated";
  now: number;
  era: number;
  /** Permits that were given and not given back, with the era that gave them. */
  permits: number[];
  failures: number;
  successes: number;
  admitted: number;
  admittedAt: number;
  openUntil: number;
  openings: number;
}

interface Real {
  readonly guard: Breaker;
  readonly system: ManualSystem;
  readonly permits: number[];
}

function become(model: Model, state: Model["state"]): void {
  Object.assign(model, { state, era: model.era + 1, failures: 0, successes: 0, admitted: 0 });
}

function openUp(model: Model): void {
  become(model, "open");
  model.openUntil = model.now + Math.min(settings.openMs * settings.openFactor ** model.openings, settings.openMsMax);
  model.openings += 1;
}

function close(model: Model): void {
  become(model, "closed");
  model.openings = 0;
}

class Acquire implements fc.AsyncCommand<Model, Real> {
  check = (): boolean => true;
  async run(model: Model, real: Real): Promise<void> {
    if (model.state === "open" && model.now >= model.openUntil) become(model, "half-open");
    if (
      model.state === "half-open" &&
      model.admitted === settings.trials &&
      model.now - model.admittedAt >= settings.trialMsMax
    )
      become(model, "half-open");
    const passes = model.state === "closed" || (model.state === "half-open" && model.admitted < settings.trials);
    const wouldPass = real.guard.wouldPass();
    const permit = real.guard.tryAcquire();
    assert.equal(wouldPass, passes);
    assert.equal(permit !== 0, passes);
    if (!passes) return;
    if (model.state === "half-open") {
      model.admitted += 1;
      model.admittedAt = model.now;
    }
    model.permits.push(model.era);
    real.permits.push(permit);
  }
  toString = (): string => "acquire";
}

class Return implements fc.AsyncCommand<Model, Real> {
  readonly at: number;
  readonly how: "success" | "failure" | "release";
  constructor(at: number, how: "success" | "failure" | "release") {
    this.at = at;
    this.how = how;
  }
  check = (model: Readonly<Model>): boolean => model.permits.length > 0;
  async run(model: Model, real: Real): Promise<void> {
    const index = this.at % model.permits.length;
    const [era] = model.permits.splice(index, 1);
    const [permit] = real.permits.splice(index, 1) as [number];
    if (this.how === "success") real.guard.recordSuccess(permit);
    else if (this.how === "failure") real.guard.recordFailure(permit, new Error("x"));
    else real.guard.release(permit);
    if (era === model.era) this.judge(model);
    assert.equal(real.guard.state, model.state);
  }
  judge(model: Model): void {
    if (this.how === "release") model.admitted = Math.max(0, model.admitted - 1);
    else if (model.state === "closed") {
      model.failures = this.how === "failure" ? model.failures + 1 : 0;
      if (model.failures === settings.failures) openUp(model);
    } else if (this.how === "failure") {
      model.failures += 1;
      if (model.failures > settings.trialFailuresMax) openUp(model);
    } else {
      model.successes += 1;
      if (model.successes === settings.trials - settings.trialFailuresMax) close(model);
    }
  }
  toString = (): string => `${this.how}(${this.at})`;
}

class Wait implements fc.AsyncCommand<Model, Real> {
  readonly ms: number;
  constructor(ms: number) {
    this.ms = ms;
  }
  check = (): boolean => true;
  async run(model: Model, real: Real): Promise<void> {
    await real.system.advance(this.ms);
    model.now += this.ms;
  }
  toString = (): string => `wait(${this.ms})`;
}

class ByHand implements fc.AsyncCommand<Model, Real> {
  readonly what: "open" | "close" | "isolate";
  constructor(what: "open" | "close" | "isolate") {
    this.what = what;
  }
  check = (): boolean => true;
  async run(model: Model, real: Real): Promise<void> {
    real.guard[this.what]();
    if (this.what === "open") openUp(model);
    else if (this.what === "close") close(model);
    else become(model, "isolated");
    assert.equal(real.guard.state, model.state);
  }
  toString = (): string => this.what;
}

test("a breaker does what its model does under any sequence of calls, results, waits and commands", async () => {
  const commands = fc.commands(
    [
      fc.constant(new Acquire()),
      fc.constant(new Acquire()),
      fc
        .record({ at: fc.nat(20), how: fc.constantFrom("success" as const, "failure" as const, "release" as const) })
        .map(({ at, how }) => new Return(at, how)),
      fc.constantFrom(1, 100, 700, 1000, 2000, 5000).map((ms) => new Wait(ms)),
      fc.constantFrom("open" as const, "close" as const, "isolate" as const).map((what) => new ByHand(what)),
    ],
    { maxCommands: 60 },
  );
  await fc.assert(
    fc.asyncProperty(commands, async (sequence) => {
      const system = manualSystem();
      await fc.asyncModelRun(
        (): { model: Model; real: Real } => ({
          model: {
            state: "closed",
            now: 0,
            era: 0,
            permits: [],
            failures: 0,
            successes: 0,
            admitted: 0,
            admittedAt: 0,
            openUntil: 0,
            openings: 0,
          },
          real: { guard: breaker({ ...settings, system }), system, permits: [] },
        }),
        sequence,
      );
    }),
    { numRuns: 300 },
  );
});
