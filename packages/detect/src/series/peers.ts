// One unlike its siblings: instances that do the same work are compared with each other at one moment, so that a load
// change that moves them all alarms nobody. Distance from the median in median absolute deviations (Iglewicz and Hoaglin,
// "How to detect and handle outliers", 1993), with a smallest share, because siblings can be alike to the last digit.
import { type HoldOptions, type HoldState, advanceHold, initialHold, isFiring, requireHold } from "./hold.ts";
import { readable, requireOption } from "./sample.ts";

export interface PeersOptions extends HoldOptions {
  /** Distance from the median that makes an outlier, in scaled median absolute deviations. Default 5. */
  readonly deviations?: number;
  /** And at least this share of the median's size. Default 0.25. */
  readonly shareMin?: number;
  /** Which side counts. Default "both". */
  readonly side?: "above" | "below" | "both";
  /** With fewer members nobody is judged. Default 4. */
  readonly membersMin?: number;
  /** Members beyond this are left out and counted. Default 1000. */
  readonly membersMax?: number;
}

export interface PeersSample {
  readonly at: number;
  /** What each member measures now. Members that are missing are forgotten; values that are not finite are left out. */
  readonly values: Readonly<Record<string, number>>;
}

export interface PeersSnapshot {
  readonly lastAt: number | null;
  /** Only members that are not "ok". */
  readonly holds: readonly (readonly [member: string, hold: HoldState])[];
}

export interface Outlier {
  readonly member: string;
  readonly value: number;
  /** The share of members with a smaller value, half of equals included: 0 to 1. */
  readonly percentile: number;
  /** Distance from the median, in scaled median absolute deviations; Infinity when all others are alike. */
  readonly deviations: number;
  readonly since: number | null;
  readonly why: string;
}

export interface PeersVerdict {
  /** Members firing now, the farthest first. */
  readonly outliers: readonly Outlier[];
  readonly median: number | null;
  readonly members: number;
  /** Members over `membersMax` in this sample. */
  readonly leftOut: number;
}

export interface Peers {
  /** A sample not later than the one before changes nothing. */
  update(sample: PeersSample): PeersVerdict;
  snapshot(): PeersSnapshot;
}

/** Makes the median absolute deviation of normal values equal to their standard deviation. */
const normalScale = 1.4826;

/** Throws a RangeError for bad options. State: one record per member that is not ok, at most `membersMax`. */
export function peers(options: PeersOptions = {}, from?: PeersSnapshot): Peers {
  const { deviations = 5, shareMin = 0.25, side = "both", membersMin = 4, membersMax = 1000 } = options;
  requireOption(deviations > 0, "deviations", "more than 0", deviations);
  requireOption(shareMin >= 0, "shareMin", "0 or more", shareMin);
  requireOption(membersMin >= 3, "membersMin", "3 or more", membersMin);
  requireOption(membersMax >= membersMin, "membersMax", "at least membersMin", membersMax);
  requireHold(options);
  let lastAt = from?.lastAt ?? null;
  let holds = new Map<string, HoldState>(from?.holds);

  return {
    update({ at, values }) {
      const all = Object.entries(values).filter(([, value]) => Number.isFinite(value));
      const members = all.slice(0, membersMax);
      const leftOut = all.length - members.length;
      const sorted = members.map(([, value]) => value).toSorted((a, b) => a - b);
      if (!Number.isFinite(at) || (lastAt !== null && at <= lastAt) || members.length < membersMin)
        return { outliers: [], median: null, members: members.length, leftOut };
      lastAt = at;
      const median = medianOf(sorted);
      const spread = normalScale * medianOf(sorted.map((value) => Math.abs(value - median)).toSorted((a, b) => a - b));
      const after = new Map<string, HoldState>();
      const outliers: Outlier[] = [];
      for (const [member, value] of members) {
        const distance = value - median;
        const isSide = side === "both" || (side === "above" ? distance > 0 : distance < 0);
        const size = Math.abs(distance);
        const fires = isSide && size > deviations * spread && size > shareMin * Math.abs(median) && size > 0;
        const hold = advanceHold(holds.get(member) ?? initialHold, at, { fires, clears: !fires }, options);
        if (hold.state !== "ok") after.set(member, hold);
        if (!isFiring(hold)) continue;
        const percentile = rankOf(sorted, value);
        const why = `${member} is at ${readable(value)}, the median of ${members.length} is ${readable(median)}`;
        outliers.push({ member, value, percentile, deviations: size / spread, since: hold.since, why });
      }
      holds = after;
      const farthest = outliers.toSorted((a, b) => Math.abs(b.value - median) - Math.abs(a.value - median));
      return { outliers: farthest, median, members: members.length, leftOut };
    },
    snapshot: () => ({ lastAt, holds: [...holds] }),
  };
}

function medianOf(sorted: readonly number[]): number {
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : sorted[middle - 1]! / 2 + sorted[middle]! / 2;
}

function rankOf(sorted: readonly number[], value: number): number {
  const smaller = sorted.filter((each) => each < value).length;
  const equal = sorted.filter((each) => each === value).length;
  return (smaller + equal / 2) / sorted.length;
}
