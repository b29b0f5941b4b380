// The engine's memory: what the store returned at open, brought forward by each commit. Decisions read it through a Draft,
// which collects their changes; only a committed draft reaches the world, so memory never runs ahead of the disk.
import type { DrillRun } from "./drill.ts";
import { silenceMemoryMs, type Alert, type Silence } from "./alerting/alert.ts";
import { outsideMemoryMs, type OutsideAlert } from "./alerting/outside.ts";
import type { Incident, IncidentId, Issue, IssueId, RepairId, Transition } from "./issue/index.ts";
import type {
  Changes,
  Comment,
  Learned,
  Notification,
  Opened,
  SeriesPoint,
  Settings,
  Standing,
  Tally,
} from "./ports.ts";
import type { Repair } from "./repair/index.ts";
import type { EventSignal, TargetKey, TargetSpec, TimeMs } from "./signal/index.ts";
import { tokenMemoryMs, type Token } from "./token.ts";

/** Issues kept in memory; above it the longest untouched fixed or ignored one is let go (it stays in the store). */
export const issuesInMemoryMax = 10_000;
/** How long an ended repair is remembered for budgets and recurrence. */
export const repairMemoryMs = 24 * 3_600_000;

export interface World {
  readonly targets: Map<TargetKey, TargetSpec>;
  readonly issues: Map<IssueId, Issue>;
  readonly byFingerprint: Map<string, IssueId>;
  /** Open and handed-over incidents. */
  readonly incidents: Map<IncidentId, Incident>;
  /** Live repairs, and ended ones of the last day. */
  readonly repairs: Map<RepairId, Repair>;
  readonly standings: Map<string, Standing>;
  readonly outbox: Map<string, Notification>;
  /** Those that hold. */
  readonly alerts: Map<string, Alert>;
  readonly silences: Map<string, Silence>;
  readonly outside: Map<string, OutsideAlert>;
  readonly outsideByTarget: Map<TargetKey, Map<string, OutsideAlert>>;
  readonly tokens: Map<string, Token>;
  settings: Settings;
  numbers: Record<string, number>;
}

export function worldFrom(opened: Opened, targets: readonly TargetSpec[]): World {
  const world: World = {
    targets: new Map(targets.map((target) => [target.key, target])),
    issues: new Map(),
    byFingerprint: new Map(),
    incidents: new Map(opened.incidents.map((incident) => [incident.id, incident])),
    repairs: new Map(opened.repairs.map((repair) => [repair.id, repair])),
    standings: new Map(opened.standings.map((standing) => [standing.remedy, standing])),
    outbox: new Map(opened.outbox.map((notification) => [notification.key, notification])),
    alerts: new Map(opened.alerts.map((alert) => [alert.key, alert])),
    silences: new Map(opened.silences.map((silence) => [silence.id, silence])),
    outside: new Map(),
    outsideByTarget: new Map(),
    tokens: new Map(opened.tokens.map((token) => [token.id, token])),
    settings: opened.settings,
    numbers: { ...opened.numbers },
  };
  for (const issue of opened.issues) remember(world, issue);
  for (const alert of opened.outside) rememberOutside(world, alert);
  return world;
}

/** Brings a world forward by changes that are durable now. */
export function apply(world: World, changes: Changes): void {
  for (const issue of changes.issues ?? []) remember(world, issue);
  for (const incident of changes.incidents ?? []) {
    if (incident.state === "ended") world.incidents.delete(incident.id);
    else world.incidents.set(incident.id, incident);
  }
  for (const repair of changes.repairs ?? []) world.repairs.set(repair.id, repair);
  for (const standing of changes.standings ?? []) world.standings.set(standing.remedy, standing);
  for (const notification of changes.notifications ?? []) {
    if (notification.deliveredAt === null) world.outbox.set(notification.key, notification);
    else world.outbox.delete(notification.key);
  }
  for (const alert of changes.alerts ?? []) {
    if (alert.resolvedAt === null) world.alerts.set(alert.key, alert);
    else world.alerts.delete(alert.key);
  }
  for (const silence of changes.silences ?? []) world.silences.set(silence.id, silence);
  for (const alert of changes.outside ?? []) rememberOutside(world, alert);
  for (const token of changes.tokens ?? []) world.tokens.set(token.id, token);
  if (changes.settings !== undefined) world.settings = changes.settings;
  if (changes.numbers !== undefined) world.numbers = { ...world.numbers, ...changes.numbers };
  forget(world, changes.at);
}

/** Takes an issue looked up in the store into memory. */
export function remember(world: World, issue: Issue): void {
  world.issues.delete(issue.id);
  world.issues.set(issue.id, issue);
  world.byFingerprint.set(issue.fingerprint, issue.id);
}

function rememberOutside(world: World, alert: OutsideAlert): void {
  forgetOutside(world, world.outside.get(alert.key));
  world.outside.set(alert.key, alert);
  const ofTarget = world.outsideByTarget.get(alert.target) ?? new Map<string, OutsideAlert>();
  world.outsideByTarget.set(alert.target, ofTarget.set(alert.key, alert));
}

function forgetOutside(world: World, alert: OutsideAlert | undefined): void {
  if (alert === undefined) return;
  world.outside.delete(alert.key);
  const ofTarget = world.outsideByTarget.get(alert.target);
  ofTarget?.delete(alert.key);
  if (ofTarget?.size === 0) world.outsideByTarget.delete(alert.target);
}

function forget(world: World, now: TimeMs): void {
  for (const silence of world.silences.values())
    if (silence.endsAt < now - silenceMemoryMs) world.silences.delete(silence.id);
  for (const token of world.tokens.values())
    if (token.endsAt !== null && token.endsAt < now - tokenMemoryMs) world.tokens.delete(token.id);
  for (const alert of world.outside.values())
    if (alert.overAt !== null && alert.overAt < now - outsideMemoryMs) forgetOutside(world, alert);
  for (const repair of world.repairs.values()) {
    if (repair.state.name === "ended" && repair.state.at < now - repairMemoryMs) world.repairs.delete(repair.id);
  }
  for (const issue of world.issues.values()) {
    if (world.issues.size <= issuesInMemoryMax) break;
    if (issue.status !== "fixed" && issue.status !== "ignored") continue;
    world.issues.delete(issue.id);
    world.byFingerprint.delete(issue.fingerprint);
  }
}

/** One decision's view of the world and the changes it makes; reads see its own writes. */
export class Draft {
  readonly now: TimeMs;
  readonly #world: World;
  readonly #issues = new Map<IssueId, Issue>();
  readonly #incidents = new Map<IncidentId, Incident>();
  readonly #known = new Map<IncidentId, Incident>();
  readonly #repairs = new Map<RepairId, Repair>();
  readonly #standings = new Map<string, Standing>();
  readonly #notifications = new Map<string, Notification>();
  readonly #alerts = new Map<string, Alert>();
  readonly #silences = new Map<string, Silence>();
  readonly #outside = new Map<string, OutsideAlert>();
  readonly #tokens = new Map<string, Token>();
  readonly #numbers: Record<string, number> = {};
  readonly #transitions: Transition[] = [];
  readonly #comments: Comment[] = [];
  readonly #signals: EventSignal[] = [];
  readonly #tallies: Tally[] = [];
  readonly #series: SeriesPoint[] = [];
  readonly #learned: Learned[] = [];
  readonly #drillRuns: DrillRun[] = [];
  #settings: Settings | null = null;

  constructor(world: World, now: TimeMs) {
    this.#world = world;
    this.now = now;
  }

  get targets(): ReadonlyMap<TargetKey, TargetSpec> {
    return this.#world.targets;
  }
  get settings(): Settings {
    return this.#settings ?? this.#world.settings;
  }
  issue(id: IssueId): Issue | undefined {
    return this.#issues.get(id) ?? this.#world.issues.get(id);
  }
  issueByFingerprint(fingerprint: string): Issue | undefined {
    for (const issue of this.#issues.values()) if (issue.fingerprint === fingerprint) return issue;
    const id = this.#world.byFingerprint.get(fingerprint);
    return id === undefined ? undefined : this.issue(id);
  }
  incident(id: IncidentId): Incident | undefined {
    return this.#incidents.get(id) ?? this.#world.incidents.get(id) ?? this.#known.get(id);
  }
  /** Makes an ended incident, looked up in the store, known to this decision. */
  know(incident: Incident): void {
    this.#known.set(incident.id, incident);
  }
  /** Incidents not ended, oldest first. */
  incidents(): Incident[] {
    return merged(this.#world.incidents, this.#incidents).filter((incident) => incident.state !== "ended");
  }
  incidentsOf(target: TargetKey): Incident[] {
    return this.incidents().filter((incident) => incident.target === target);
  }
  repair(id: RepairId): Repair | undefined {
    return this.#repairs.get(id) ?? this.#world.repairs.get(id);
  }
  /** Live repairs and those of the last day, oldest first. */
  repairs(): Repair[] {
    return merged(this.#world.repairs, this.#repairs);
  }
  liveRepairs(): Repair[] {
    return this.repairs().filter((repair) => repair.state.name !== "ended");
  }
  /** The one live repair of a target (invariant 3: there is at most one). */
  liveRepairOf(target: TargetKey): Repair | undefined {
    for (const known of this.#world.repairs.values()) {
      const repair = this.#repairs.get(known.id) ?? known;
      if (repair.target === target && repair.state.name !== "ended") return repair;
    }
    for (const repair of this.#repairs.values())
      if (repair.target === target && repair.state.name !== "ended") return repair;
    return undefined;
  }
  standing(remedy: string): Standing {
    return {
      remedy,
      verified: 0,
      failed: 0,
      recurred: 0,
      misfired: 0,
      streak: 0,
      shadow: { wouldFix: 0, wouldMisfire: 0 },
      demotedTo: null,
      why: null,
      at: this.now,
      ...(this.#standings.get(remedy) ?? this.#world.standings.get(remedy)),
    };
  }
  get outbox(): readonly Notification[] {
    return merged(this.#world.outbox, this.#notifications).filter((notification) => notification.deliveredAt === null);
  }

  /** What a stage filed for the alert manager, in this decision or before, while it waits for it. */
  filed(key: string): Notification | undefined {
    return this.#notifications.get(key) ?? this.#world.outbox.get(key);
  }
  alert(key: string): Alert | undefined {
    const alert = this.#alerts.get(key) ?? this.#world.alerts.get(key);
    return alert?.resolvedAt === null ? alert : undefined;
  }
  /** Those that hold, oldest first. */
  alerts(): Alert[] {
    return merged(this.#world.alerts, this.#alerts).filter((alert) => alert.resolvedAt === null);
  }
  silences(): Silence[] {
    return merged(this.#world.silences, this.#silences);
  }
  tokens(): Token[] {
    return merged(this.#world.tokens, this.#tokens);
  }
  outside(key: string): OutsideAlert | undefined {
    return this.#outside.get(key) ?? this.#world.outside.get(key);
  }
  outsideAll(): OutsideAlert[] {
    return merged(this.#world.outside, this.#outside);
  }
  /** Those that hold for one target. */
  outsideOf(target: TargetKey): OutsideAlert[] {
    const known = this.#world.outsideByTarget.get(target) ?? new Map<string, OutsideAlert>();
    const over = new Map([...this.#outside].filter(([, alert]) => alert.target === target));
    return merged(known, over).filter((alert) => alert.overAt === null);
  }
  /** How many hold, at most: those that ended and are still remembered are counted too. */
  get outsideLive(): number {
    let more = 0;
    for (const key of this.#outside.keys()) if (!this.#world.outside.has(key)) more += 1;
    return this.#world.outside.size + more;
  }

  /** The next number of a prefix: CRIT, MED, INC, REP, … Numbers are never given twice. */
  nextNumber(prefix: string): number {
    const next = (this.#numbers[prefix] ?? this.#world.numbers[prefix] ?? 0) + 1;
    this.#numbers[prefix] = next;
    return next;
  }
  /** Raises a prefix to at least `to` (imported ids keep their numbers). */
  raiseNumber(prefix: string, to: number): void {
    this.#numbers[prefix] = Math.max(to, this.#numbers[prefix] ?? this.#world.numbers[prefix] ?? 0);
  }

  putIssue(issue: Issue): void {
    this.#issues.set(issue.id, issue);
  }
  putIncident(incident: Incident): void {
    this.#incidents.set(incident.id, incident);
  }
  putRepair(repair: Repair): void {
    this.#repairs.set(repair.id, repair);
  }
  putStanding(standing: Standing): void {
    this.#standings.set(standing.remedy, standing);
  }
  putSettings(settings: Settings): void {
    this.#settings = settings;
  }
  putTally(tally: Tally): void {
    this.#tallies.push(tally);
  }
  putSeries(point: SeriesPoint): void {
    this.#series.push(point);
  }
  putDrillRun(run: DrillRun): void {
    this.#drillRuns.push(run);
  }
  putLearned(learned: Learned): void {
    this.#learned.push(learned);
  }
  putSignal(signal: EventSignal): void {
    this.#signals.push(signal);
  }
  putAlert(alert: Alert): void {
    this.#alerts.set(alert.key, alert);
  }
  putSilence(silence: Silence): void {
    this.#silences.set(silence.id, silence);
  }
  putToken(token: Token): void {
    this.#tokens.set(token.id, token);
  }
  putOutside(alert: OutsideAlert): void {
    this.#outside.set(alert.key, alert);
  }
  notify(notification: Notification): void {
    this.#notifications.set(notification.key, notification);
  }
  comment(comment: Comment): void {
    this.#comments.push(comment);
  }
  transition(transition: Omit<Transition, "id" | "at">): void {
    this.#transitions.push({ id: `T${this.nextNumber("T")}`, at: this.now, ...transition });
  }

  /** What somebody switched for the whole, or for a thing that is neither issue nor repair. */
  noteSystem(by: string, subjectId: string, to: string, why: string): void {
    this.transition({
      subject: "system",
      subjectId,
      issue: null,
      incident: null,
      target: null,
      from: null,
      to,
      by,
      why,
    });
  }

  get empty(): boolean {
    return (
      this.#issues.size +
        this.#incidents.size +
        this.#repairs.size +
        this.#standings.size +
        this.#notifications.size +
        this.#alerts.size +
        this.#silences.size +
        this.#outside.size +
        this.#tokens.size ===
        0 &&
      this.#transitions.length +
        this.#comments.length +
        this.#signals.length +
        this.#tallies.length +
        this.#learned.length +
        this.#drillRuns.length +
        this.#series.length ===
        0 &&
      this.#settings === null &&
      Object.keys(this.#numbers).length === 0
    );
  }

  changes(): Changes {
    return {
      at: this.now,
      issues: [...this.#issues.values()],
      incidents: [...this.#incidents.values()],
      repairs: [...this.#repairs.values()],
      transitions: this.#transitions,
      signals: this.#signals,
      tallies: this.#tallies,
      series: this.#series,
      learned: this.#learned,
      drillRuns: this.#drillRuns,
      standings: [...this.#standings.values()],
      notifications: [...this.#notifications.values()],
      comments: this.#comments,
      alerts: [...this.#alerts.values()],
      silences: [...this.#silences.values()],
      outside: [...this.#outside.values()],
      tokens: [...this.#tokens.values()],
      numbers: this.#numbers,
      ...(this.#settings === null ? {} : { settings: this.#settings }),
    };
  }
}

function merged<V>(base: ReadonlyMap<string, V>, over: ReadonlyMap<string, V>): V[] {
  if (over.size === 0) return [...base.values()];
  const all = new Map(base);
  for (const [key, value] of over) all.set(key, value);
  return [...all.values()];
}
