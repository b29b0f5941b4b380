// Guards inside an application: what they say becomes a finding by itself. A trip is an event; how long the trouble lasts is
// read from the guard's own state, so a breaker's incident is over when the breaker has closed, not when it fell silent.
import type { EventSignal, GaugeFacts, TimeMs } from "../signal/index.ts";
import type { Evidence, Finding, Json } from "./finding.ts";
import { finding } from "./make.ts";
import type { TargetView } from "./view.ts";

/** Guards that tripped, kept per target; the longest quiet one goes. */
export const tripsMax = 100;
/** Notes of one guard kept between two looks. */
const notesMax = 10;
/** A trip of a guard whose state is not known is over when nothing was heard of it for this long, ms. */
export const tripQuietMs = 60_000;
/** A guard that says it is fine must have gone without a trip for this long, ms. */
export const tripFineMs = 3_000;

export interface TripView {
  readonly at: TimeMs;
  readonly since: TimeMs;
  readonly summary: string;
  /** The guard's state as last told, once it was told after the trip. */
  state: string | null;
  events: number;
  /** What it said since the findings were last taken. */
  notes: readonly Evidence[];
}

/** States in which a guard is still at it, however long that takes. */
const lasting: Readonly<Record<string, readonly string[]>> = {
  breaker: ["open", "half-open", "isolated"],
  pipeline: ["open", "half-open", "isolated"],
  queue: ["high", "full"],
  cache: ["storm", "falling"],
  "health-monitor": ["unhealthy"],
  lazy: ["empty", "making"],
  pool: ["exhausted"],
  "shared-quota": ["alone"],
};
/** States that only traffic ends: without any they hold no longer than tripQuietMs. */
const untilAsked: Readonly<Record<string, readonly string[]>> = {
  "rate-limiter": ["limiting"],
  "adaptive-limit": ["limiting"],
  budget: ["spent"],
  bulkhead: ["full"],
};

/** Guards whose state is such before anything has happened: only a trip says that it is bad. */
const badAtFirst: Readonly<Record<string, true>> = { lazy: true };

type GuardSignal = Extract<EventSignal, { readonly type: "guard" }>;

export function observeGuard(view: TargetView, signal: GuardSignal): void {
  const key = `${signal.guard} ${signal.name}`;
  const known = view.trips.get(key);
  const note: Evidence = {
    at: signal.at,
    what: "note",
    summary: `${signal.guard} ${signal.name}: ${signal.event}${inShort(signal.detail)}`,
    ...textOf(signal.detail),
    data: { guard: signal.guard, name: signal.name, event: signal.event, ...signal.detail } satisfies Json,
  };
  if (signal.level === "info") {
    // Good news of a guard that never tripped is no finding.
    if (known !== undefined) known.notes = [...known.notes, note].slice(-notesMax);
    return;
  }
  view.trips.delete(key);
  view.trips.set(key, {
    at: signal.at,
    since: known?.since ?? signal.at,
    summary: `${signal.guard} ${signal.name} ${signal.event}${inShort(signal.detail)}`,
    state: null,
    events: (known?.events ?? 0) + 1,
    notes: [...(known?.notes ?? []), note].slice(-notesMax),
  });
  for (const oldest of view.trips.keys()) {
    if (view.trips.size <= tripsMax) return;
    view.trips.delete(oldest);
  }
}

export function observeGuardStates(view: TargetView, at: TimeMs, states: readonly GaugeFacts[]): void {
  for (const { guard, name, state, values } of states) {
    const trip = view.trips.get(`${guard} ${name}`);
    if (trip === undefined && isBad(guard, state) && !(guard in badAtFirst)) {
      // Its trip was not heard (it may have tripped before anybody listened); the level says the same.
      observeGuard(view, {
        id: "",
        type: "guard",
        target: view.spec.key,
        at,
        guard,
        name,
        event: state,
        detail: { ...values },
      });
      continue;
    }
    if (trip === undefined || trip.at > at || trip.state === state) continue;
    const wasBad = trip.state !== null && isBad(guard, trip.state);
    trip.state = state;
    if (wasBad && !isBad(guard, state)) {
      const summary = `${guard} ${name}: ${state} again`;
      trip.notes = [
        ...trip.notes,
        { at, what: "note" as const, summary, data: { guard, name, event: "state", state } },
      ].slice(-notesMax);
    }
  }
}

export function guardsTripped(view: TargetView, now: TimeMs): Finding[] {
  return [...view.trips]
    .filter(([key, trip]) => holds(key.split(" ")[0] ?? "", trip, now))
    .map(([key, trip]) =>
      finding(view, now, {
        kind: "guard-tripped",
        distinguisher: key,
        severity: "low",
        summary: `${view.spec.key}: ${trip.summary}`.slice(0, 300),
        beganAt: trip.since,
        certainty: "witnessed",
        events: trip.events,
        lastAt: trip.at,
        evidence: trip.notes,
      }),
    );
}

function holds(guard: string, trip: TripView, now: TimeMs): boolean {
  // What it said last still belongs to the incident.
  if (trip.notes.length > 0) return true;
  const quietMs = now - trip.at;
  if (trip.state === null || untilAsked[guard]?.includes(trip.state) === true) return quietMs <= tripQuietMs;
  return isBad(guard, trip.state) || quietMs <= tripFineMs;
}

function isBad(guard: string, state: string): boolean {
  return lasting[guard]?.includes(state) === true || untilAsked[guard]?.includes(state) === true;
}

/** The numbers and short words of a detail, for one line. */
function inShort(detail: GuardSignal["detail"]): string {
  const parts = Object.entries(detail)
    .filter(([, value]) => typeof value !== "string" || (value.length <= 60 && !value.includes("\n")))
    .slice(0, 6)
    .map(
      ([key, value]) => `${key} ${typeof value === "number" ? String(Math.round(value * 1000) / 1000) : String(value)}`,
    );
  return parts.length === 0 ? "" : ` (${parts.join(", ")})`;
}

/** The long part of a detail: a stack, or a message of several lines. */
function textOf(detail: GuardSignal["detail"]): { readonly text?: string } {
  const long = Object.values(detail).filter(
    (value): value is string => typeof value === "string" && (value.length > 60 || value.includes("\n")),
  );
  return long.length === 0 ? {} : { text: long.join("\n").slice(0, 8_000) };
}
