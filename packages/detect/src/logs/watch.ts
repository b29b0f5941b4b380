// Watches how often each template occurs: new, more or less often than usual, gone. Streaming and causal; what is
// normal is learned per template from counts in buckets of time, with the variance that was seen, not Poisson's.
// Rates: Anscombe's square-root transform, scaled by the index of dispersion. Absence: the longest gap seen so far.
// Novelty: a new template says little where new ones come all the time (Good-Turing share of once-seen templates).

export interface TemplateWatchOptions {
  /** Length of a bucket of time in ms. Default 60,000. */
  readonly bucketMs?: number;
  /** A stream is learned for so long before anything is reported. Default 600,000 ms. */
  readonly learnMs?: number;
  /** A template's rate is judged after so many buckets. Default 10. */
  readonly bucketsMin?: number;
  /** Deviations from the usual rate that make a finding; 6 is about one false finding in a template-year of minutes. */
  readonly deviationsMin?: number;
  /** Lines in a bucket, above or below expectation, that are worth a finding. Default 10. */
  readonly linesMin?: number;
  /** Buckets over which the usual rate is forgotten by half. Default 120. */
  readonly halfLifeBuckets?: number;
  /** Templates watched; at the bound the one unseen for longest is forgotten. Default 2000. */
  readonly templatesMax?: number;
}

export type TemplateFindingKind = "new-template" | "rate-rose" | "rate-fell" | "disappeared";

export interface TemplateFinding {
  readonly kind: TemplateFindingKind;
  readonly state: "firing" | "cleared";
  readonly id: string;
  /** ms */
  readonly at: number;
  /** Lines a bucket, or for "disappeared" ms of silence, for "new-template" 1. */
  readonly observed: number;
  /** Usual lines a bucket, or for "disappeared" the longest gap before in ms, for "new-template" 0. */
  readonly expected: number;
  /** 0 to 1. */
  readonly confidence: number;
  readonly isErrorLike: boolean;
  readonly why: string;
}

interface Watched {
  readonly id: string;
  readonly firstAt: number;
  lastAt: number;
  seen: number;
  gapMax: number;
  /** Lines in the open bucket. */
  open: number;
  mean: number;
  variance: number;
  buckets: number;
  alarm: "" | "rate-rose" | "rate-fell" | "disappeared";
  calm: number;
  isErrorLike: boolean;
}

export interface TemplateWatchSnapshot {
  readonly version: 1;
  readonly startedAt: number;
  readonly bucketAt: number;
  readonly lastAt: number;
  readonly lines: number;
  readonly forgotten: number;
  readonly templates: readonly Readonly<Watched>[];
}

/** A template seen so often has a gap that means something. */
const sightingsMin = 8;
/** Silence beyond the longest gap, as a factor. */
const gapFactor = 3;
/** Share of never-seen templates up to which a new one is a finding by itself. */
const unseenShareMax = 0.02;
/** Buckets back in the usual range that clear a finding. */
const calmBuckets = 3;
/** Buckets closed at once after a pause; older ones are skipped, they hold no lines. */
const catchUpMax = 240;

/** The id under which a template is known now; undefined when it is not known any more. */
export type CurrentId = (id: string) => string | undefined;

export class TemplateWatch {
  private readonly options: Required<TemplateWatchOptions>;
  private readonly templates = new Map<string, Watched>();
  private startedAt = -1;
  private bucketAt = 0;
  private lastAt = 0;
  private lines = 0;
  private forgotten = 0;
  private readonly currentId: CurrentId;

  /**
   * `currentId` is the miner's: templates that it merged go on as one. Without it, what was merged is reported as
   * disappeared and its older twin as risen, unless the caller calls `merge`.
   */
  constructor(options: TemplateWatchOptions = {}, currentId: CurrentId = (id) => id) {
    this.currentId = currentId;
    this.options = {
      bucketMs: 60_000,
      learnMs: 600_000,
      bucketsMin: 10,
      deviationsMin: 6,
      linesMin: 10,
      halfLifeBuckets: 120,
      templatesMax: 2000,
      ...options,
    };
    for (const [name, value] of Object.entries(this.options))
      if (!Number.isFinite(value) || value <= 0)
        throw new RangeError(`${name} must be a positive number, not ${String(value)}`);
  }

  /** One line of template `id` at `now`. Time never goes back: an older `now` counts as the latest one seen. */
  observe(id: string, now: number, isErrorLike = false): TemplateFinding[] {
    const findings = this.advance(now);
    const at = this.lastAt;
    this.lines += 1;
    let watched = this.templates.get(id);
    if (watched === undefined) {
      this.makeRoom();
      watched = {
        id,
        firstAt: at,
        lastAt: at,
        seen: 0,
        gapMax: 0,
        open: 0,
        mean: 0,
        variance: 0,
        buckets: 0,
        alarm: "",
        calm: 0,
        isErrorLike,
      };
      this.templates.set(id, watched);
      const finding = this.newTemplate(watched, at);
      if (finding !== undefined) findings.push(finding);
    }
    if (watched.alarm === "disappeared") {
      watched.alarm = "";
      findings.push(
        this.finding("disappeared", "cleared", watched, at - watched.lastAt, watched.gapMax, 1, "it occurs again"),
      );
    }
    watched.gapMax = Math.max(watched.gapMax, at - watched.lastAt);
    watched.lastAt = at;
    watched.seen += 1;
    watched.open += 1;
    watched.isErrorLike ||= isErrorLike;
    return findings;
  }

  /** Lets time pass: call it at least once a bucket, so that what has gone quiet is noticed. */
  advance(now: number): TemplateFinding[] {
    const { bucketMs } = this.options;
    if (this.startedAt < 0) {
      this.startedAt = now;
      this.bucketAt = now;
      this.lastAt = now;
    }
    const findings: TemplateFinding[] = [];
    if (now <= this.lastAt) return findings;
    this.lastAt = now;
    const due = Math.floor((now - this.bucketAt) / bucketMs);
    if (due > catchUpMax) this.bucketAt += (due - catchUpMax) * bucketMs;
    while (this.bucketAt + bucketMs <= now) {
      this.bucketAt += bucketMs;
      this.closeBucket(findings);
    }
    return findings;
  }

  /** Two templates turned out to be one: `into` goes on with the lines and rates of both. */
  merge(from: string, into: string): void {
    const younger = this.templates.get(from);
    if (younger === undefined || from === into) return;
    this.templates.delete(from);
    const older = this.templates.get(into);
    if (older === undefined) {
      this.templates.set(into, { ...younger, id: into });
      return;
    }
    // Rates of independent streams add up, and so do their variances; the gaps of both together are not longer
    // than the longer of the two.
    older.mean += younger.mean;
    older.variance += younger.variance;
    older.seen += younger.seen;
    older.open += younger.open;
    older.buckets = Math.max(older.buckets, younger.buckets);
    older.gapMax = Math.max(older.gapMax, younger.gapMax);
    older.lastAt = Math.max(older.lastAt, younger.lastAt);
    older.isErrorLike ||= younger.isErrorLike;
  }

  /** What was learned of a template is dropped. */
  forget(id: string): void {
    this.templates.delete(id);
  }

  counters(): { readonly lines: number; readonly watched: number; readonly forgotten: number } {
    return { lines: this.lines, watched: this.templates.size, forgotten: this.forgotten };
  }

  snapshot(): TemplateWatchSnapshot {
    const { startedAt, bucketAt, lastAt, lines, forgotten } = this;
    const templates = Array.from(this.templates.values(), (each) => ({ ...each }));
    return { version: 1, startedAt, bucketAt, lastAt, lines, forgotten, templates };
  }

  static restore(
    snapshot: TemplateWatchSnapshot,
    options: TemplateWatchOptions = {},
    currentId?: CurrentId,
  ): TemplateWatch {
    const watch = new TemplateWatch(options, currentId);
    watch.startedAt = snapshot.startedAt;
    watch.bucketAt = snapshot.bucketAt;
    watch.lastAt = snapshot.lastAt;
    watch.lines = snapshot.lines;
    watch.forgotten = snapshot.forgotten;
    for (const each of snapshot.templates) watch.templates.set(each.id, { ...each });
    return watch;
  }

  private newTemplate(watched: Watched, at: number): TemplateFinding | undefined {
    if (at - this.startedAt < this.options.learnMs) return undefined;
    let once = 0;
    for (const each of this.templates.values()) if (each.seen <= 1) once += 1;
    const unseenShare = once / Math.max(1, this.lines);
    if (unseenShare > unseenShareMax && !watched.isErrorLike) return undefined;
    const confidence = Math.max(0.3, 1 - unseenShare / unseenShareMax);
    const why = `never seen in ${String(this.lines)} lines; ${(unseenShare * 100).toFixed(2)} % of lines are expected to be new`;
    return this.finding("new-template", "firing", watched, 1, 0, confidence, why);
  }

  private closeBucket(findings: TemplateFinding[]): void {
    const { bucketMs, bucketsMin, learnMs } = this.options;
    for (const id of this.templates.keys()) this.merge(id, this.currentId(id) ?? id);
    const end = this.bucketAt;
    const isLearning = end - this.startedAt < learnMs;
    let total = 0;
    for (const each of this.templates.values()) total += each.open;
    for (const each of this.templates.values()) {
      const count = each.open;
      each.open = 0;
      if (each.firstAt > end - bucketMs && each.buckets === 0) {
        // The first bucket is seldom a whole one: it starts the mean and is judged by nobody.
        each.mean = count;
        each.variance = count;
        each.buckets = 1;
        continue;
      }
      if (!isLearning && each.buckets >= bucketsMin) this.judgeRate(each, count, end, findings);
      // A silent stream says nothing about one template.
      if (total > 0) {
        if (!isLearning) this.judgeAbsence(each, end, findings);
        this.learn(each, count);
      }
    }
  }

  private judgeRate(each: Watched, count: number, at: number, findings: TemplateFinding[]): void {
    const { deviationsMin, linesMin } = this.options;
    const dispersion = Math.max(1, each.variance / Math.max(each.mean, 0.05));
    const deviations = (2 * (Math.sqrt(count + 0.375) - Math.sqrt(each.mean + 0.375))) / Math.sqrt(dispersion);
    const strange = Math.abs(deviations) >= deviationsMin && Math.abs(count - each.mean) >= linesMin;
    const kind = deviations > 0 ? "rate-rose" : "rate-fell";
    if (strange) {
      each.calm = 0;
      if (each.alarm === kind || each.alarm === "disappeared") return;
      if (each.alarm !== "")
        findings.push(this.finding(each.alarm, "cleared", each, count, each.mean, 1, "the rate turned", at));
      each.alarm = kind;
      const confidence = Math.min(0.99, 1 - deviationsMin / (2 * Math.abs(deviations)));
      const why = `${String(count)} lines where about ${each.mean.toFixed(1)} are usual, ${Math.abs(deviations).toFixed(1)} deviations`;
      findings.push(this.finding(kind, "firing", each, count, each.mean, confidence, why, at));
      return;
    }
    if (each.alarm === "" || each.alarm === "disappeared") return;
    each.calm += 1;
    if (each.calm < calmBuckets) return;
    findings.push(this.finding(each.alarm, "cleared", each, count, each.mean, 1, "the rate is usual again", at));
    each.alarm = "";
  }

  private judgeAbsence(each: Watched, at: number, findings: TemplateFinding[]): void {
    const silence = at - each.lastAt;
    if (each.alarm === "disappeared" || each.seen < sightingsMin) return;
    const usual = Math.max(each.gapMax, this.options.bucketMs);
    // Seen over a span that is long against its gaps: it comes regularly, not in one burst.
    if (each.lastAt - each.firstAt < usual * gapFactor || silence <= usual * gapFactor) return;
    each.alarm = "disappeared";
    const confidence = Math.min(0.99, 1 - (usual * gapFactor) / (2 * silence));
    const why = `silent for ${String(Math.round(silence / 1000))} s; ${String(each.seen)} earlier occurrences were never more than ${String(Math.round(each.gapMax / 1000))} s apart`;
    findings.push(this.finding("disappeared", "firing", each, silence, each.gapMax, confidence, why, at));
  }

  /** While a finding is open the usual rate is learned eight times slower: a lasting change becomes usual in the end. */
  private learn(each: Watched, count: number): void {
    const weight = 1 - 0.5 ** (1 / this.options.halfLifeBuckets);
    each.buckets += 1;
    const rate = Math.max(weight, 1 / each.buckets) * (each.alarm === "" ? 1 : 0.125);
    const error = count - each.mean;
    // Clipped: one burst must not make the next one look usual.
    const square = Math.min(error * error, 16 * Math.max(each.variance, each.mean, 1));
    each.mean += rate * error;
    each.variance = (1 - rate) * (each.variance + rate * square);
  }

  private makeRoom(): void {
    if (this.templates.size < this.options.templatesMax) return;
    let oldest: Watched | undefined;
    for (const each of this.templates.values()) if (oldest === undefined || isLess(each, oldest)) oldest = each;
    if (oldest === undefined) return;
    this.templates.delete(oldest.id);
    this.forgotten += 1;
  }

  private finding(
    kind: TemplateFindingKind,
    state: "firing" | "cleared",
    watched: Watched,
    observed: number,
    expected: number,
    confidence: number,
    why: string,
    at = this.lastAt,
  ): TemplateFinding {
    return { kind, state, id: watched.id, at, observed, expected, confidence, isErrorLike: watched.isErrorLike, why };
  }
}

/** Less worth keeping: seen once before seen often, then unseen for longer. */
function isLess(one: Watched, other: Watched): boolean {
  if (one.seen > 1 !== other.seen > 1) return other.seen > 1;
  return one.lastAt < other.lastAt;
}
