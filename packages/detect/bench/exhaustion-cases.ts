// Usage series of known shape on noise from real series: half of them meet the limit, half never do. And how a
// forecaster is judged on them: a warning counts when it stays on from 30 minutes before the limit; it is early when it
// also covers the last quarter of the ramp; a quiet case is disturbed by any alert at all.
import { readdirSync } from "node:fs";
import path from "node:path";
import { linesOf, seeded } from "./data.ts";

export const limit = 100;
export const stepMs = 60_000;
const length = 3 * 1_440;

type Shape = (at: number, ramp: number, draw: Draw) => number;

interface Draw {
  readonly gap: number;
  readonly phase: number;
  readonly tooth: number;
  readonly toothHeight: number;
  readonly cap: number;
  readonly start: number;
}

const day = ({ phase }: Draw, at: number): number => Math.sin((2 * Math.PI * at) / 1_440 + phase);

const exhausting: Readonly<Record<string, Shape>> = {
  linear: (_, ramp, { gap }) => gap * ramp,
  accelerating: (_, ramp, { gap }) => gap * ramp * ramp,
  sawtooth: (at, ramp, { gap, tooth, toothHeight }) => gap * ramp + toothHeight * ((at % tooth) / tooth - 0.5),
  "daily and trend": (at, ramp, draw) => draw.gap * ramp + 6 * day(draw, at),
  "late onset": (_, ramp, { gap }) => gap * ramp,
  "step, then linear": (at, ramp, { gap, start }) => (at >= start ? 0.2 * gap : 0) + 0.8 * gap * ramp,
};

const quiet: Readonly<Record<string, Shape>> = {
  stationary: () => 0,
  daily: (at, _, draw) => ((0.35 * draw.gap * (1 + day(draw, at))) / 2) * (0.6 + draw.cap),
  saturating: (_, ramp, { cap, gap }) => cap * gap * (1 - Math.exp(-3 * ramp)),
  step: (at, _, { cap, gap, start }) => (at >= start ? cap * gap : 0),
  "flat sawtooth": (at, _, { gap, tooth }) => 0.25 * gap * ((at % (4 * tooth)) / (4 * tooth)),
  "trend with resets": (at, _, { cap, gap, start }) => cap * gap * (((at - start + length) % 720) / 720),
};

export interface Case {
  readonly shape: string;
  readonly values: readonly number[];
  /** Index at which the limit is met, -1 in a quiet case. */
  readonly exhaustAt: number;
  readonly start: number;
}

/** Real series (NAB's form), each scaled to median 0 and a range of 1 between its 1st and 99th percentile. */
export function realNoise(folder: string): number[][] {
  const files = readdirSync(folder, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".csv"));
  return files.toSorted().flatMap((file) => {
    const values = linesOf(path.join(folder, file))
      .slice(1)
      .map((line) => Number(line.split(",")[1]));
    const sorted = values.toSorted((a, b) => a - b);
    const quantile = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] as number;
    const span = quantile(0.99) - quantile(0.01);
    if (!(span > 0) || values.length <= 2_000) return [];
    return [values.map((value) => Math.max(-1, Math.min(2, (value - quantile(0.5)) / span)))];
  });
}

/** Noise for tests without data: correlated, with a burst now and then. */
export function syntheticNoise(seed: number): number[][] {
  const random = seeded(seed);
  return [0, 0.5, 0.9].map((memory) => {
    let level = 0;
    return Array.from({ length: 4_000 }, () => {
      level = memory * level + (1 - memory) * (random() - 0.5) * 3;
      return Math.max(-1, Math.min(2, level + (random() < 0.002 ? 1.5 : 0)));
    });
  });
}

/** `count` cases, exhausting and quiet in turn. */
export function makeCases(seed: number, count: number, noise: readonly (readonly number[])[]): Case[] {
  const random = seeded(seed);
  const cases: Case[] = [];
  while (cases.length < count) {
    const wanted = cases.length % 2 === 0;
    const made = makeCase(random, noise, wanted);
    if (wanted === made.exhaustAt >= 0 && (!wanted || made.exhaustAt - made.start > 120)) cases.push(made);
  }
  return cases;
}

function makeCase(random: () => number, noise: readonly (readonly number[])[], exhausts: boolean): Case {
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)] as T;
  const base = pick(noise);
  const [from, every, amplitude] = [
    Math.floor(random() * (base.length - 1_000)),
    1 + Math.floor(random() * 4),
    1 + 7 * random(),
  ];
  const [shape, draw] = [pick(Object.entries(exhausts ? exhausting : quiet)), 15 + 30 * random()];
  const start = Math.floor((shape[0] === "late onset" ? 0.45 : 0.1 + 0.25 * random()) * length);
  const duration = (0.15 + 0.75 * random()) * (length - start);
  const settings: Draw = {
    gap: limit - draw,
    phase: random() * 2 * Math.PI,
    tooth: 30 + Math.floor(120 * random()),
    toothHeight: 2 + 8 * random(),
    cap: 0.45 + 0.5 * random(),
    start,
  };
  const values: number[] = [];
  for (let at = 0; at < length; at++) {
    const ramp = Math.max(0, (at - start) / duration);
    const sound = amplitude * (base[(from + Math.floor(at / every)) % base.length] as number);
    const value = Math.max(0, draw + shape[1](at, ramp, settings) + sound);
    values.push(Math.min(value, exhausts ? limit : limit - 2));
    if (exhausts && value >= limit) return { shape: shape[0], values, exhaustAt: at, start };
  }
  return { shape: shape[0], values, exhaustAt: -1, start };
}

/** Seconds to the limit while an alert is on, else null. */
export type Forecaster = (timeMs: number, value: number) => number | null;

export interface Judgement {
  readonly recall: number;
  readonly earlyRecall: number;
  readonly disturbed: number;
  readonly f1: number;
  readonly earlyF1: number;
  readonly etaError: number;
  readonly pointsPerSecond: number;
}

export function judge(cases: readonly Case[], create: () => Forecaster, nowMs: () => number = () => 0): Judgement {
  let [warned, early, ramps, disturbed, points] = [0, 0, 0, 0, 0];
  const errors: number[] = [];
  const began = nowMs();
  for (const { values, exhaustAt, start } of cases) {
    const forecast = create();
    let since = -1;
    let alarmed = false;
    const misses: number[] = [];
    values.forEach((value, at) => {
      const eta = forecast(at * stepMs, value);
      points++;
      alarmed ||= eta !== null;
      since = eta === null ? -1 : since < 0 ? at : since;
      const real = (exhaustAt - at) * 60;
      if (eta !== null && at >= start && real >= 1_800) misses.push(Math.abs(eta - real) / real);
    });
    if (exhaustAt < 0) {
      if (alarmed) disturbed++;
      continue;
    }
    ramps++;
    const lead = since < 0 ? 0 : exhaustAt - Math.max(since, start);
    if (lead >= 30) warned++;
    if (lead >= Math.max(30, 0.25 * (exhaustAt - start))) early++;
    if (misses.length > 0) errors.push(median(misses));
  }
  const seconds = (nowMs() - began) / 1_000;
  return {
    recall: warned / ramps,
    earlyRecall: early / ramps,
    disturbed: disturbed / (cases.length - ramps),
    f1: f1(warned, ramps, disturbed),
    earlyF1: f1(early, ramps, disturbed),
    etaError: median(errors),
    pointsPerSecond: Math.round(points / seconds),
  };
}

function f1(hits: number, wanted: number, wrong: number): number {
  const precision = hits / (hits + wrong || 1);
  const recall = hits / wanted;
  return (2 * precision * recall) / (precision + recall || 1);
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}
