// Learned detection on a stage: synthetic metrics and lines under time that only the test moves. `check` says which findings
// a course of values must bring about, and which it must not; `play` gives the whole story for other questions.
import {
  defaultDetection,
  detect,
  eventsTaken,
  newLearner,
  newView,
  observe,
  type Detection,
  type Finding,
  type Learned,
  type Learner,
  type LogLine,
  type Signal,
  type TargetSpec,
  type TargetView,
} from "@prunella/core";
import assert from "node:assert/strict";

export const startAt = 1_700_006_400_000;

export type Values = Readonly<Record<string, number>>;
export type Random = () => number;

export function spec(key: string, of: Partial<TargetSpec> = {}): TargetSpec {
  return {
    key,
    kind: "external",
    group: key.split("/")[0] ?? key,
    dependsOn: [],
    addresses: [],
    checks: [],
    startupMs: 0,
    labels: {},
    ...of,
  };
}

export function randomOf(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

/** Standard normal. */
export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(random() + 1e-12)) * Math.cos(2 * Math.PI * random());
}

export interface Stage {
  readonly learner: Learner;
  readonly views: Map<string, TargetView>;
  /** Every finding that began to hold, and each that grew more severe, oldest first. */
  readonly began: Finding[];
  now(): number;
  send(signal: Signal): void;
  lines(target: string, texts: readonly string[], stream?: "out" | "err"): void;
  /** Passes time in steps and looks after each. */
  pass(seconds: number, each?: (at: number, second: number) => void, stepMs?: number): void;
  /** What holds now. */
  findings(target?: string): Finding[];
  /** All that was learned, as a restart would find it. */
  saved(): Learned[];
}

export function stage(
  options: {
    readonly targets?: readonly TargetSpec[];
    readonly detection?: Partial<Detection>;
    readonly saved?: readonly Learned[];
    readonly at?: number;
  } = {},
): Stage {
  const targets = options.targets ?? [spec("api")];
  const learner = newLearner(options.saved ?? []);
  learner.configure({ ...defaultDetection, ...options.detection }, targets);
  const views = new Map(targets.map((target) => [target.key, newView(target)]));
  const began: Finding[] = [];
  const holding = new Map<string, Map<string, string>>();
  let at = options.at ?? startAt;

  function look(): void {
    learner.advance(at);
    for (const { target, at: when, error } of learner.takeErrors())
      observe(views.get(target)!, { id: "", type: "error", target, at: when, origin: "log", error });
    for (const [key, view] of views) {
      const found = learner.escalated(key, detect(view, at, [(each, now) => learner.findings(each, now)]), at);
      const before = holding.get(key);
      const names = new Map(found.map((finding) => [`${finding.kind} ${finding.distinguisher}`, finding.severity]));
      for (const finding of found) {
        const known = before?.get(`${finding.kind} ${finding.distinguisher}`);
        if (known === undefined || (known === "low" && finding.severity !== "low")) began.push(finding);
      }
      holding.set(key, names);
    }
    learner.taken();
    for (const view of views.values()) eventsTaken(view);
  }

  const self: Stage = {
    learner,
    views,
    began,
    now: () => at,
    send(signal) {
      const view = views.get(signal.target);
      assert.ok(view !== undefined, `no target ${signal.target}`);
      observe(view, signal);
      learner.observe(signal, view);
    },
    lines: (target, texts, stream = "out") =>
      learner.lines(
        target,
        texts.map((text): LogLine => ({ at, stream, text })),
      ),
    pass(seconds, each, stepMs = 1_000) {
      for (let passed = 0; passed < seconds * 1_000; passed += stepMs) {
        at += stepMs;
        each?.(at, passed / 1_000);
        look();
      }
    },
    findings(target = targets[0]?.key ?? "") {
      return learner.escalated(
        target,
        detect(views.get(target)!, at, [(view, now) => learner.findings(view, now)]),
        at,
      );
    },
    saved: () => learner.save(at, Number.POSITIVE_INFINITY),
  };
  return self;
}

/**
 * Two hours of ordinary values, then `then` for five minutes. `expected`: "kind severity", comma separated, of everything
 * that began in those minutes, at its most severe; "" for silence.
 */
export function check(
  usual: (random: Random, at: number) => Values,
  then: (random: Random, at: number) => Values,
  expected: string,
  detection: Partial<Detection> = {},
): Stage {
  const random = randomOf(7);
  const on = stage({ detection });
  const sample = (values: (random: Random, at: number) => Values) => (at: number) =>
    on.send({ type: "sample", target: "api", at, values: values(random, at) });
  on.pass(7_200, sample(usual), 2_000);
  const before = on.began.length;
  on.pass(300, sample(then), 2_000);
  const told = on.began.slice(before).map((finding) => `${finding.kind} ${finding.severity}`);
  const worst = told.filter((one) => !one.endsWith(" low") || !told.includes(one.replace(/low$/, "medium")));
  assert.equal([...new Set(worst)].join(", "), expected, on.began.map((finding) => finding.summary).join("\n"));
  return on;
}
