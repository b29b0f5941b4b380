// Decides which error events are the same failure. Order, as senders expect it: fingerprint, stack, type and value,
// message. The algorithm has a number: keys of different numbers never meet, so a project can move when it chooses to.
import { exceptionsMax, framesMax, type ErrorEvent, type ErrorException, type StackFrame } from "./event.ts";
import { fingerprintOf } from "./hash.ts";
import { isAsyncMachinery, isInApp } from "./in-app.ts";
import { normaliseContext, normaliseFilename, normaliseFunction, normaliseMessage, projectPath } from "./normalise.ts";
import { isMinifiedName } from "./resolve.ts";

export const groupingAlgorithm = 1;

export type GroupingBasis = "fingerprint" | "stack" | "type-and-value" | "message" | "nothing";

export interface Grouping {
  readonly algorithm: number;
  readonly basis: GroupingBasis;
  /** Events with the same key are the same failure. Begins with the algorithm's number. */
  readonly key: string;
  /** What went into the key, in order: the explanation. */
  readonly parts: readonly string[];
  /** Sentences for a person: what counted and what was left out. */
  readonly why: readonly string[];
  /** The last exception was made up or has no type: show this function instead. */
  readonly title: string;
}

export interface GroupingOptions {
  /** Replaces the event's own fingerprint; may contain "{{ default }}". See `FingerprintRules`. */
  readonly fingerprint?: readonly string[];
  /** Sentence that says where the fingerprint came from. */
  readonly fingerprintWhy?: string;
}

/** Frames of one exception that count, from the crash site outwards. */
const framesCounted = 30;
const chainCounted = 8;

export function groupError(event: ErrorEvent, options: GroupingOptions = {}): Grouping {
  const byDefault = groupByContent(event);
  const fingerprint = options.fingerprint ?? event.fingerprint;
  if (fingerprint === undefined || fingerprint.length === 0) return byDefault;
  if (fingerprint.length === 1 && isDefault(fingerprint[0]!)) return byDefault;
  const parts = fingerprint.flatMap((part) => (isDefault(part) ? byDefault.parts : [part]));
  const source =
    options.fingerprint === undefined ? "the sender's fingerprint" : (options.fingerprintWhy ?? "a fingerprint rule");
  const why = [`grouped by ${source}: ${fingerprint.join(", ")}`];
  if (fingerprint.some(isDefault)) why.push(...byDefault.why);
  return { ...byDefault, basis: "fingerprint", key: keyOf("fingerprint", parts), parts, why };
}

/** What one grouping has that the other lacks: "why are these two not together?" */
export function differences(
  one: Grouping,
  other: Grouping,
): { readonly onlyInFirst: string[]; readonly onlyInSecond: string[] } {
  return {
    onlyInFirst: one.parts.filter((part) => !other.parts.includes(part)),
    onlyInSecond: other.parts.filter((part) => !one.parts.includes(part)),
  };
}

const isDefault = (part: string): boolean => /^\{\{\s*default\s*\}\}$/i.test(part);
const keyOf = (basis: GroupingBasis, parts: readonly string[]): string =>
  `${String(groupingAlgorithm)}:${fingerprintOf([basis, ...parts])}`;

function groupByContent(event: ErrorEvent): Grouping {
  const exceptions = (event.exceptions ?? []).slice(-exceptionsMax);
  const title = titleOf(event, exceptions);
  const finish = (basis: GroupingBasis, parts: readonly string[], why: readonly string[]): Grouping => ({
    algorithm: groupingAlgorithm,
    basis,
    key: keyOf(basis, parts),
    parts,
    why,
    title,
  });
  const stack = exceptions.length > 0 ? chainParts(exceptions) : framesOnly(event.frames ?? []);
  if (stack !== undefined) return finish("stack", stack.parts, stack.why);
  const thrown = exceptions.at(-1);
  if (thrown !== undefined && (thrown.type !== undefined || thrown.value !== undefined)) {
    const parts = exceptions
      .slice(-chainCounted)
      .toReversed()
      .flatMap((each) => [`type ${typeName(each)}`, `value ${normaliseMessage(each.value ?? "")}`]);
    return finish("type-and-value", parts, ["no stack that says where: grouped by type and message", ...parts]);
  }
  const text = event.messageTemplate ?? event.message;
  if (text !== undefined && text.trim() !== "") {
    const message = event.messageTemplate === undefined ? normaliseMessage(text) : text.trim();
    const source = event.messageTemplate === undefined ? "the message without its parameters" : "the message template";
    return finish("message", [`message ${message}`], [`grouped by ${source}: ${message}`]);
  }
  return finish("nothing", [], ["the event carries nothing to group by"]);
}

interface Counted {
  readonly parts: string[];
  readonly why: string[];
}

function chainParts(exceptions: readonly ErrorException[]): Counted | undefined {
  const thrown = exceptions.at(-1)!;
  const members = exceptions.filter((each) => each !== thrown && isMemberOf(each, exceptions));
  const chain = exceptions
    .filter((each) => !members.includes(each))
    .toReversed()
    .slice(0, chainCounted);
  const parts: string[] = [];
  const why: string[] = [];
  let places = 0;
  chain.forEach((exception, at) => {
    const counted = exceptionParts(exception);
    if (at > 0) parts.push("caused by");
    parts.push(...counted.parts);
    why.push(...counted.why);
    places += counted.places;
  });
  if (members.length > 0) {
    // Order and number of a group's members change from run to run; which kinds there are does not.
    const kinds = new Map<string, string>();
    for (const member of members) {
      const counted = exceptionParts(member);
      places += counted.places;
      kinds.set(fingerprintOf(counted.parts), member.type ?? "an error");
    }
    parts.push(...[...kinds.keys()].toSorted().map((key) => `member ${key}`));
    why.push(
      `a group of ${String(members.length)} errors of ${String(kinds.size)} kinds: ${[...new Set(kinds.values())].join(", ")}`,
    );
  }
  return places > 0 ? { parts, why } : undefined;
}

/** Below a group, directly or as the cause of a member. */
function isMemberOf(exception: ErrorException, all: readonly ErrorException[]): boolean {
  let current: ErrorException | undefined = exception;
  for (let steps = 0; steps < exceptionsMax && current?.parentId !== undefined; steps += 1) {
    const parent: number = current.parentId;
    current = all.find((each) => each.id === parent && each !== exception);
    if (current?.isGroup === true) return true;
  }
  return false;
}

function framesOnly(frames: readonly StackFrame[]): Counted | undefined {
  const counted = frameParts(frames);
  return counted.places > 0 ? counted : undefined;
}

function exceptionParts(exception: ErrorException): Counted & { readonly places: number } {
  const stack = frameParts(exception.frames ?? []);
  const type = exception.isSynthetic === true ? "" : typeName(exception);
  const parts = type === "" ? [] : [`type ${type}`];
  const why = exception.isSynthetic === true ? ["the type is made up by the sender and does not count"] : [...parts];
  parts.push(...stack.parts);
  why.push(...stack.why);
  if (stack.inApp === 0 && exception.value !== undefined && exception.value !== "") {
    parts.push(`value ${normaliseMessage(exception.value)}`);
    why.push("no frame of the application: the message counts too");
  }
  return { parts, why, places: stack.places };
}

interface CountedFrames extends Counted {
  /** Frames that say where: with a function or a source line. */
  readonly places: number;
  readonly inApp: number;
}

function frameParts(all: readonly StackFrame[]): CountedFrames {
  const frames = all.slice(-framesMax).filter((frame) => !isAsyncMachinery(frame));
  const asyncLeft = Math.min(all.length, framesMax) - frames.length;
  const own = frames.filter(isInApp);
  const counted = own.length > 0 ? own : frames;
  const named = counted.map(framePart).filter((each) => each.part !== "frame");
  const straight = withoutRepeats(named.map((each) => each.part));
  const parts = straight.slice(-framesCounted);
  const why: string[] = [];
  if (counted.length > 0) {
    why.push(
      `${String(parts.length)} frames count, from the crash outwards:`,
      ...parts.toReversed().map((part) => `  ${part.slice("frame ".length)}`),
    );
    if (own.length > 0 && own.length < frames.length)
      why.push(`${String(frames.length - own.length)} frames of libraries and runtime are left out`);
    if (asyncLeft > 0) why.push(`${String(asyncLeft)} frames of asynchronous machinery are left out`);
    if (straight.length < named.length)
      why.push(`${String(named.length - straight.length)} frames of recursion are folded`);
  }
  const usedFrames = new Set(parts);
  return {
    parts,
    why,
    places: named.filter((each) => each.isPlace && usedFrames.has(each.part)).length,
    inApp: own.length,
  };
}

function framePart(frame: StackFrame): { readonly part: string; readonly isPlace: boolean } {
  const path = frame.absPath ?? frame.filename;
  const where = frame.module ?? (path === undefined ? "" : projectPath(normaliseFilename(path)));
  const isMinified = /\.(?:min|bundle|prod|chunk)\.[cm]?js$/i.test(frame.filename ?? "") || isHashed(frame.filename);
  const name = isMinified && isMinifiedName(frame.function) ? undefined : normaliseFunction(frame.function);
  const what = name ?? normaliseContext(frame.contextLine);
  const module = frame.module === undefined ? where : (normaliseFunction(where) ?? where);
  return { part: `frame ${module} ${what ?? ""}`.trim(), isPlace: what !== undefined || (!isMinified && where !== "") };
}

const isHashed = (filename: string | undefined): boolean =>
  /[._-](?=[\da-f]*\d)[\da-f]{6,64}\.[cm]?js$/i.test(filename ?? "");

const periodMax = 10;

/** a b a b a c becomes a b c: however deep a recursion went, it is the same failure. */
function withoutRepeats(parts: readonly string[]): string[] {
  const out: string[] = [];
  let at = 0;
  while (at < parts.length) {
    let skipped = 0;
    for (let period = 1; period <= periodMax && skipped === 0; period += 1) {
      if (out.length < period) break;
      const block = out.slice(-period);
      let length = 0;
      while (at + length < parts.length && parts[at + length] === block[length % period]) length += 1;
      if (length >= period) skipped = length;
    }
    if (skipped === 0) out.push(parts[at]!);
    at += Math.max(1, skipped);
  }
  return out;
}

function typeName(exception: ErrorException): string {
  return (exception.type ?? "").replaceAll(/\$\d+|0x[\da-f]+/gi, "").slice(0, 256);
}

function titleOf(event: ErrorEvent, exceptions: readonly ErrorException[]): string {
  const thrown = exceptions.at(-1);
  if (thrown === undefined) return (event.message ?? event.messageTemplate ?? "").split("\n")[0]!.slice(0, 256);
  const crash = thrown.frames?.findLast(isInApp) ?? thrown.frames?.at(-1);
  const value = (thrown.value ?? "").split("\n")[0]!;
  if (thrown.isSynthetic === true || thrown.type === undefined)
    return crash?.function ?? (value === "" ? "error" : value).slice(0, 256);
  return (value === "" ? thrown.type : `${thrown.type}: ${value}`).slice(0, 256);
}
