// When metrics moved around an incident, and what had been changed shortly before: "latency rose at 12:03:10, two minutes
// after deploy 1f3a". Pure: it looks at the points it is given.
import { changePoints } from "@prunella/detect";
import type { TimeMs } from "../../signal/index.ts";
import type { Evidence } from "../finding.ts";
import { readable } from "./anomalies.ts";
import { familyOf } from "./families.ts";
import { spoken } from "./forecast.ts";
import type { Point } from "./history.ts";

/** A change is named beside a move that follows it within this long, ms. */
export const changeReachMs = 600_000;
/** Moves told, the strongest; one per family of metrics. */
export const movesMax = 4;
/** A move by less than this share of its level is not worth a line. */
const shareMin = 0.2;
/** Points a series is averaged down to before it is cut into stretches. */
const pointsMax = 120;
const pointsMin = 12;

export interface Move {
  readonly metric: string;
  readonly at: TimeMs;
  readonly before: number;
  readonly after: number;
  /** How many times its price the change earned; higher is surer. */
  readonly strength: number;
}

export interface Change {
  readonly at: TimeMs;
  readonly what: string;
  readonly summary: string;
}

/** The moves of several series between `from` and `to`, the strongest first, one per family. */
export function movesOf(series: Readonly<Record<string, readonly Point[]>>, from: TimeMs, to: TimeMs): Move[] {
  const best = new Map<string, Move>();
  for (const [metric, points] of Object.entries(series)) {
    const thin = thinned(points);
    if (thin.length < pointsMin) continue;
    for (const { index, kind, before, after, strength } of changePoints(thin.map((point) => point.value))) {
      const at = thin[index]?.at;
      if (at === undefined || kind !== "level" || at < from || at >= to) continue;
      if (Math.abs(after - before) < shareMin * Math.max(Math.abs(before), Math.abs(after))) continue;
      const family = familyOf(metric);
      const known = best.get(family);
      if (known === undefined || strength > known.strength) best.set(family, { metric, at, before, after, strength });
    }
  }
  return [...best.values()].sort((a, b) => b.strength - a.strength).slice(0, movesMax);
}

/** What moved around an incident, each with the change that went before it, if there was one. */
export function changeEvidence(moves: readonly Move[], changes: readonly Change[]): Evidence[] {
  return moves.map((move): Evidence => {
    const change = changes
      .filter((each) => each.at <= move.at + 1_000 && move.at - each.at <= changeReachMs)
      .sort((a, b) => b.at - a.at)[0];
    const after =
      change === undefined
        ? ""
        : `, ${spoken(Math.max(0, move.at - change.at))} after ${change.what === "" ? "" : `${change.what} `}${change.summary}`;
    return {
      at: move.at,
      what: "change",
      summary:
        `${move.metric} ${move.after > move.before ? "rose" : "fell"} from ${readable(move.before)} to ${readable(move.after)} at ${new Date(move.at).toISOString().slice(11, 19)}${after}`.slice(
          0,
          300,
        ),
      data: { metric: move.metric, before: move.before, after: move.after, strength: move.strength },
    };
  });
}

/** Means of neighbouring points, at most `pointsMax`; a mean has the time of its first point. */
function thinned(points: readonly Point[]): Point[] {
  const width = Math.max(1, Math.ceil(points.length / pointsMax));
  if (width === 1) return [...points];
  const thin: Point[] = [];
  for (let at = 0; at + width <= points.length; at += width) {
    let sum = 0;
    for (let each = at; each < at + width; each += 1) sum += points[each]!.value;
    thin.push({ at: points[at]!.at, value: sum / width });
  }
  return thin;
}
