// Which errors are the same failure, whoever reported them: the probe, the last lines of a process that died, a log, or an
// SDK. One pure function says it (the versioned grouping of @prunella/detect), and counts by hour say when an archived
// failure has come to occur so much more often that somebody should look again.
import {
  groupError as groupEvent,
  HourlyCounts,
  LineJoiner,
  parseStack,
  type ErrorEvent,
  type HourlyCountsSnapshot,
} from "@prunella/detect";
import type { Learned } from "../../ports.ts";
import type { ErrorContext, ErrorFacts, TargetKey, TimeMs } from "../../signal/index.ts";
import { restored, type Saver, type Unit } from "./saving.ts";

export interface ErrorGroup {
  /** Identity of the failure, with the grouping's version in front: "1:…". */
  readonly fingerprint: string;
  readonly title: string;
  /** Sentences for a person: what counted and what was left out. */
  readonly why: readonly string[];
  readonly basis: "fingerprint" | "stack" | "type-and-value" | "message" | "nothing";
}

/** Sentences kept of a grouping's explanation. */
const whyMax = 40;

/** Groups an error event; pure, so the same event is the same failure on every machine and after every restart. */
export function groupError(error: ErrorFacts, context: ErrorContext = {}): ErrorGroup {
  const { key, title, why, basis } = groupEvent(eventOf(error, context));
  return {
    fingerprint: key,
    title: (title === "" ? `${error.name}: ${error.message}` : title).slice(0, 300),
    why: why.slice(0, whyMax).map((line) => line.slice(0, 300)),
    basis,
  };
}

function eventOf(error: ErrorFacts, context: ErrorContext): ErrorEvent {
  const parsed = error.stack === null ? undefined : parseStack(error.stack);
  const exceptions = context.exceptions ?? parsed?.exceptions ?? [{ type: error.name, value: error.message }];
  return {
    ...(context.platform === undefined && parsed === undefined
      ? {}
      : { platform: context.platform ?? parsed?.platform ?? "other" }),
    ...(context.messageTemplate === undefined ? {} : { messageTemplate: context.messageTemplate }),
    ...(context.isMessage === true ? { message: error.message } : { exceptions }),
    ...(context.fingerprint === undefined ? {} : { fingerprint: context.fingerprint }),
    ...(context.transaction === undefined ? {} : { transaction: context.transaction }),
    ...(context.logger === undefined ? {} : { logger: context.logger }),
    ...(context.level === undefined ? {} : { level: context.level }),
    ...(context.tags === undefined ? {} : { tags: context.tags }),
    ...(context.release === undefined ? {} : { release: context.release }),
  };
}

/** The error a dying process printed, from its last lines; null when they hold no stack that can be read. */
export function errorOfLines(lines: readonly string[]): ErrorFacts | null {
  const joiner = new LineJoiner();
  const records = [...lines.flatMap((line) => joiner.add(line, 0)), ...joiner.end()];
  for (const { text } of records.toReversed()) {
    const thrown = parseStack(text)?.exceptions.at(-1);
    if (thrown === undefined) continue;
    return {
      name: thrown.type ?? "Error",
      message: (thrown.value ?? "").slice(0, 2_000),
      code: null,
      stack: text.slice(0, 16_000),
    };
  }
  return null;
}

/** Groups whose counts are kept, per target; the one unseen for longest goes. */
const groupsMax = 200;

export interface Escalations {
  take(target: TargetKey, fingerprint: string, at: TimeMs, events: number): void;
  /** Why the failure counts as escalating now, or null. */
  escalating(target: TargetKey, fingerprint: string, now: TimeMs): string | null;
  forget(target: TargetKey): void;
}

interface Counts extends Unit {
  readonly groups: Map<string, HourlyCounts>;
}

export function newEscalations(saver: Saver, saved: ReadonlyMap<string, Learned>): Escalations {
  const targets = new Map<TargetKey, Counts>();

  function countsOf(target: TargetKey): Counts {
    const known = targets.get(target);
    if (known !== undefined) return known;
    const id = `errors ${target}`;
    const groups = restored(
      saved.get(id)?.state,
      (state: readonly (readonly [string, HourlyCountsSnapshot])[]) =>
        new Map(state.map(([key, counts]) => [key, HourlyCounts.restore(counts)])),
      () => new Map<string, HourlyCounts>(),
    );
    const counts: Counts = { id, groups, state: () => Array.from(groups, ([key, each]) => [key, each.snapshot()]) };
    targets.set(target, counts);
    return counts;
  }

  return {
    take(target, fingerprint, at, events) {
      const counts = countsOf(target);
      const known = counts.groups.get(fingerprint) ?? new HourlyCounts(at);
      // The map's order is that of last sight, so the first is the one to let go.
      counts.groups.delete(fingerprint);
      counts.groups.set(fingerprint, known);
      known.add(at, events);
      if (counts.groups.size > groupsMax) counts.groups.delete(counts.groups.keys().next().value!);
      saver.changed(counts);
    },
    escalating(target, fingerprint, now) {
      const counts = targets.get(target)?.groups.get(fingerprint);
      if (counts === undefined) return null;
      const { isEscalating, count, limit, why } = counts.isEscalating(now, eventsMin);
      return isEscalating && limit > 0 ? `${count} in this hour, more than ${Math.round(limit)} (${why})` : null;
    },
    forget(target) {
      const counts = targets.get(target);
      if (counts !== undefined) saver.forget(counts.id);
      targets.delete(target);
    },
  };
}

/** Fewer in an hour never wake an archived failure. */
const eventsMin = 10;
