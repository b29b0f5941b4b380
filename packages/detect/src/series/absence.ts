// Has a series stopped? The only detector that must be asked (`check`) as time goes by, because nothing arrives.
import { Interval, type IntervalSnapshot } from "./anomaly/interval.ts";
import { requireOption } from "./sample.ts";

export interface AbsenceOptions {
  /** Silence of this length is absence, ms. Default: learned, see `intervals`. */
  readonly afterMs?: number;
  /** When `afterMs` is not given: this many usual intervals of the series (running median). Default 5. */
  readonly intervals?: number;
  /** The learned time is never shorter than this, ms. Default 60,000. */
  readonly learnedMsMin?: number;
}

export interface AbsenceSnapshot {
  readonly lastAt: number | null;
  readonly gaps: number;
  readonly interval: IntervalSnapshot;
}

export interface AbsenceVerdict {
  readonly absent: boolean;
  /** Time since the last sample, ms; null before the first. */
  readonly silentMs: number | null;
  /** Silence allowed at the moment, ms; null while it is not known. */
  readonly allowedMs: number | null;
  readonly why: string;
}

export interface Absence {
  /** A sample was there at `at` (ms). Times that are not finite or not later change nothing. */
  update(sample: { readonly at: number }): AbsenceVerdict;
  /** Is the series absent at `now` (ms)? Changes nothing. */
  check(now: number): AbsenceVerdict;
  snapshot(): AbsenceSnapshot;
}

/** Gaps needed before the usual interval is trusted. */
const learningGaps = 10;

/** Throws a RangeError for bad options. State: a few numbers. A series never seen is not absent: it is unknown. */
export function absence(options: AbsenceOptions = {}, from?: AbsenceSnapshot): Absence {
  const { afterMs, intervals = 5, learnedMsMin = 60_000 } = options;
  if (afterMs !== undefined) requireOption(afterMs > 0, "afterMs", "more than 0 milliseconds", afterMs);
  requireOption(intervals > 1, "intervals", "more than 1", intervals);
  requireOption(learnedMsMin >= 0, "learnedMsMin", "0 or more milliseconds", learnedMsMin);
  const interval = new Interval(from?.interval);
  let usualMs = from?.interval.usualMs ?? 0;
  let lastAt = from?.lastAt ?? null;
  let gaps = from?.gaps ?? 0;

  function allowed(): number | null {
    if (afterMs !== undefined) return afterMs;
    return gaps < learningGaps ? null : Math.max(learnedMsMin, intervals * usualMs);
  }

  function check(now: number): AbsenceVerdict {
    const allowedMs = allowed();
    if (lastAt === null) return { absent: false, silentMs: null, allowedMs, why: "never seen yet" };
    const silentMs = Math.max(0, now - lastAt);
    if (allowedMs === null) return { absent: false, silentMs, allowedMs, why: "its usual interval is not known yet" };
    const absent = silentMs > allowedMs;
    const why = `silent for ${silentMs} ms, ${absent ? "more than" : "within"} the allowed ${Math.round(allowedMs)} ms`;
    return { absent, silentMs, allowedMs, why };
  }

  return {
    update({ at }) {
      if (Number.isFinite(at) && (lastAt === null || at > lastAt)) {
        if (lastAt !== null) {
          gaps = Math.min(learningGaps, gaps + 1);
          usualMs = interval.observe(at - lastAt);
        }
        lastAt = at;
      }
      return check(lastAt ?? at);
    },
    check,
    snapshot: () => ({ lastAt, gaps, interval: interval.snapshot() }),
  };
}
