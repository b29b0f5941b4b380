// Joins the lines of one stream into records: a stack trace, a traceback, a panic or an indented block is one record.
// Lines come with their arrival time in milliseconds; a record is complete when a line starts the next one, when the
// stream is quiet for `quietMs`, or at the bounds. One joiner a stream; interleaved writers need one joiner each.

export interface LineJoinerOptions {
  /** A record is complete after this silence. Default 500 ms. */
  readonly quietMs?: number;
  /** Lines of one record; further lines are counted in `dropped` and not kept. Default 500. */
  readonly linesMax?: number;
  /** Characters of one record; further text is cut and counted as dropped. Default 65,536. */
  readonly charactersMax?: number;
}

export interface LogRecordText {
  /** Lines joined by "\n". */
  readonly text: string;
  readonly lines: number;
  /** Arrival of the first and of the last line, ms. */
  readonly firstAt: number;
  readonly lastAt: number;
  /** Lines not kept because of a bound. */
  readonly dropped: number;
}

/**
 * What the open record expects next: "excerpt" an error below a source excerpt, "traceback" frames and then an
 * exception, "raised" perhaps a sentence that announces another traceback, "chained" that traceback.
 */
type Mode = "line" | "excerpt" | "traceback" | "raised" | "chained" | "goroutines";

export interface LineJoinerSnapshot {
  readonly version: 1;
  readonly open?: {
    readonly lines: readonly string[];
    readonly mode: Mode;
    readonly firstAt: number;
    readonly lastAt: number;
    readonly dropped: number;
    readonly blanks: number;
  };
}

interface OpenRecord {
  readonly lines: string[];
  mode: Mode;
  characters: number;
  readonly firstAt: number;
  lastAt: number;
  dropped: number;
  /** Blank lines seen since the last kept line: kept only if the record goes on. */
  blanks: number;
}

export class LineJoiner {
  private readonly quietMs: number;
  private readonly linesMax: number;
  private readonly charactersMax: number;
  private current: OpenRecord | undefined;

  constructor(options: LineJoinerOptions = {}) {
    this.quietMs = options.quietMs ?? 500;
    this.linesMax = options.linesMax ?? 500;
    this.charactersMax = options.charactersMax ?? 65_536;
    for (const [name, value] of Object.entries({
      quietMs: this.quietMs,
      linesMax: this.linesMax,
      charactersMax: this.charactersMax,
    }))
      if (!(value >= 1)) throw new RangeError(`${name} must be 1 or more, not ${String(value)}`);
  }

  /** Takes one line without its line break; answers with the records that it completes (none or one). */
  add(line: string, now: number): LogRecordText[] {
    const text = line.endsWith("\r") ? line.slice(0, -1) : line;
    const open = this.current;
    if (open === undefined) {
      this.begin(text, now);
      return [];
    }
    if (now - open.lastAt <= this.quietMs && this.goesOn(open, text)) {
      this.keep(open, text, now);
      return [];
    }
    const done = complete(open);
    this.begin(text, now);
    return [done];
  }

  /** The open record if the stream has been quiet for long enough. Call it at least every `quietMs`. */
  flush(now: number): LogRecordText[] {
    return this.current !== undefined && now - this.current.lastAt >= this.quietMs ? this.end() : [];
  }

  /** The open record, whatever its age: the stream ended. */
  end(): LogRecordText[] {
    const open = this.current;
    this.current = undefined;
    return open === undefined ? [] : [complete(open)];
  }

  snapshot(): LineJoinerSnapshot {
    if (this.current === undefined) return { version: 1 };
    const { lines, mode, firstAt, lastAt, dropped, blanks } = this.current;
    return { version: 1, open: { lines: [...lines], mode, firstAt, lastAt, dropped, blanks } };
  }

  static restore(snapshot: LineJoinerSnapshot, options: LineJoinerOptions = {}): LineJoiner {
    const joiner = new LineJoiner(options);
    const { open } = snapshot;
    if (open !== undefined) {
      const lines = [...open.lines];
      joiner.current = { ...open, lines, characters: lines.reduce((sum, line) => sum + line.length + 1, 0) };
    }
    return joiner;
  }

  private begin(line: string, now: number): void {
    if (line.trim() === "") {
      this.current = undefined;
      return;
    }
    const open: OpenRecord = {
      lines: [],
      mode: modeAfter(line, "line"),
      characters: 0,
      firstAt: now,
      lastAt: now,
      dropped: 0,
      blanks: 0,
    };
    this.current = open;
    this.keep(open, line, now);
  }

  private goesOn(open: OpenRecord, line: string): boolean {
    if (line.trim() === "") return open.mode !== "line" || open.lines.length > 1;
    if (/^\s/.test(line)) return open.blanks === 0 || open.mode !== "line";
    if (continuation.test(line)) return true;
    switch (open.mode) {
      case "traceback":
        return exceptionLine.test(line);
      case "raised":
        return chainLine.test(line);
      case "chained":
        return startsTraceback.test(line);
      case "goroutines":
        return goroutineLine.test(line);
      case "excerpt":
        return exceptionLine.test(line) || caretLine.test(line);
      case "line":
        return open.blanks === 0 && startsTraceback.test(line);
      default:
        return open.mode satisfies never;
    }
  }

  private keep(open: OpenRecord, line: string, now: number): void {
    open.lastAt = now;
    if (line.trim() === "") {
      open.blanks += 1;
      return;
    }
    open.mode = modeAfter(line, open.mode);
    const blanks = open.blanks > 0 && open.lines.length > 0 ? 1 : 0;
    open.blanks = 0;
    const room = this.charactersMax - open.characters;
    if (open.lines.length + blanks >= this.linesMax || room <= 0) {
      open.dropped += 1;
      return;
    }
    if (blanks > 0) open.lines.push("");
    const kept = line.length > room ? line.slice(0, room) : line;
    if (kept.length < line.length) open.dropped += 1;
    open.lines.push(kept);
    open.characters += kept.length + 1 + blanks;
  }
}

function complete(open: OpenRecord): LogRecordText {
  const { lines, firstAt, lastAt, dropped } = open;
  return { text: lines.join("\n"), lines: lines.length, firstAt, lastAt, dropped };
}

function modeAfter(line: string, mode: Mode): Mode {
  if (startsTraceback.test(line)) return "traceback";
  if (chainLine.test(line)) return "chained";
  if (/^(?:panic: |fatal error: |goroutine \d+ \[)/.test(line)) return "goroutines";
  if (/^(?:file:\/\/)?\/?\S+\.[cm]?[jt]sx?:\d+$/.test(line)) return "excerpt";
  if (mode === "traceback" && !/^\s/.test(line)) return "raised";
  return mode === "excerpt" && exceptionLine.test(line) && !caretLine.test(line) ? "line" : mode;
}

// Forms that continue a record whatever came before.
const continuation =
  /^(?:Caused by:|Suppressed:|Wrapped by:|\.\.\. \d+ (?:more|common frames)|at [\w$<[(.]+|\[cause\]:|[}\])]+[,;]?$|\[errors\]:|Node\.js v\d)/;
const startsTraceback = /^(?:\s*(?:\+ )?(?:Exception Group )?)?Traceback \(most recent call last\)/;
const chainLine = /^(?:During handling of the above exception|The above exception was the direct cause)/;
const exceptionLine = /^(?:Uncaught )?[A-Za-z_$][\w$.]*(?:: |:$|$| \[)/;
const caretLine = /^(?:throw |\^)/;
const goroutineLine = /^(?:goroutine \d+ \[|created by |\[signal |exit status \d|[\w./*()[\]{}·-]+\(.*\)$|\S+\.go:\d+)/;
