// Log lines: joined to records, read as JSON, logfmt or text, mined for templates, watched for what is new, changed or gone.
// A template's id is made of its words, so it is the same in every process and after a restart; instances of one service
// share their templates. Lines themselves are not kept here; they are in their files.
import {
  errorLikeness,
  LineJoiner,
  LogMiner,
  readLogRecord,
  TemplateWatch,
  type LogLevel,
  type LogRecordText,
  type MinerSnapshot,
  type TemplateFinding,
  type TemplateWatchSnapshot,
} from "@prunella/detect";
import type { Learned } from "../../ports.ts";
import type { ErrorFacts, TargetKey, TargetSpec, TimeMs } from "../../signal/index.ts";
import type { Finding } from "../finding.ts";
import { restored, type Saver, type Unit } from "./saving.ts";

/** Templates kept per group of instances, and over all groups (each group then keeps its share, at least 100). */
export const templatesMax = 1_000;
const templatesTotalMax = 20_000;
/** Firing findings on templates of one target; the surest stay. */
export const logFindingsMax = 20;
/** A new error-like template is over when it was not seen for this long, ms; other findings when the rate is usual again. */
const quietMs = 60_000;
/** A changed rate or an absence is told for at most this long: then it is how things are, ms. */
const toldMsMax = 3_600_000;
const minuteMs = 60_000;
/** Of a record that is kept as an example. */
const exampleCharactersMax = 2_000;

/** One line of a target's output. */
export interface LogLine {
  readonly at: TimeMs;
  readonly stream: "out" | "err";
  readonly text: string;
}

/** A template of one target's output, for people. */
export interface LogTemplate {
  readonly id: string;
  /** Each variable part as <*>. */
  readonly template: string;
  readonly level: LogLevel | null;
  readonly isErrorLike: boolean;
  readonly count: number;
  readonly perMinute: number;
  readonly firstSeen: TimeMs;
  readonly lastSeen: TimeMs;
  /** First seen within the last ten minutes, after the stream had been learned. */
  readonly isNew: boolean;
  readonly example: string;
}

export interface Logs {
  configure(targets: readonly TargetSpec[]): void;
  /** Lines of one target, in the order in which they were written. */
  take(target: TargetKey, lines: readonly LogLine[]): void;
  /** Lets time pass: ends open records, closes minutes. Call about once a second. */
  advance(now: TimeMs): void;
  findings(target: TargetKey, now: TimeMs): Finding[];
  taken(): void;
  templates(target: TargetKey, now: TimeMs): LogTemplate[];
  /** Of one line, without learning from it. */
  read(target: TargetKey, line: string): { readonly level: LogLevel | null; readonly message: string };
  /** The text of a template of this target; null when it is not known (any more). */
  templateText(target: TargetKey, id: string): string | null;
  forget(target: TargetKey): void;
  readonly counters: { readonly lines: number; readonly records: number; readonly templates: number };
}

interface Seen {
  level: LogLevel | null;
  isErrorLike: boolean;
  count: number;
  readonly firstSeen: TimeMs;
  lastSeen: TimeMs;
  perMinute: number;
  minute: number;
  inMinute: number;
  isNew: boolean;
  example: string;
}

interface Level {
  readonly finding: TemplateFinding;
  readonly since: TimeMs;
  example: string;
  events: number;
}

interface Stream extends Unit {
  watch: TemplateWatch;
  readonly joiners: { readonly out: LineJoiner; readonly err: LineJoiner };
  readonly seen: Map<string, Seen>;
  readonly levels: Map<string, Level>;
}
interface SavedStream {
  readonly watch: TemplateWatchSnapshot;
  readonly seen: readonly (readonly [string, Seen])[];
}
interface Group extends Unit {
  readonly miner: LogMiner;
}

export interface LogsOptions {
  readonly learnMs: () => number;
  /** An error-like record with a stack: the error groups take it from here. */
  readonly onError: (target: TargetKey, at: TimeMs, error: ErrorFacts) => void;
}

export function newLogs(options: LogsOptions, saver: Saver, saved: ReadonlyMap<string, Learned>): Logs {
  const groups = new Map<string, Group>();
  const streams = new Map<TargetKey, Stream>();
  let groupOf = new Map<TargetKey, string>();
  let share = templatesMax;
  const counters = { lines: 0, records: 0 };

  function minerOf(target: TargetKey): LogMiner {
    const name = groupOf.get(target) ?? target;
    let group = groups.get(name);
    if (group === undefined) {
      const id = `templates ${name}`;
      const limits = { templatesMax: share };
      const miner = restored(
        saved.get(id)?.state,
        (state: MinerSnapshot) => LogMiner.restore(state, limits),
        () => new LogMiner(limits),
      );
      group = { id, miner, state: () => miner.snapshot() };
      groups.set(name, group);
    }
    saver.changed(group);
    return group.miner;
  }

  function streamOf(target: TargetKey): Stream {
    const known = streams.get(target);
    if (known !== undefined) return known;
    const id = `lines ${target}`;
    const limits = { learnMs: Math.max(1, options.learnMs()), templatesMax: share };
    const state = saved.get(id)?.state;
    // Templates that the miner merges go on as one: their rates are one rate, and neither is missed.
    const currentId = (template: string): string | undefined => minerFor(target)?.currentId(template);
    const watch = restored(
      state,
      (from: SavedStream) => TemplateWatch.restore(from.watch, limits, currentId),
      () => new TemplateWatch(limits, currentId),
    );
    const seen = restored(
      state,
      (from: SavedStream) => new Map(from.seen.map(([key, each]) => [key, { ...each }])),
      () => new Map<string, Seen>(),
    );
    const stream: Stream = {
      id,
      watch,
      joiners: { out: new LineJoiner(), err: new LineJoiner() },
      seen,
      levels: new Map(),
      state: (): SavedStream => ({ watch: stream.watch.snapshot(), seen: [...stream.seen] }),
    };
    streams.set(target, stream);
    return stream;
  }

  function record(target: TargetKey, stream: Stream, { text, lastAt: at }: LogRecordText): void {
    if (text.trim() === "") return;
    counters.records += 1;
    const read = readLogRecord(text);
    const miner = minerOf(target);
    const id = miner.add(read.message);
    let seen = stream.seen.get(id);
    if (seen === undefined) {
      makeRoom(stream.seen, share);
      seen = {
        level: read.level ?? null,
        isErrorLike: false,
        count: 0,
        firstSeen: at,
        lastSeen: at,
        perMinute: 0,
        minute: Math.floor(at / minuteMs),
        inMinute: 0,
        isNew: false,
        example: text.slice(0, exampleCharactersMax),
      };
      stream.seen.set(id, seen);
      seen.isErrorLike = isErrorLike(read.message, read.level, read.stack);
    } else if ((read.level ?? null) !== seen.level || (read.stack !== undefined && !seen.isErrorLike)) {
      seen.level = read.level ?? seen.level;
      seen.isErrorLike = isErrorLike(read.message, read.level, read.stack);
    }
    seen.count += 1;
    seen.lastSeen = Math.max(seen.lastSeen, at);
    countMinute(seen, at);
    for (const finding of stream.watch.observe(id, at, seen.isErrorLike)) heard(stream, finding, text);
    const news = stream.levels.get(`new-template ${id}`);
    if (news !== undefined) {
      news.events += 1;
      news.example = text.slice(0, exampleCharactersMax);
    }
    if (read.stack !== undefined && seen.isErrorLike) {
      const [name = "Error", ...message] = read.message.split("\n")[0]!.split(": ");
      options.onError(target, at, {
        name: /^[\w$.]{1,100}$/.test(name) ? name : "Error",
        message: (message.length > 0 ? message.join(": ") : read.message).slice(0, 2_000),
        code: null,
        stack: read.stack.slice(0, 16_000),
      });
    }
    saver.changed(stream);
  }

  function heard(stream: Stream, finding: TemplateFinding, example: string): void {
    const key = `${finding.kind} ${finding.id}`;
    if (finding.state === "cleared") {
      stream.levels.delete(key);
      return;
    }
    // A new line that reports no failure is news, not a fault.
    const seen = stream.seen.get(finding.id);
    if (finding.kind === "new-template") {
      if (seen !== undefined) seen.isNew = true;
      if (!finding.isErrorLike) return;
    }
    stream.levels.set(key, {
      finding,
      since: finding.at,
      example: (finding.kind === "new-template" ? example : (seen?.example ?? "")).slice(0, exampleCharactersMax),
      events: finding.kind === "new-template" ? 0 : 1,
    });
    if (stream.levels.size > logFindingsMax) {
      const least = [...stream.levels].sort(([, a], [, b]) => a.finding.confidence - b.finding.confidence)[0];
      if (least !== undefined) stream.levels.delete(least[0]);
    }
  }

  return {
    configure(targets) {
      groupOf = new Map(targets.map((target) => [target.key, target.group]));
      const names = new Set(groupOf.values()).size;
      share = Math.max(100, Math.min(templatesMax, Math.floor(templatesTotalMax / Math.max(1, names))));
    },
    take(target, lines) {
      const stream = streamOf(target);
      counters.lines += lines.length;
      for (const { stream: which, at, text } of lines)
        for (const done of stream.joiners[which].add(text, at)) record(target, stream, done);
    },
    advance(now) {
      for (const [target, stream] of streams) {
        for (const joiner of [stream.joiners.out, stream.joiners.err])
          for (const done of joiner.flush(now)) record(target, stream, done);
        for (const finding of stream.watch.advance(now)) heard(stream, finding, "");
        for (const [key, level] of stream.levels) {
          const seenAt = stream.seen.get(level.finding.id)?.lastSeen ?? level.since;
          const over = level.finding.kind === "new-template" ? now - seenAt > quietMs : now - level.since > toldMsMax;
          if (over) stream.levels.delete(key);
        }
      }
    },
    findings(target, now) {
      const stream = streams.get(target);
      if (stream === undefined) return [];
      const miner = minerFor(target);
      return [...stream.levels.values()].map((level) =>
        findingOf(target, now, level, miner?.template(level.finding.id) ?? level.example),
      );
    },
    taken() {
      for (const stream of streams.values()) for (const level of stream.levels.values()) level.events = 0;
    },
    templates(target, now) {
      const stream = streams.get(target);
      if (stream === undefined) return [];
      const miner = minerFor(target);
      const minute = Math.floor(now / minuteMs);
      return [...stream.seen]
        .map(([id, seen]): LogTemplate => {
          return {
            id: miner?.currentId(id) ?? id,
            template: miner?.template(id) ?? seen.example.split("\n")[0]!,
            level: seen.level,
            isErrorLike: seen.isErrorLike,
            count: seen.count,
            perMinute: minute - seen.minute > 1 ? 0 : Math.max(seen.perMinute, seen.inMinute),
            firstSeen: seen.firstSeen,
            lastSeen: seen.lastSeen,
            isNew: seen.isNew && now - seen.firstSeen < 10 * minuteMs,
            example: seen.example,
          };
        })
        .sort((a, b) => b.count - a.count);
    },
    read(_target, line) {
      const { level, message, stack } = readLogRecord(line);
      // A line that names no level and reports a failure is read as an error, as the detectors do.
      return { level: level ?? (isErrorLike(message, level, stack) ? "error" : null), message };
    },
    templateText: (target, id) => minerFor(target)?.template(id) ?? null,
    forget(target) {
      const stream = streams.get(target);
      if (stream !== undefined) saver.forget(stream.id);
      streams.delete(target);
    },
    get counters() {
      return {
        ...counters,
        templates: [...groups.values()].reduce((sum, { miner }) => sum + miner.templates().length, 0),
      };
    },
  };

  function minerFor(target: TargetKey): LogMiner | undefined {
    return groups.get(groupOf.get(target) ?? target)?.miner;
  }
}

function isErrorLike(message: string, level: LogLevel | undefined, stack: string | undefined): boolean {
  return errorLikeness(message, level, stack !== undefined).score >= 0.5;
}

function countMinute(seen: Seen, at: TimeMs): void {
  const minute = Math.floor(at / minuteMs);
  if (minute !== seen.minute) {
    seen.perMinute = minute === seen.minute + 1 ? seen.inMinute : 0;
    seen.minute = minute;
    seen.inMinute = 0;
  }
  seen.inMinute += 1;
}

/** Seen once goes before seen often, then unseen for longest. */
function makeRoom(seen: Map<string, Seen>, most: number): void {
  if (seen.size < most) return;
  let least: [string, Seen] | null = null;
  for (const entry of seen) {
    if (
      least === null ||
      Number(entry[1].count > 1) - Number(least[1].count > 1) < 0 ||
      (entry[1].count > 1 === least[1].count > 1 && entry[1].lastSeen < least[1].lastSeen)
    )
      least = entry;
  }
  if (least !== null) seen.delete(least[0]);
}

const kinds = {
  "new-template": { kind: "log-error", says: "writes a kind of error never seen before" },
  "rate-rose": { kind: "log-rate", says: "writes this more often than usual" },
  "rate-fell": { kind: "log-rate", says: "writes this less often than usual" },
  disappeared: { kind: "log-gone", says: "no longer writes what came regularly" },
} as const;

function findingOf(target: TargetKey, now: TimeMs, level: Level, template: string): Finding {
  const { finding, example } = level;
  const { kind, says } = kinds[finding.kind];
  const line = template.split("\n")[0]!.slice(0, 200);
  return {
    target,
    kind,
    distinguisher: finding.id,
    severity:
      finding.kind === "new-template" || (finding.kind === "rate-rose" && finding.isErrorLike) ? "medium" : "low",
    class: "fault",
    summary: `${target} ${says}: ${line}`,
    beganAt: level.since,
    detectedAt: now,
    certainty: "inferred",
    down: false,
    ripe: false,
    events: level.events,
    evidence: [
      {
        at: finding.at,
        what: "log",
        summary: `${finding.why} (confidence ${Math.round(finding.confidence * 100)} %)`,
        ...(example === "" ? {} : { text: example }),
        data: { template: finding.id, observed: finding.observed, expected: finding.expected },
      },
    ],
  };
}
