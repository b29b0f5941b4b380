// Did a resolved failure come back? Only an event that happened after the resolution, in a release that should carry
// the fix, says so. The client's own time counts, so an event that was buffered for a day is no regression.
import { compareReleases, type ReleaseOrder } from "./releases.ts";

/** How the issue was resolved. `at` in epoch ms. */
export type Resolution =
  | { readonly mode: "now"; readonly at: number }
  /** Fixed in what is released after `current`, the newest release at that time. */
  | { readonly mode: "next-release"; readonly at: number; readonly current: string }
  /** Fixed in this release and later ones: the current one or one that was named. */
  | { readonly mode: "release"; readonly at: number; readonly release: string }
  /** Fixed by a commit; `release` is the first one that holds it, once that is known. */
  | { readonly mode: "commit"; readonly at: number; readonly commit: string; readonly release?: string };

export interface OccurrenceOfResolved {
  /** When the event happened by the client's clock, corrected for its drift; epoch ms. */
  readonly at: number;
  readonly release?: string;
}

export interface RegressionVerdict {
  readonly isRegression: boolean;
  readonly why: string;
}

export function judgeRegression(
  event: OccurrenceOfResolved,
  resolution: Resolution,
  createdAt?: ReleaseOrder,
): RegressionVerdict {
  if (event.at <= resolution.at) return verdict(false, "the event happened before the resolution");
  const { mode } = resolution;
  switch (mode) {
    case "now":
      return verdict(true, "it happened again after it was resolved");
    case "next-release":
      return byRelease(event, resolution.current, "after", createdAt);
    case "release":
      return byRelease(event, resolution.release, "from", createdAt);
    case "commit":
      if (resolution.release === undefined)
        return verdict(false, `no release is known to hold commit ${resolution.commit}`);
      return byRelease(event, resolution.release, "from", createdAt);
    default:
      return mode satisfies never;
  }
}

function byRelease(
  event: OccurrenceOfResolved,
  fixedIn: string,
  bound: "from" | "after",
  createdAt?: ReleaseOrder,
): RegressionVerdict {
  if (event.release === undefined) return verdict(false, `the event names no release; the fix is ${bound} ${fixedIn}`);
  const order = compareReleases(event.release, fixedIn, createdAt);
  const phrase = `release ${event.release} against the fix ${bound} ${fixedIn}`;
  if (order === "unknown") return verdict(false, `${phrase}: the two cannot be ordered`);
  const carriesFix = order === "newer" || (order === "same" && bound === "from");
  return verdict(carriesFix, carriesFix ? `${phrase}: it carries the fix` : `${phrase}: it is too old to carry it`);
}

const verdict = (isRegression: boolean, why: string): RegressionVerdict => ({ isRegression, why });
