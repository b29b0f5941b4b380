// Does an archived failure occur so much more often that somebody should look again? Counts are kept by hour for a week;
// the limit for an hour follows from them (Sentry's documented one: spike and bursty limits, or ten times the busiest hour).

const hourMs = 3_600_000;
/** Hours remembered: one week. */
const hoursKept = 168;
const weekMs = hoursKept * hourMs;

export interface HourlyCountsSnapshot {
  readonly firstAt: number;
  readonly hour: number;
  readonly counts: readonly number[];
}

export interface EscalationLimit {
  /** Events in one hour up to which the failure does not escalate. */
  readonly limit: number;
  readonly why: string;
}

/** Counts of one failure by hour, one week back. 168 numbers, whatever the rate. */
export class HourlyCounts {
  private readonly counts: number[];
  private hour: number;
  private readonly firstAt: number;

  constructor(now: number) {
    this.firstAt = now;
    this.hour = Math.floor(now / hourMs);
    this.counts = Array.from({ length: hoursKept + 1 }, () => 0);
  }

  /** Counts `events` at `now`; an older hour is still counted where it belongs, one older than a week is left out. */
  add(now: number, events = 1): void {
    this.advance(now);
    const age = this.hour - Math.floor(now / hourMs);
    if (age <= hoursKept) this.counts[age]! += events;
  }

  /** Events in the hour that runs at `now`. */
  current(now: number): number {
    this.advance(now);
    return this.counts[0]!;
  }

  /** The limit for the hour that runs at `now`, from the whole hours before it; in its first hour, from that hour. */
  limit(now: number): EscalationLimit {
    this.advance(now);
    const isFirstHour = this.hour === Math.floor(this.firstAt / hourMs);
    const known = isFirstHour ? this.counts.slice(0, 1) : this.counts.slice(1);
    return escalationLimit(known.toReversed(), now - this.firstAt);
  }

  /** More events in this hour than the limit allows, and at least `eventsMin`. */
  isEscalating(
    now: number,
    eventsMin = 2,
  ): EscalationLimit & { readonly isEscalating: boolean; readonly count: number } {
    const { limit, why } = this.limit(now);
    const count = this.current(now);
    return { isEscalating: count >= eventsMin && count > limit, count, limit, why };
  }

  snapshot(): HourlyCountsSnapshot {
    return { firstAt: this.firstAt, hour: this.hour, counts: [...this.counts] };
  }

  static restore({ firstAt, hour, counts }: HourlyCountsSnapshot): HourlyCounts {
    const restored = new HourlyCounts(firstAt);
    restored.hour = hour;
    counts.slice(0, hoursKept + 1).forEach((count, at) => (restored.counts[at] = count));
    return restored;
  }

  private advance(now: number): void {
    const steps = Math.floor(now / hourMs) - this.hour;
    if (steps <= 0) return;
    this.hour += steps;
    const kept = steps > hoursKept ? [] : this.counts.slice(0, hoursKept + 1 - steps);
    const fresh = Array.from({ length: hoursKept + 1 - kept.length }, () => 0);
    [...fresh, ...kept].forEach((count, at) => (this.counts[at] = count));
  }
}

/**
 * From 7 days on: max(spike, bursty), with spike = weighted mean + min(max((mean + 5 sd) / mean, 5), 8) * mean and
 * bursty = busiest hour * min(max(2, 5 e^(-0.65 cv)), 5). Younger: ten times the busiest hour. The weighted mean
 * counts recent hours more, rising evenly from the oldest to the newest.
 */
export function escalationLimit(countsOldestFirst: readonly number[], ageMs: number): EscalationLimit {
  const busiest = Math.max(0, ...countsOldestFirst);
  if (ageMs < weekMs) {
    return { limit: 10 * busiest, why: `younger than a week: ten times its busiest hour (${String(busiest)})` };
  }
  const size = countsOldestFirst.length;
  const mean = size === 0 ? 0 : countsOldestFirst.reduce((sum, count) => sum + count, 0) / size;
  if (mean === 0) return { limit: 0, why: "silent for a week" };
  const deviation = Math.sqrt(countsOldestFirst.reduce((sum, count) => sum + (count - mean) ** 2, 0) / size);
  const weighted = countsOldestFirst.reduce((sum, count, at) => sum + count * (at + 1), 0) / ((size * (size + 1)) / 2);
  const spike = weighted + Math.min(Math.max((mean + 5 * deviation) / mean, 5), 8) * mean;
  const bursty = busiest * Math.min(Math.max(2, 5 * Math.exp(-0.65 * (deviation / mean))), 5);
  const limit = Math.max(spike, bursty);
  const which = spike >= bursty ? "a spike above its mean" : "a burst above its busiest hour";
  return { limit, why: `${which}: mean ${mean.toFixed(2)} an hour, busiest ${String(busiest)}` };
}
