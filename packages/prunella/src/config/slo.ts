// `slo:` of a service or target: what it promises. Defaults: window 30 days; of the time in which memory and CPU are watched,
// 99 % within their limit.
import type { SloObjective, SloSpec } from "@prunella/core";
import type { Cursor } from "./cursor.ts";
import { duration, size } from "./units.ts";

const dayMs = 86_400_000;
export const sloWindowMsDefault = 30 * dayMs;
/** Longest window: as long as hourly tallies are kept. Memory and CPU are kept by the minute, for 30 days. */
const windowMsMax = 400 * dayMs;
const minutesKeptMs = 30 * dayMs;
/** Share of the time within the limit of memory or CPU; of requests within the limit of p95. */
export const withinLimitGoal = 0.99;
export const p95Goal = 0.95;

/** The part of a target's specification that `slo:` makes; empty when it promises nothing. */
export function withSlos(cursor: Cursor): { readonly slos?: readonly SloSpec[] } {
  const slos = readSlos(cursor);
  return slos.length === 0 ? {} : { slos };
}

export function readSlos(cursor: Cursor): SloSpec[] {
  if (!cursor.exists) return [];
  if (!cursor.isMap) {
    cursor.problem("must be a mapping", "write for example slo: { availability: 99.9%, errors: 2%, p95: 3s }");
    return [];
  }
  cursor.only(["availability", "errors", "p95", "memory", "cpu", "window"]);
  const windowMs = cursor.at("window").measure(duration, sloWindowMsDefault, dayMs, windowMsMax, "30d");
  const slos: SloSpec[] = [];
  const add = (objective: SloObjective, goal: number | null, limit: number | null): void => {
    if (goal === null) return;
    const kept = objective === "memory" || objective === "cpu" ? Math.min(windowMs, minutesKeptMs) : windowMs;
    slos.push({ objective, goal, limit, windowMs: kept });
  };
  const availability = cursor.at("availability");
  if (availability.exists) add("availability", goalOf(share(availability), availability), null);
  const errors = cursor.at("errors");
  if (errors.exists) {
    const allowed = share(errors);
    add("errors", goalOf(allowed === null ? null : 1 - allowed, errors), null);
  }
  const p95 = cursor.at("p95");
  if (p95.exists) add("p95", p95Goal, p95.measure(duration, 3_000, 1, 3_600_000, "3s"));
  const memory = cursor.at("memory");
  if (memory.exists) add("memory", withinLimitGoal, memory.measure(size, 1e9, 1e6, 1e13, "512MB"));
  const cpu = cursor.at("cpu");
  if (cpu.exists) {
    const cores = share(cpu, 128);
    if (cores !== null && cores > 0) add("cpu", withinLimitGoal, cores);
    else if (cores !== null) cpu.problem("must be above 0", "write the share of one core, such as 70%");
  }
  return slos;
}

/** A goal of exactly 0 or 1 has no error budget to spend. */
function goalOf(goal: number | null, cursor: Cursor): number | null {
  if (goal === null) return null;
  if (goal >= 0.5 && goal < 1) return Math.round(goal * 1e9) / 1e9;
  cursor.problem(
    goal >= 1 ? "leaves no error budget at all" : "asks for less than half",
    "write availability from 50% to below 100%, such as 99.9%, or errors from above 0% to 50%, such as 2%",
  );
  return null;
}

/** "99.9%", "99.9 %", 0.999. */
function share(cursor: Cursor, max = 1): number | null {
  const value = cursor.scalar;
  const match = typeof value === "string" ? /^(\d+(?:\.\d+)?)\s*%$/.exec(value.trim()) : null;
  const parsed = match === null ? (typeof value === "number" ? value : null) : Number(match[1]) / 100;
  if (parsed !== null && parsed >= 0 && parsed <= max) return parsed;
  cursor.problem(
    "is no share",
    max === 1 ? "write a percentage, such as 99.9%" : "write a percentage of one core, such as 70%",
  );
  return null;
}
