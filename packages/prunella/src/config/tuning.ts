// `scale:` and `tune:` of a service: numbers that follow what is measured. Every default is filled in here.
import { scalingDefaults, tuningDefaults, type ScalingRule, type TargetKey, type TuningRule } from "@prunella/core";
import type { Cursor } from "./cursor.ts";
import { keysOf } from "./schema.ts";
import { duration } from "./units.ts";

const hour = 3_600_000;
/** Samples are kept for ten minutes; a value is measured for less. */
const windowMsMax = 540_000;
/** A median takes ten samples, and one comes a second. */
const windowMsMin = 12_000;
/** Knobs of one service. */
const knobsMax = 20;

/** The rule of `scale:`; null when it only states bounds (a remedy may scale within them). */
export function readScaling(service: string, cursor: Cursor, instances: number): ScalingRule | null {
  if (!cursor.at("by").exists) {
    if (cursor.at("target").exists)
      cursor.problem("names a target and not of what", "write by: cpuShare, or another metric");
    return null;
  }
  const metric = cursor.at("by").text("cpuShare") ?? "cpuShare";
  const target = number(cursor.at("target"), "what one instance should have of it, such as 0.7 or 100");
  if (target !== null && target <= 0) cursor.at("target").problem("must be above 0", "write for example target: 0.7");
  return {
    service,
    min: cursor.at("min").whole(1, 1, 64),
    max: cursor.at("max").whole(instances, 1, 64),
    metric,
    target: target ?? 1,
    upAfterMs: cursor.at("up").measure(duration, scalingDefaults.upAfterMs, 1_000, hour, "15s"),
    downAfterMs: cursor.at("down").measure(duration, scalingDefaults.downAfterMs, 1_000, hour / 2, "5m"),
    coolDownMs: cursor.at("coolDown").measure(duration, scalingDefaults.coolDownMs, 0, hour, "1m"),
  };
}

/** One rule for each knob of each instance. */
export function readTuning(cursor: Cursor, targets: readonly TargetKey[]): TuningRule[] {
  const knobs = cursor.entries();
  if (knobs.length > knobsMax) cursor.problem(`names ${knobs.length} knobs`, `keep to ${knobsMax}`);
  return knobs.slice(0, knobsMax).flatMap(([knob, item]) => {
    item.only(keysOf("knob"));
    const numbers = {
      min: number(item.at("min"), "the least value"),
      max: number(item.at("max"), "the greatest value"),
      step: number(item.at("step"), "how far one trial goes"),
      start: number(item.at("start"), "the value with which the application starts"),
    };
    const { min, max, step, start } = numbers;
    if (min === null || max === null || step === null || start === null) return [];
    if (!(min <= start && start <= max)) item.problem("starts outside its bounds", "make min <= start <= max");
    if (!(step > 0 && step <= max - min))
      item.at("step").problem("fits not once between min and max", "make it smaller");
    const set = readSet(item);
    const metric = item.at("metric").text("") ?? "";
    if (metric === "") item.at("metric").problem("is missing", "name what is to become better, such as latencyMsP95");
    const goal = item.at("goal").text("lower");
    if (goal !== "lower" && goal !== "higher")
      item.at("goal").problem("is neither lower nor higher", "write goal: lower");
    if (set === null) return [];
    return targets.map((target) => ({
      name: `${target} ${knob}`,
      target,
      set,
      min,
      max,
      step,
      start,
      metric,
      goal: goal === "higher" ? "higher" : "lower",
      windowMs: item.at("window").measure(duration, tuningDefaults.windowMs, windowMsMin, windowMsMax, "1m"),
      marginShare: item.at("margin").share(tuningDefaults.marginShare, 0, 1),
    }));
  });
}

function readSet(item: Cursor): TuningRule["set"] | null {
  const guard = item.at("guard").text();
  const call = item.at("call").text();
  if ((guard === null) === (call === null)) {
    item.problem("must say how its value is set", "write guard: NAME and control: NAME, or call: NAME");
    return null;
  }
  if (call !== null) return { call };
  const control = item.at("control").text();
  if (control === null) {
    item.problem("names a guard and not its control", "write for example control: set-max");
    return null;
  }
  return { guard: guard ?? "", control };
}

function number(cursor: Cursor, what: string): number | null {
  const value = cursor.scalar;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  cursor.problem(cursor.exists ? "is no number" : "is missing", `write ${what}`);
  return null;
}
