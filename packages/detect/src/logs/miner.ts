// Mines templates from a stream of log lines: one pass, one configuration for every program, bounded memory.
// A line's id is decided when it arrives and never changes; when two templates turn out to be one, the older id stays.
// Method: values are recognised by form and place (scan.ts), lines are compared as sequences of constants and runs
// (skeleton.ts), and a line that differs from a template in one element only may join it (similar.ts).
import { Scan } from "./scan.ts";
import { parametersOf, type Parameter } from "./parameters.ts";
import { differencesOf, mayVary, siblingsNeeded } from "./similar.ts";
import { keyOf, runMark, Skeleton } from "./skeleton.ts";
import { createElements, elementHash, learn, render, unite, type Template } from "./template.ts";
import { readTemplate, writeTemplate, type MinerSnapshot } from "./miner-snapshot.ts";

export interface LogMinerOptions {
  /** Templates kept. At the bound an eighth goes at once: those seen once first, then those unseen for longest. Default 2000. */
  readonly templatesMax?: number;
  /** Characters of a line that are read; the rest counts as one value. Default 4096. */
  readonly charactersMax?: number;
  /** Words and marks of a line that are read; the rest counts as one value. Default 400. */
  readonly tokensMax?: number;
}

export interface LogMinerCounters {
  /** Lines read. */
  readonly lines: number;
  /** Lines longer than `charactersMax` or `tokensMax`. */
  readonly truncated: number;
  /** Templates dropped at `templatesMax`. */
  readonly evicted: number;
  /** Templates merged into an older one. */
  readonly merged: number;
}

export interface MinedLine {
  readonly id: string;
  /** This line founded the template. */
  readonly isNew: boolean;
  readonly parameters: readonly Parameter[];
}

export interface TemplateView {
  readonly id: string;
  /** Each variable part as <*>. */
  readonly text: string;
  readonly count: number;
}

/** Templates that differ from the line at the same words and nowhere else. */
interface Family {
  readonly places: readonly number[];
  readonly needed: number;
  readonly members: Template[];
}

/** Templates compared with a line that matches none exactly. */
const candidatesMax = 64;
/** Skeletons remembered for one template. */
const keysPerTemplateMax = 64;
/** Ids of merged templates remembered, as a multiple of templatesMax. */
const mergedFactor = 2;

export class LogMiner {
  private readonly templatesMax: number;
  private readonly scan: Scan;
  private readonly skeleton: Skeleton;
  private readonly byKey = new Map<number, Template>();
  private readonly byId = new Map<string, Template>();
  /** Id of a merged template to the id of what it became. */
  private readonly merged = new Map<string, string>();
  /** Templates by number of elements and first or last element, oldest first. */
  private readonly buckets = new Map<number, Template[]>();
  private created = 0;
  private isNew = false;
  private tally = { lines: 0, truncated: 0, evicted: 0, merged: 0 };

  constructor(options: LogMinerOptions = {}) {
    const { templatesMax = 2000, charactersMax = 4096, tokensMax = 400 } = options;
    requireCount("templatesMax", templatesMax, 16, 1_000_000);
    requireCount("charactersMax", charactersMax, 64, 1_000_000);
    requireCount("tokensMax", tokensMax, 16, 10_000);
    this.templatesMax = templatesMax;
    this.scan = new Scan({ charactersMax, tokensMax });
    this.skeleton = new Skeleton(tokensMax);
  }

  /** Reads one line and answers with the id of its template. The line break is not part of the line. */
  add(line: string): string {
    return this.take(line).id;
  }

  /** As `add`, with the line's parameters: what stood at the variable places, typed and, where a key precedes, named. */
  mine(line: string): MinedLine {
    const template = this.take(line);
    return {
      id: template.id,
      isNew: this.isNew,
      parameters: parametersOf(template.elements, this.scan, this.skeleton),
    };
  }

  /** The text of a template, or undefined for an id that was never given or whose template was evicted. */
  template(id: string): string | undefined {
    const template = this.find(id);
    return template === undefined ? undefined : render(template.elements);
  }

  /** The id under which an id is known now: its own, or that of the older template it was merged into. */
  currentId(id: string): string | undefined {
    return this.find(id)?.id;
  }

  /** All templates, oldest first. */
  templates(): TemplateView[] {
    return Array.from(this.byId.values(), ({ id, elements, count }) => ({ id, text: render(elements), count }));
  }

  counters(): LogMinerCounters {
    return { ...this.tally };
  }

  /** Plain JSON that `LogMiner.restore` turns into a miner which goes on with the same ids. */
  snapshot(): MinerSnapshot {
    return {
      version: 1,
      created: this.created,
      counters: { ...this.tally },
      templates: Array.from(this.byId.values(), writeTemplate),
      merged: [...this.merged],
    };
  }

  /** Options may differ from the first miner's; a smaller `templatesMax` takes effect with the next new template. */
  static restore(snapshot: MinerSnapshot, options: LogMinerOptions = {}): LogMiner {
    if (snapshot.version !== 1)
      throw new RangeError(
        `log miner snapshot: version ${String(snapshot.version)} is unknown; this build reads version 1`,
      );
    const miner = new LogMiner(options);
    miner.created = snapshot.created;
    miner.tally = { ...snapshot.counters };
    for (const [from, into] of snapshot.merged) miner.merged.set(from, into);
    for (const written of snapshot.templates) {
      const template = readTemplate(written);
      miner.byId.set(template.id, template);
      for (const key of template.keys) miner.byKey.set(key, template);
      miner.enter(template);
    }
    return miner;
  }

  private take(line: string): Template {
    const { scan, skeleton } = this;
    scan.read(line);
    skeleton.fold(scan);
    this.isNew = false;
    this.tally.lines += 1;
    if (scan.truncated) this.tally.truncated += 1;
    const template = this.byKey.get(skeleton.key) ?? this.findSimilar() ?? this.found();
    learn(template.elements, scan, skeleton);
    template.count += 1;
    template.last = this.tally.lines;
    return template;
  }

  private find(id: string): Template | undefined {
    let current = id;
    for (let hops = 0; hops < 64; hops += 1) {
      const template = this.byId.get(current);
      if (template !== undefined) return template;
      const next = this.merged.get(current);
      if (next === undefined) return undefined;
      current = next;
    }
    return undefined;
  }

  private found(): Template {
    if (this.byId.size >= this.templatesMax) this.evict();
    const { scan, skeleton } = this;
    const key = skeleton.key;
    const template: Template = {
      id: this.freeId(key),
      created: this.created,
      keys: [key],
      elements: createElements(scan, skeleton),
      count: 0,
      last: this.tally.lines,
    };
    this.created += 1;
    this.isNew = true;
    this.byKey.set(key, template);
    this.byId.set(template.id, template);
    this.enter(template);
    return template;
  }

  /** Derived from the founding line, so that the same message gets the same id in another process or after eviction. */
  private freeId(key: number): string {
    let id = key.toString(36).padStart(11, "0");
    while (this.byId.has(id) || this.merged.has(id)) id += "x";
    return id;
  }

  private findSimilar(): Template | undefined {
    const { scan, skeleton } = this;
    const { count } = skeleton;
    if (count < 3) return undefined;
    let best: Template | undefined;
    let place = -1;
    const families = new Map<string, Family>();
    const first = bucketOf(count, elementHash(scan, skeleton, 0), 0);
    const last = bucketOf(count, elementHash(scan, skeleton, count - 1), 1);
    for (const bucket of [this.buckets.get(first), this.buckets.get(last)]) {
      if (bucket === undefined) continue;
      for (let at = bucket.length - 1, seen = 0; at >= 0 && seen < candidatesMax; at -= 1, seen += 1) {
        const candidate = bucket[at]!;
        const places = differencesOf(candidate.elements, scan, skeleton);
        if (places === undefined) continue;
        if (places.length === 0) return this.remember(candidate, skeleton.key);
        if (places.length === 1 && mayVary(candidate.elements, places[0]!, scan, skeleton)) {
          if (best !== undefined && best.created <= candidate.created) continue;
          best = candidate;
          place = places[0]!;
        } else if (best === undefined) {
          const needed = siblingsNeeded(candidate.elements, places, scan, skeleton);
          if (!Number.isFinite(needed)) continue;
          const name = places.join();
          const family = families.get(name) ?? { places, needed, members: [] };
          if (!family.members.includes(candidate)) family.members.push(candidate);
          families.set(name, family);
        }
      }
    }
    if (best !== undefined) return this.open(best, [place]);
    for (const { places, needed, members } of families.values()) {
      if (members.length < needed) continue;
      members.sort((a, b) => a.created - b.created);
      const oldest = this.open(members[0]!, places);
      for (const younger of members.slice(1)) this.absorb(oldest, younger);
      return oldest;
    }
    return undefined;
  }

  /** Lets the places vary and takes the line's skeleton as another of the template's. */
  private open(template: Template, places: readonly number[]): Template {
    this.leave(template);
    for (const place of places) {
      const element = template.elements[place]!;
      element.open = true;
      element.hash = runMark;
    }
    this.remember(template, keyOf(template.elements));
    this.enter(template);
    return this.remember(template, this.skeleton.key);
  }

  private absorb(into: Template, younger: Template): void {
    this.leave(younger);
    this.byId.delete(younger.id);
    for (const key of younger.keys) {
      this.byKey.delete(key);
      this.remember(into, key);
    }
    this.leave(into);
    unite(into.elements, younger.elements);
    this.remember(into, keyOf(into.elements));
    this.enter(into);
    into.count += younger.count;
    this.merged.set(younger.id, into.id);
    if (this.merged.size > this.templatesMax * mergedFactor) this.merged.delete(this.merged.keys().next().value!);
    this.tally.merged += 1;
  }

  private remember(template: Template, key: number): Template {
    if (template.keys.length < keysPerTemplateMax && !this.byKey.has(key)) {
      template.keys.push(key);
      this.byKey.set(key, template);
    }
    return template;
  }

  private evict(): void {
    const order = [...this.byId.values()].toSorted(
      (a, b) => Number(a.count > 1) - Number(b.count > 1) || a.last - b.last || a.created - b.created,
    );
    const surplus = order.length - Math.floor((this.templatesMax * 7) / 8);
    for (const template of order.slice(0, surplus)) {
      this.byId.delete(template.id);
      for (const key of template.keys) this.byKey.delete(key);
      this.tally.evicted += 1;
    }
    this.buckets.clear();
    for (const template of this.byId.values()) this.enter(template);
  }

  private enter(template: Template): void {
    for (const name of bucketsOf(template)) {
      const bucket = this.buckets.get(name);
      if (bucket === undefined) this.buckets.set(name, [template]);
      else {
        let at = bucket.length;
        while (at > 0 && bucket[at - 1]!.created > template.created) at -= 1;
        bucket.splice(at, 0, template);
      }
    }
  }

  private leave(template: Template): void {
    for (const name of bucketsOf(template)) {
      const bucket = this.buckets.get(name);
      if (bucket === undefined) continue;
      const rest = bucket.filter((each) => each !== template);
      if (rest.length === 0) this.buckets.delete(name);
      else this.buckets.set(name, rest);
    }
  }
}

function bucketsOf(template: Template): [number, number] {
  const { elements } = template;
  const size = elements.length;
  if (size === 0) return [0, 0];
  return [bucketOf(size, elements[0]!.hash, 0), bucketOf(size, elements[size - 1]!.hash, 1)];
}

function bucketOf(elements: number, hash: number, side: number): number {
  return Math.imul(hash ^ (elements * 2 + side), 0x9e3779b1);
}

function requireCount(name: string, value: number, min: number, max: number): void {
  if (!Number.isInteger(value) || value < min || value > max)
    throw new RangeError(`${name} must be a whole number from ${min} to ${max}, not ${String(value)}`);
}
