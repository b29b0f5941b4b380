// What will run out, and when. Two looks at the same samples: a quick one over the last two minutes (growth.ts), for what is
// gone within minutes; and a patient one over hours to days (@prunella/detect's exhaustion), which stays quiet on ramps that
// level off, step or reset.
import { exhaustion, type Exhaustion, type ExhaustionSnapshot } from "@prunella/detect";
import type { Learned } from "../../ports.ts";
import type { FolderFacts, GaugeFacts, TargetKey, TimeMs } from "../../signal/index.ts";
import type { Finding } from "../finding.ts";
import { growthOf, type Growth } from "../growth.ts";
import type { TargetView } from "../view.ts";
import { readable } from "./anomalies.ts";
import { restored, type Saver, type Unit } from "./saving.ts";

/** What can run out. "connections" and others are any metric X that comes with an XMax. */
export type Resource = "memory" | "heap" | "descriptors" | "disk" | (string & {});

export interface Forecast extends Growth {
  readonly resource: Resource;
  readonly metric: string;
}

// ---- the quick look: growth.ts

/**
 * When a resource of the target will be used up, by whichever look sees it; the nearer one when both do. For the detectors
 * of leaks and filling disks: null means that nothing is known to run out.
 */
export function forecastOf(view: TargetView, resource: Resource): Forecast | null {
  const which = resourcesOf(view).find((each) => each.resource === resource);
  const patient = view.forecasts.get(resource) ?? null;
  if (which === undefined) return patient;
  const quick = which.falling ? null : growthOf(view, which.metric, which.limit);
  if (quick === null) return patient;
  if (patient !== null && patient.untilLimitMs < quick.untilLimitMs) return patient;
  return { ...quick, resource, metric: which.metric };
}

// ---- the patient look

/** Forecasts per target; further resources are not watched. */
const resourcesMax = 16;
/** Five times the sampling interval of one second: the shortest trend lasts a minute, the longest a week. */
const resolutionMs = 5_000;
/** A finding is made from so near on: what is further away may turn long before, ms. */
export const horizonMs = 7 * 86_400_000;
/** Acting is warranted when it is this near, ms. */
export const nearMs = 900_000;

export interface Forecasts {
  take(view: TargetView, at: TimeMs, values: Readonly<Record<string, number>>): void;
  /** Declared folders: their room, and what is left of their disk. */
  takeFolders(target: TargetKey, at: TimeMs, folders: readonly FolderFacts[]): void;
  /** Pools and the like inside the application: how much of each is out. */
  takeGauges(target: TargetKey, at: TimeMs, gauges: readonly GaugeFacts[]): void;
  /** Error budgets by rule: the share that is left. */
  takeBudgets(target: TargetKey, at: TimeMs, left: ReadonlyMap<string, number>): void;
  /** Brings `view.forecasts` up to date and states what will run out. */
  findings(view: TargetView, now: TimeMs): Finding[];
  forget(target: TargetKey): void;
}

interface Watched extends Unit {
  readonly resource: Resource;
  readonly metric: string;
  readonly limit: number;
  readonly detector: Exhaustion;
  last: { readonly at: TimeMs; readonly value: number } | null;
  forecast: Forecast | null;
}

interface ResourceOf {
  readonly resource: Resource;
  readonly metric: string;
  readonly limit: number;
  readonly falling: boolean;
}

/** The resources of a target that have a limit, by its configuration and its newest sample. */
function resourcesOf(view: TargetView, values = view.samples.at(-1)?.values ?? {}): ResourceOf[] {
  const found: ResourceOf[] = [];
  const add = (resource: Resource, metric: string, limit: number | undefined, falling = false): void => {
    if (limit !== undefined && Number.isFinite(limit) && values[metric] !== undefined)
      found.push({ resource, metric, limit, falling });
  };
  add("memory", "rssBytes", view.spec.memoryBytesMax);
  add("heap", "heapUsedBytes", values["heapLimitBytes"]);
  add("descriptors", "descriptors", view.spec.descriptorsMax ?? values["descriptorsMax"]);
  if (values["diskFreeBytes"] !== undefined) add("disk", "diskFreeBytes", 0, true);
  for (const metric of Object.keys(values)) {
    const limit = values[`${metric}Max`];
    if (limit !== undefined && limit > 0 && metric !== "descriptors") add(metric, metric, limit);
  }
  return found.slice(0, resourcesMax);
}

export function newForecasts(saver: Saver, saved: ReadonlyMap<string, Learned>): Forecasts {
  const targets = new Map<TargetKey, Map<Resource, Watched>>();

  function watchedOf(target: TargetKey, { resource, metric, limit, falling }: ResourceOf): Watched | null {
    const own = targets.get(target) ?? new Map<Resource, Watched>();
    targets.set(target, own);
    const known = own.get(resource);
    // Another limit is another question.
    if (known !== undefined && known.limit === limit) return known;
    if (known === undefined && own.size >= resourcesMax) return null;
    const id = `forecast ${target} ${resource} ${limit}`;
    const options = { limit, resolutionMs, direction: falling ? "falling" : "rising" } as const;
    const detector = restored(
      saved.get(id)?.state,
      (state: ExhaustionSnapshot) => exhaustion(options, state),
      () => exhaustion(options),
    );
    if (known !== undefined) saver.forget(known.id);
    const watched: Watched = {
      id,
      resource,
      metric,
      limit,
      detector,
      last: null,
      forecast: null,
      state: () => detector.snapshot(),
    };
    own.set(resource, watched);
    return watched;
  }

  function learn(target: TargetKey, which: ResourceOf, at: TimeMs, value: number): void {
    const watched = watchedOf(target, which);
    if (watched === null) return;
    watched.last = { at, value };
    const verdict = watched.detector.update(at, value);
    saver.changed(watched);
    if (!verdict.firing || verdict.secondsToLimit * 1_000 > horizonMs) {
      watched.forecast = null;
      return;
    }
    const untilLimitMs = verdict.secondsToLimit * 1_000;
    watched.forecast = {
      resource: which.resource,
      metric: which.metric,
      now: value,
      limit: which.limit,
      perSecond: untilLimitMs === 0 ? 0 : (which.limit - value) / verdict.secondsToLimit,
      untilLimitMs,
      since: verdict.trend?.startMs ?? at,
      confidence: verdict.confidence,
      early: false,
    };
  }

  return {
    take(view, at, values) {
      for (const which of resourcesOf(view, values)) learn(view.spec.key, which, at, values[which.metric]!);
    },
    takeFolders(target, at, folders) {
      for (const { path, bytes, bytesMax, freeBytes } of folders) {
        const resource = `room of ${path}`;
        if (bytesMax !== null && bytesMax <= bytes + freeBytes)
          learn(target, { resource, metric: "bytes", limit: bytesMax, falling: false }, at, bytes);
        else learn(target, { resource, metric: "freeBytes", limit: 0, falling: true }, at, freeBytes);
      }
    },
    takeGauges(target, at, gauges) {
      for (const { guard, name, values } of gauges) {
        const limit = values["max"] ?? values["concurrentMax"] ?? values["capacity"];
        const used = values["lent"] ?? values["active"] ?? values["inUse"];
        if (limit !== undefined && limit > 0 && used !== undefined)
          learn(target, { resource: `${guard} ${name}`, metric: "in use", limit, falling: false }, at, used);
      }
    },
    takeBudgets(target, at, left) {
      for (const [rule, share] of left)
        learn(
          target,
          { resource: `error budget of ${rule}`, metric: "budgetLeft", limit: 0, falling: true },
          at,
          share,
        );
    },
    findings(view, now) {
      const own = targets.get(view.spec.key);
      view.forecasts.clear();
      if (own === undefined) return [];
      const found: Finding[] = [];
      for (const watched of own.values()) {
        const forecast = watched.forecast;
        if (forecast === null || watched.last === null || now - watched.last.at > 60_000) continue;
        view.forecasts.set(watched.resource, forecast);
        found.push(findingOf(view.spec.key, now, forecast));
      }
      return found;
    },
    forget(target) {
      for (const watched of targets.get(target)?.values() ?? []) saver.forget(watched.id);
      targets.delete(target);
    },
  };
}

function findingOf(target: TargetKey, now: TimeMs, forecast: Forecast): Finding {
  const { resource, metric, untilLimitMs, confidence } = forecast;
  const near = untilLimitMs <= nearMs;
  const summary = `${resource} of ${target} will be used up in ${spoken(untilLimitMs)}`;
  return {
    target,
    kind: "exhaustion",
    distinguisher: resource,
    severity: near ? "medium" : "low",
    class: "fault",
    summary,
    beganAt: Math.min(forecast.since, now),
    detectedAt: now,
    certainty: "inferred",
    down: false,
    ripe: near,
    events: 0,
    evidence: [
      {
        at: now,
        what: "sample",
        summary: `${metric} is ${readable(forecast.now)}, the limit ${readable(forecast.limit)}, ${forecast.perSecond >= 0 ? "+" : ""}${readable(forecast.perSecond)} a second since ${new Date(forecast.since).toISOString().slice(11, 19)}; confidence ${Math.round(confidence * 100)} %`,
        data: {
          resource,
          metric,
          untilLimitMs: Math.round(untilLimitMs),
          perSecond: forecast.perSecond,
          limit: forecast.limit,
          confidence,
        },
      },
    ],
  };
}

/** "45 s", "12 min", "3.5 h", "2.1 days". */
export function spoken(ms: number): string {
  if (ms < 90_000) return `${Math.round(ms / 1_000)} s`;
  if (ms < 5_400_000) return `${Math.round(ms / 60_000)} min`;
  if (ms < 129_600_000) return `${readable(Math.round(ms / 360_000) / 10)} h`;
  return `${readable(Math.round(ms / 8_640_000) / 10)} days`;
}
