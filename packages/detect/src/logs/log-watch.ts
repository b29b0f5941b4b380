// One stream of lines in, records with their templates and findings about templates out: the line joiner, the reader of
// records, the template miner, the failure words and the template watch as one thing with no configuration. Who wants
// them apart (one miner for all instances of a service, say) puts them together differently.
import { errorLikeness, type ErrorLikeness } from "./error-like.ts";
import { LineJoiner, type LineJoinerOptions, type LineJoinerSnapshot, type LogRecordText } from "./joiner.ts";
import { LogMiner, type LogMinerOptions } from "./miner.ts";
import type { MinerSnapshot } from "./miner-snapshot.ts";
import type { Parameter } from "./parameters.ts";
import { readLogRecord, type LogRecord } from "./structured.ts";
import { TemplateWatch, type TemplateFinding, type TemplateWatchOptions, type TemplateWatchSnapshot } from "./watch.ts";

/** Options of the parts, each with its defaults; `templatesMax` (default 2000) bounds miner and watch. */
export interface LogWatchOptions
  extends LineJoinerOptions, Pick<LogMinerOptions, "templatesMax">, Omit<TemplateWatchOptions, "templatesMax"> {}

export interface WatchedRecord {
  /** Arrival of its first line, ms. */
  readonly at: number;
  readonly record: LogRecord;
  /** Id of its template, for ever. */
  readonly template: string;
  /** The record founded the template. */
  readonly isNew: boolean;
  readonly parameters: readonly Parameter[];
  /** From 0.5 on it reports a failure. */
  readonly errorLikeness: ErrorLikeness;
}

export interface WatchedFinding extends TemplateFinding {
  /** The template as text, each variable part as <*>. */
  readonly template: string;
}

export interface LogWatchResult {
  /** Records that are complete now. A line is part of one when the next line, or silence, has ended it. */
  readonly records: readonly WatchedRecord[];
  readonly findings: readonly WatchedFinding[];
}

export interface LogWatchSnapshot {
  readonly version: 1;
  readonly joiner: LineJoinerSnapshot;
  readonly miner: MinerSnapshot;
  readonly watch: TemplateWatchSnapshot;
}

export interface LogWatch {
  /** One line without its line break, with its arrival in ms. Time never goes back: an older `now` counts as the latest. */
  line(text: string, now: number): LogWatchResult;
  /** Lets time pass: call it about once a second, so that the last record ends and silence is noticed. */
  tick(now: number): LogWatchResult;
  /** The text of a template; undefined when it is not known (any more). */
  template(id: string): string | undefined;
  snapshot(): LogWatchSnapshot;
}

/** A watch over one stream of lines, or one that goes on from a snapshot. */
export function logWatch(options: LogWatchOptions = {}, from?: LogWatchSnapshot): LogWatch {
  if (from !== undefined && from.version !== 1)
    throw new RangeError(`snapshot.version must be 1, not ${String(from.version)}: start a new watch instead`);
  const { quietMs, linesMax, charactersMax, templatesMax = 2000, ...rates } = options;
  const joining = given({ quietMs, linesMax, charactersMax });
  const watching = { ...rates, templatesMax };
  const joiner = from === undefined ? new LineJoiner(joining) : LineJoiner.restore(from.joiner, joining);
  const miner = from === undefined ? new LogMiner({ templatesMax }) : LogMiner.restore(from.miner, { templatesMax });
  const currentId = (id: string): string | undefined => miner.currentId(id);
  const watch =
    from === undefined
      ? new TemplateWatch(watching, currentId)
      : TemplateWatch.restore(from.watch, watching, currentId);
  function take(texts: readonly LogRecordText[], found: TemplateFinding[]): WatchedRecord[] {
    return texts.map(({ text, firstAt, lastAt }) => {
      const record = readLogRecord(text);
      const { id, isNew, parameters } = miner.mine(record.message);
      // Of the message and not of its template: the word that tells a failure may be what varies ("order failed").
      const likeness = errorLikeness(record.message, record.level, record.stack !== undefined);
      found.push(...watch.observe(id, lastAt, likeness.score >= 0.5));
      return { at: firstAt, record, template: id, isNew, parameters, errorLikeness: likeness };
    });
  }

  const named = (finding: TemplateFinding): WatchedFinding => ({
    ...finding,
    template: miner.template(finding.id) ?? "",
  });

  return {
    line(text, now) {
      const found: TemplateFinding[] = [];
      const records = take(joiner.add(text, now), found);
      return { records, findings: found.map(named) };
    },
    tick(now) {
      const found: TemplateFinding[] = [];
      const records = take(joiner.flush(now), found);
      found.push(...watch.advance(now));
      return { records, findings: found.map(named) };
    },
    template: (id) => miner.template(id),
    snapshot: () => ({ version: 1, joiner: joiner.snapshot(), miner: miner.snapshot(), watch: watch.snapshot() }),
  };
}

/** Without the options that were not given: the parts' own defaults hold. */
function given(options: Readonly<Record<string, number | undefined>>): Record<string, number> {
  return Object.fromEntries(
    Object.entries(options).filter((entry): entry is [string, number] => entry[1] !== undefined),
  );
}
