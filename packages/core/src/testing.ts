// A Store in memory: the reference that durable stores are compared with, and the simulator's disk. It keeps what a
// process would lose apart (the handle) from what a disk keeps (MemoryDisk), and fails when told to. Plain, not fast.
import type { DrillRun } from "./drill.ts";
import { outsideMemoryMs, silenceMemoryMs, type Alert, type OutsideAlert, type Silence } from "./alerting/index.ts";
import { StoreError } from "./errors.ts";
import type { Incident, Issue, Transition } from "./issue/index.ts";
import { compareText, cursorOf, idOrder, markOf, pageLimit, searchText, searchWords, severityRank } from "./paging.ts";
import type {
  Changes,
  Comment,
  IssueQuery,
  Learned,
  Notification,
  Opened,
  Page,
  Position,
  SeriesPoint,
  Settings,
  Standing,
  Store,
  Tally,
} from "./ports.ts";
import type { Repair } from "./repair/index.ts";
import type { EventSignal, TimeMs } from "./signal/index.ts";
import { tokenMemoryMs, type Token } from "./token.ts";

/**
 * What becomes of a commit. refuse: "unavailable", nothing applied. lose: applied, but "unknown" is thrown. vanish:
 * "unknown" is thrown and nothing was applied. hang: waits for `release`, and everything behind it waits too.
 */
export type CommitFault = "none" | "refuse" | "lose" | "vanish" | "hang";

/** What outlives a process. Give the same disk to another `memoryStore` to restart. */
export interface MemoryDisk {
  readonly issues: Map<string, Issue>;
  readonly incidents: Map<string, Incident>;
  readonly repairs: Map<string, Repair>;
  readonly transitions: Map<string, Transition>;
  readonly signals: Map<string, EventSignal>;
  readonly series: Map<string, SeriesPoint>;
  readonly tallies: Map<string, Tally>;
  readonly standings: Map<string, Standing>;
  readonly notifications: Map<string, Notification>;
  readonly comments: Map<string, Comment>;
  readonly learned: Map<string, Learned>;
  readonly drillRuns: Map<string, DrillRun>;
  readonly alerts: Map<string, Alert>;
  readonly silences: Map<string, Silence>;
  readonly outside: Map<string, OutsideAlert>;
  readonly tokens: Map<string, Token>;
  readonly numbers: Map<string, number>;
  settings: Settings;
  epoch: number;
  sequence: number;
  lastAt: TimeMs;
}

export interface MemoryStore extends Store {
  /** What becomes of the next commits, one fault each, in order; those after them succeed. */
  fail(...faults: readonly CommitFault[]): void;
  /** Lets the hanging commit go on, to this end. Does nothing when none hangs. */
  release(end: Exclude<CommitFault, "hang">): void;
  readonly hanging: boolean;
}

/** Ages in ms after which `prune` deletes; the defaults of every store. */
export interface Retention {
  readonly signalsMs: number;
  readonly seriesMs: number;
  readonly talliesMs: number;
}

const dayMs = 24 * 3_600_000;
export const retentionDefault: Retention = { signalsMs: 7 * dayMs, seriesMs: 30 * dayMs, talliesMs: 400 * dayMs };
const liveIssuesMax = 10_000;
const noSettings: Settings = { paused: null, pausedTargets: {}, maintenance: [], storm: null };

export function memoryDisk(): MemoryDisk {
  return {
    issues: new Map(),
    incidents: new Map(),
    repairs: new Map(),
    transitions: new Map(),
    signals: new Map(),
    series: new Map(),
    tallies: new Map(),
    standings: new Map(),
    notifications: new Map(),
    comments: new Map(),
    learned: new Map(),
    drillRuns: new Map(),
    alerts: new Map(),
    silences: new Map(),
    outside: new Map(),
    tokens: new Map(),
    numbers: new Map(),
    settings: noSettings,
    epoch: 0,
    sequence: 0,
    lastAt: 0,
  };
}

/** Committed records are frozen, so whoever changes one in place is found out. */
export function memoryStore(disk: MemoryDisk = memoryDisk(), retention: Partial<Retention> = {}): MemoryStore {
  const keep = { ...retentionDefault, ...retention };
  const faults: CommitFault[] = [];
  let resume: ((end: Exclude<CommitFault, "hang">) => void) | null = null;
  let last: Promise<void> = Promise.resolve();
  let commits = 0;
  let closed = false;
  const read = (): void => {
    if (closed) throw new StoreError("unavailable", "the store is closed; open it again");
  };

  async function decide(): Promise<Exclude<CommitFault, "hang">> {
    const fault = faults.shift() ?? "none";
    if (fault !== "hang") return fault;
    return new Promise((resolve) => {
      resume = (end) => {
        resume = null;
        resolve(end);
      };
    });
  }

  async function commit(at: Position, changes: Changes): Promise<void> {
    read();
    const fault = await decide();
    if (fault === "refuse") throw new StoreError("unavailable", "the store refuses: told to");
    if (fault !== "vanish") {
      mayCommit(disk, at);
      write(disk, changes);
      disk.sequence = at.sequence;
      disk.lastAt = Math.max(disk.lastAt, changes.at);
    }
    if (fault !== "none") throw new StoreError("unknown", "the acknowledgement was lost: reopen");
    commits += 1;
  }

  return {
    async open(heldEpoch = Number.MAX_SAFE_INTEGER) {
      if (disk.epoch > heldEpoch)
        throw new StoreError("fenced", `another writer has taken over since epoch ${heldEpoch}`);
      closed = false;
      disk.epoch += 1;
      return opened(disk);
    },
    commit(at, changes) {
      const run = last.then(() => commit(at, changes));
      last = run.catch(() => undefined);
      return run;
    },
    issue: async (id) => (read(), disk.issues.get(id) ?? null),
    issueByFingerprint: async (fingerprint) => (
      read(),
      [...disk.issues.values()]
        .filter((issue) => issue.fingerprint === fingerprint)
        .sort((a, b) => b.lastSeen - a.lastSeen || compareText(idOrder(b.id), idOrder(a.id)))[0] ?? null
    ),
    incident: async (id) => (read(), disk.incidents.get(id) ?? null),
    repair: async (id) => (read(), disk.repairs.get(id) ?? null),
    issues: async (query) => (read(), issuePage(disk, query)),
    countIssues: async (query, most) => (read(), Math.min(most, issueRows(disk, query).length)),
    incidents: async (query) => (
      read(),
      newestFirst(
        "incidents",
        [...disk.incidents.values()].filter(
          (row) =>
            same(row.issue, query.issue) &&
            same(row.target, query.target) &&
            among(row.state, query.state) &&
            within(row.detectedAt, query),
        ),
        (row) => row.detectedAt,
        query,
      )
    ),
    repairs: async (query) => (
      read(),
      newestFirst(
        "repairs",
        [...disk.repairs.values()].filter(
          (row) =>
            same(row.issue, query.issue) &&
            same(row.incident, query.incident) &&
            same(row.target, query.target) &&
            same(row.remedy.name, query.remedy) &&
            among(row.state.name, query.state) &&
            within(row.createdAt, query),
        ),
        (row) => row.createdAt,
        query,
      )
    ),
    transitions: async (query) => (
      read(),
      newestFirst(
        "transitions",
        [...disk.transitions.values()].filter(
          (row) =>
            same(row.issue, query.issue) &&
            same(row.incident, query.incident) &&
            same(row.target, query.target) &&
            within(row.at, query),
        ),
        (row) => row.at,
        query,
      )
    ),
    signals: async (query) => (
      read(),
      newestFirst(
        "signals",
        [...disk.signals.values()].filter(
          (row) => same(row.target, query.target) && same(row.type, query.type) && within(row.at, query),
        ),
        (row) => row.at,
        query,
      )
    ),
    series: async (query) => (
      read(),
      [...disk.series.values()]
        .filter((row) => row.target === query.target && same(row.metric, query.metric) && within(row.at, query))
        .sort((a, b) => a.at - b.at || compareText(a.metric, b.metric))
    ),
    tallies: async (query) => (
      read(),
      [...disk.tallies.values()]
        .filter((row) => same(row.target, query.target) && within(row.hour, query))
        .sort((a, b) => a.hour - b.hour || compareText(a.target, b.target))
    ),
    comments: async (issue) => (
      read(),
      [...disk.comments.values()]
        .filter((row) => row.issue === issue)
        .sort((a, b) => a.at - b.at || compareText(idOrder(a.id), idOrder(b.id)))
    ),
    learned: async () => (read(), [...disk.learned.values()].sort((a, b) => compareText(a.id, b.id))),
    drillRun: async (id) => (read(), disk.drillRuns.get(id) ?? null),
    drillRuns: async (query) => (
      read(),
      newestFirst(
        "drillRuns",
        [...disk.drillRuns.values()].filter((row) => same(row.drill, query.drill) && within(row.startedAt, query)),
        (row) => row.startedAt,
        query,
      )
    ),
    notifications: async (query) => (
      read(),
      pageItems(
        newestFirst(
          "notifications",
          [...disk.notifications.values()]
            .filter(
              (row) => row.receiver !== undefined && same(row.issue, query.issue) && same(row.receiver, query.receiver),
            )
            .map((row) => ({ id: row.key, row })),
          ({ row }) => row.at,
          query,
        ),
        ({ row }) => row,
      )
    ),
    async prune(now) {
      read();
      const deleted =
        drop(disk.signals, (row) => row.at < now - keep.signalsMs) +
        drop(disk.series, (row) => row.at < now - keep.seriesMs) +
        drop(disk.tallies, (row) => row.hour < now - keep.talliesMs) +
        drop(disk.learned, (row) => row.at < now - keep.seriesMs) +
        drop(disk.drillRuns, (row) => row.startedAt < now - keep.talliesMs) +
        drop(disk.notifications, (row) => row.deliveredAt !== null && row.deliveredAt < now - keep.signalsMs) +
        drop(disk.alerts, (row) => row.resolvedAt !== null && row.resolvedAt < now - keep.signalsMs) +
        drop(disk.silences, (row) => row.endsAt < now - keep.signalsMs) +
        drop(disk.outside, (row) => row.overAt !== null && row.overAt < now - keep.signalsMs) +
        drop(disk.tokens, (row) => row.endsAt !== null && row.endsAt < now - keep.signalsMs);
      return { deleted, bytes: 0 };
    },
    async stats() {
      read();
      const tables = Object.entries(disk).filter(
        (entry): entry is [string, Map<string, unknown>] => entry[1] instanceof Map,
      );
      const times = [...disk.signals.values()].map((signal) => signal.at);
      return {
        bytes: 0,
        rows: Object.fromEntries(tables.map(([name, rows]) => [name, rows.size])),
        commits,
        oldestSignalAt: times.length === 0 ? null : times.reduce((a, b) => Math.min(a, b)),
      };
    },
    async close() {
      await last;
      closed = true;
    },
    fail: (...next) => void faults.push(...next),
    release: (end) => resume?.(end),
    get hanging() {
      return resume !== null;
    },
  };
}

function mayCommit(disk: MemoryDisk, at: Position): void {
  if (at.epoch < disk.epoch) throw new StoreError("fenced", `epoch ${at.epoch} is over: another writer took over`);
  if (at.epoch !== disk.epoch || at.sequence !== disk.sequence + 1)
    throw new StoreError(
      "out-of-order",
      `expected ${disk.epoch}/${disk.sequence + 1}, got ${at.epoch}/${at.sequence}: reopen`,
    );
}

function write(disk: MemoryDisk, changes: Changes): void {
  const replace = <T>(into: Map<string, T>, rows: readonly T[] | undefined, key: (row: T) => string): void => {
    for (const row of rows ?? []) into.set(key(row), frozen(row));
  };
  const append = <T>(into: Map<string, T>, rows: readonly T[] | undefined, key: (row: T) => string): void => {
    for (const row of rows ?? []) if (!into.has(key(row))) into.set(key(row), frozen(row));
  };
  replace(disk.issues, changes.issues, (row) => row.id);
  replace(disk.incidents, changes.incidents, (row) => row.id);
  replace(disk.repairs, changes.repairs, (row) => row.id);
  append(disk.transitions, changes.transitions, (row) => row.id);
  append(disk.signals, changes.signals, (row) => row.id);
  append(disk.comments, changes.comments, (row) => row.id);
  replace(disk.series, changes.series, (row) => JSON.stringify([row.target, row.metric, row.at]));
  replace(disk.tallies, changes.tallies, (row) => JSON.stringify([row.target, row.hour]));
  replace(disk.learned, changes.learned, (row) => row.id);
  replace(disk.drillRuns, changes.drillRuns, (row) => row.id);
  replace(disk.standings, changes.standings, (row) => row.remedy);
  replace(disk.notifications, changes.notifications, (row) => row.key);
  replace(disk.alerts, changes.alerts, (row) => row.key);
  replace(disk.silences, changes.silences, (row) => row.id);
  replace(disk.outside, changes.outside, (row) => row.key);
  replace(disk.tokens, changes.tokens, (row) => row.id);
  for (const [prefix, number] of Object.entries(changes.numbers ?? {})) disk.numbers.set(prefix, number);
  if (changes.settings !== undefined) disk.settings = frozen(changes.settings);
}

function opened(disk: MemoryDisk): Opened {
  return {
    epoch: disk.epoch,
    sequence: disk.sequence,
    issues: [...disk.issues.values()]
      .filter((issue) => issue.status !== "fixed" && issue.status !== "ignored")
      .sort((a, b) => b.lastSeen - a.lastSeen || compareText(idOrder(b.id), idOrder(a.id)))
      .slice(0, liveIssuesMax),
    incidents: byId([...disk.incidents.values()].filter((incident) => incident.state !== "ended")),
    repairs: byId(
      [...disk.repairs.values()].filter(({ state }) => state.name !== "ended" || state.at >= disk.lastAt - dayMs),
    ),
    settings: disk.settings,
    numbers: Object.fromEntries(disk.numbers),
    standings: [...disk.standings.values()].sort((a, b) => compareText(a.remedy, b.remedy)),
    outbox: [...disk.notifications.values()]
      .filter((notification) => notification.deliveredAt === null)
      .sort((a, b) => a.dueAt - b.dueAt || compareText(a.key, b.key)),
    alerts: [...disk.alerts.values()]
      .filter((alert) => alert.resolvedAt === null)
      .sort((a, b) => a.at - b.at || compareText(idOrder(a.key), idOrder(b.key))),
    silences: byId([...disk.silences.values()].filter((silence) => silence.endsAt >= disk.lastAt - silenceMemoryMs)),
    outside: [...disk.outside.values()]
      .filter((alert) => alert.overAt === null || alert.overAt >= disk.lastAt - outsideMemoryMs)
      .sort((a, b) => compareText(a.key, b.key)),
    tokens: byId(
      [...disk.tokens.values()].filter(({ endsAt }) => endsAt === null || endsAt >= disk.lastAt - tokenMemoryMs),
    ),
    lastAt: disk.lastAt,
  };
}

function issueRows(disk: MemoryDisk, query: IssueQuery): Issue[] {
  const words = searchWords(query.text);
  return [...disk.issues.values()].filter(
    (issue) =>
      among(issue.status, query.status) &&
      among(issue.severity, query.severity) &&
      among(issue.selfHealing, query.selfHealing) &&
      same(issue.target, query.target) &&
      same(issue.kind, query.kind) &&
      same(issue.needsPerson !== null, query.needsPerson) &&
      same(issue.regressed, query.regressed) &&
      same(issue.assignee, query.assignee) &&
      same(issue.assignee !== null, query.assigned) &&
      words.every((word) => searchText(issue).includes(word)),
  );
}

function issuePage(disk: MemoryDisk, query: IssueQuery): Page<Issue> {
  const rows = issueRows(disk, query);
  const sort = query.sort ?? "lastSeen";
  const value = (issue: Issue): number | string =>
    sort === "severity" ? severityRank(issue.severity) : sort === "id" ? idOrder(issue.id) : issue[sort];
  return page(`issues ${sort} ${query.descending ?? true}`, rows, value, query.descending ?? true, query);
}

interface PageQuery {
  readonly limit?: number;
  readonly after?: string | null;
}

function newestFirst<T extends { readonly id: string }>(
  list: string,
  rows: readonly T[],
  value: (row: T) => number,
  query: PageQuery,
): Page<T> {
  return page(list, rows, value, true, query);
}

function page<T extends { readonly id: string }>(
  list: string,
  rows: readonly T[],
  value: (row: T) => number | string,
  descending: boolean,
  query: PageQuery,
): Page<T> {
  const limit = pageLimit(query.limit);
  const mark = markOf(list, query.after);
  const compare = (
    a: { value: number | string; order: string },
    b: { value: number | string; order: string },
  ): number => (descending ? -1 : 1) * (compareValue(a.value, b.value) || compareText(a.order, b.order));
  const sorted = rows
    .map((row) => ({ row, value: value(row), order: idOrder(row.id) }))
    .filter((entry) => mark === null || compare(entry, mark) > 0)
    .sort(compare);
  const last = sorted.length > limit ? sorted[limit - 1] : undefined;
  return {
    items: sorted.slice(0, limit).map((entry) => entry.row),
    next: last === undefined ? null : cursorOf(list, { value: last.value, order: last.order }),
  };
}

function pageItems<A, B>(of: Page<A>, item: (each: A) => B): Page<B> {
  return { items: of.items.map(item), next: of.next };
}

function compareValue(a: number | string, b: number | string): number {
  return typeof a === "number" && typeof b === "number" ? a - b : compareText(String(a), String(b));
}

function byId<T extends { readonly id: string }>(rows: readonly T[]): T[] {
  return [...rows].sort((a, b) => compareText(idOrder(a.id), idOrder(b.id)));
}

function same<T>(value: T, wanted: T | undefined): boolean {
  return wanted === undefined || value === wanted;
}

function among<T>(value: T, wanted: readonly T[] | undefined): boolean {
  return wanted === undefined || wanted.includes(value);
}

function within(at: TimeMs, range: { readonly from?: TimeMs; readonly to?: TimeMs }): boolean {
  return at >= (range.from ?? -Infinity) && at < (range.to ?? Infinity);
}

function drop<T>(rows: Map<string, T>, old: (row: T) => boolean): number {
  let deleted = 0;
  for (const [key, row] of rows) if (old(row)) deleted += Number(rows.delete(key));
  return deleted;
}

function frozen<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const part of Object.values(value)) frozen(part);
  return value;
}
