// Error events in, the failure each belongs to and why out: source maps, stack rules, fingerprint rules, grouping and the
// groups that a person merged or took apart, as one thing with no configuration. The parts stay usable apart.
import type { ErrorEvent } from "./event.ts";
import { applyFingerprintRules, parseFingerprintRules, replaceVariables } from "./fingerprint-rules.ts";
import { groupError, type Grouping } from "./grouping.ts";
import { ErrorGroups, type ErrorGroupsOptions, type ErrorGroupsSnapshot } from "./groups.ts";
import { resolveFrames, type SourceMapLookup } from "./resolve.ts";
import { applyStackRules, parseStackRules } from "./stack-rules.ts";
import { parseStack } from "./stack.ts";

export interface ErrorGrouperOptions extends ErrorGroupsOptions {
  /** Rules as text, one a line, the first that matches wins. Default none. A bad one throws a RuleError with its place. */
  readonly fingerprintRules?: string;
  /** Rules as text that mark frames as the application's or not. Default none. */
  readonly stackRules?: string;
  /** Finds the map of a generated file. Default none: frames stay as they came. */
  readonly sourceMapOf?: SourceMapLookup;
}

export interface GroupedError {
  readonly group: string;
  /** The failure was never seen. */
  readonly isNew: boolean;
  /** What a fingerprint rule calls it, else the error's own title. */
  readonly title: string;
  /** Why these events are one failure, and why this one belongs to them: sentences for a person. */
  readonly why: readonly string[];
  readonly grouping: Grouping;
}

export interface ErrorGrouper {
  /** `now` in ms: when it was received. */
  group(event: ErrorEvent, now: number): GroupedError;
  /** The text of a stack as a runtime printed it; grouped as a message when no frame is recognised in it. */
  groupText(text: string, now: number): GroupedError;
  /** Persons' decisions: they hold for good, also for events to come. See `ErrorGroups`. */
  merge(from: string, into: string): number;
  unmerge(keys: readonly string[]): string;
  keysOf(group: string): string[];
  snapshot(): ErrorGroupsSnapshot;
}

/** A grouper, or one that goes on from a snapshot. Throws a RuleError for the first rule that is wrong. */
export function errorGrouper(options: ErrorGrouperOptions = {}, from?: ErrorGroupsSnapshot): ErrorGrouper {
  const { sourceMapOf, keysMax } = options;
  const fingerprintRules = parseFingerprintRules(options.fingerprintRules ?? "");
  const stackRules = parseStackRules(options.stackRules ?? "");
  const bounds = keysMax === undefined ? {} : { keysMax };
  const groups = from === undefined ? new ErrorGroups(bounds) : ErrorGroups.restore(from, bounds);

  function group(received: ErrorEvent, now: number): GroupedError {
    const event = applyStackRules(stackRules, sourceMapOf === undefined ? received : resolved(received, sourceMapOf));
    const rule = applyFingerprintRules(fingerprintRules, event);
    const own = event.fingerprint?.map((part) => replaceVariables(part, event));
    const fingerprint = rule?.fingerprint ?? own;
    const grouping = groupError(event, {
      ...(fingerprint === undefined ? {} : { fingerprint }),
      fingerprintWhy: rule === undefined ? "the sender's fingerprint" : `the rule in line ${rule.rule.line}`,
    });
    const { group: name, isNew, why } = groups.assign(grouping.key, now);
    return { group: name, isNew, title: rule?.title ?? grouping.title, why: [...grouping.why, why], grouping };
  }

  return {
    group,
    groupText(text, now) {
      const parsed = parseStack(text);
      return group(parsed === undefined ? { message: text } : parsed, now);
    },
    merge: (source, into) => groups.merge(source, into),
    unmerge: (keys) => groups.unmerge(keys),
    keysOf: (name) => groups.keysOf(name),
    snapshot: () => groups.snapshot(),
  };
}

function resolved(event: ErrorEvent, lookup: SourceMapLookup): ErrorEvent {
  const { exceptions, frames } = event;
  return {
    ...event,
    ...(frames === undefined ? {} : { frames: resolveFrames(frames, lookup) }),
    ...(exceptions === undefined
      ? {}
      : {
          exceptions: exceptions.map((each) =>
            each.frames === undefined ? each : { ...each, frames: resolveFrames(each.frames, lookup) },
          ),
        }),
  };
}
