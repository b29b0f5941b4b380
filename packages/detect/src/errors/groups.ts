// Keeps which grouping key belongs to which group, through merges and unmerges, for good. A key that a person took out
// of a group keeps its own group however often it comes back; a key that was merged goes where it was merged to.
// Bounded: keys and groups that no person touched go first, those unseen for longest before others.

export interface ErrorGroupsOptions {
  /** Keys remembered. At the bound the key unseen for longest that no person placed is forgotten. Default 10,000. */
  readonly keysMax?: number;
}

export interface Assignment {
  readonly group: string;
  /** No key of this event was known: a new failure. */
  readonly isNew: boolean;
  readonly why: string;
}

interface Placed {
  group: string;
  /** Placed by a person: merged or unmerged. Never forgotten before the others. */
  isPinned: boolean;
  lastAt: number;
}

export interface ErrorGroupsSnapshot {
  readonly version: 1;
  readonly next: number;
  readonly forgotten: number;
  readonly keys: readonly (readonly [key: string, group: string, isPinned: 0 | 1, lastAt: number])[];
  readonly merged: readonly (readonly [from: string, into: string])[];
}

export class ErrorGroups {
  private readonly keysMax: number;
  private readonly keys = new Map<string, Placed>();
  /** Groups that were merged away, to the group they became. */
  private readonly merged = new Map<string, string>();
  private next = 1;
  private forgotten = 0;

  constructor(options: ErrorGroupsOptions = {}) {
    this.keysMax = options.keysMax ?? 10_000;
    if (!Number.isInteger(this.keysMax) || this.keysMax < 1)
      throw new RangeError(`keysMax must be a whole number of 1 or more, not ${String(this.keysMax)}`);
  }

  /**
   * The group of an event. `earlierKeys` are its keys under earlier algorithms: while a project moves to a new one, an
   * event whose new key is unknown goes to the group of its old key, and the new key stays there.
   */
  assign(key: string, now: number, earlierKeys: readonly string[] = []): Assignment {
    const known = this.keys.get(key);
    if (known !== undefined) {
      known.lastAt = Math.max(known.lastAt, now);
      return { group: known.group, isNew: false, why: known.isPinned ? "placed by a person" : "its key is known" };
    }
    for (const earlier of earlierKeys) {
      const placed = this.keys.get(earlier);
      if (placed === undefined) continue;
      placed.lastAt = Math.max(placed.lastAt, now);
      this.place(key, placed.group, placed.isPinned, now);
      return { group: placed.group, isNew: false, why: `known by its earlier key ${earlier}` };
    }
    const group = this.newGroup();
    this.place(key, group, false, now);
    return { group, isNew: true, why: "its key was never seen" };
  }

  /** All keys of `from` go to `into`, now and later. Answers how many moved; 0 when `from` has none. */
  merge(from: string, into: string): number {
    const source = this.current(from);
    const target = this.current(into);
    if (source === target) return 0;
    const keys = this.keysOf(source);
    if (keys.length === 0) throw new RangeError(`group ${from} is unknown; merge a group that has a key`);
    if (this.keysOf(target).length === 0)
      throw new RangeError(`group ${into} is unknown; merge into a group that has a key`);
    for (const key of [...keys, ...this.keysOf(target)]) {
      const placed = this.keys.get(key)!;
      placed.group = target;
      placed.isPinned = true;
    }
    this.merged.set(source, target);
    if (this.merged.size > this.keysMax) this.merged.delete(this.merged.keys().next().value!);
    return keys.length;
  }

  /** Takes keys out of their group into one of their own, for good. Answers with that group. */
  unmerge(keys: readonly string[]): string {
    if (keys.length === 0) throw new RangeError("unmerge needs a key");
    const unknown = keys.find((key) => !this.keys.has(key));
    if (unknown !== undefined) throw new RangeError(`key ${unknown} is unknown; unmerge keys that a group has`);
    const group = this.newGroup();
    for (const key of keys) {
      const placed = this.keys.get(key)!;
      placed.group = group;
      placed.isPinned = true;
    }
    return group;
  }

  /** The group that a group became by merging; itself if it was not merged. */
  current(group: string): string {
    let current = group;
    for (let hops = 0; hops < 1000; hops += 1) {
      const into = this.merged.get(current);
      if (into === undefined) return current;
      current = into;
    }
    return current;
  }

  keysOf(group: string): string[] {
    return Array.from(this.keys).flatMap(([key, placed]) => (placed.group === group ? [key] : []));
  }

  counters(): { readonly keys: number; readonly forgotten: number } {
    return { keys: this.keys.size, forgotten: this.forgotten };
  }

  snapshot(): ErrorGroupsSnapshot {
    const keys = Array.from(
      this.keys,
      ([key, { group, isPinned, lastAt }]) => [key, group, isPinned ? 1 : 0, lastAt] as const,
    );
    return { version: 1, next: this.next, forgotten: this.forgotten, keys, merged: [...this.merged] };
  }

  static restore(snapshot: ErrorGroupsSnapshot, options: ErrorGroupsOptions = {}): ErrorGroups {
    if (snapshot.version !== 1)
      throw new RangeError(
        `error groups snapshot: version ${String(snapshot.version)} is unknown; this build reads version 1`,
      );
    const groups = new ErrorGroups(options);
    groups.next = snapshot.next;
    groups.forgotten = snapshot.forgotten;
    for (const [key, group, isPinned, lastAt] of snapshot.keys)
      groups.keys.set(key, { group, isPinned: isPinned === 1, lastAt });
    for (const [from, into] of snapshot.merged) groups.merged.set(from, into);
    return groups;
  }

  private newGroup(): string {
    const group = `g${String(this.next)}`;
    this.next += 1;
    return group;
  }

  private place(key: string, group: string, isPinned: boolean, now: number): void {
    if (this.keys.size >= this.keysMax) this.forget();
    this.keys.set(key, { group, isPinned, lastAt: now });
  }

  /** An eighth of the keys at once, so that a flood of new keys costs little each. */
  private forget(): void {
    const order = [...this.keys].toSorted(
      ([, a], [, b]) => Number(a.isPinned) - Number(b.isPinned) || a.lastAt - b.lastAt,
    );
    const surplus = Math.max(1, order.length - Math.floor((this.keysMax * 7) / 8));
    for (const [key] of order.slice(0, surplus)) {
      this.keys.delete(key);
      this.forgotten += 1;
    }
  }
}
