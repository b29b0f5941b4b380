// The kinds of finding that learned detection states. They are worth a look and no more: none of them breaks a target's
// healthy stretch, fails a verification, or is repaired by itself; whatever is more fundamental explains them.
import type { FaultKind } from "../finding.ts";

/**
 * anomaly: metrics unlike their own past. peer-outlier: an instance unlike its siblings. log-error: error-like lines of a
 * template never seen before. log-rate: a template occurs much more or less often. log-gone: a template that came
 * regularly stays away. exhaustion: something will run out. rule: a rule without a kind of its own.
 */
export const learnedKinds: readonly FaultKind[] = [
  "anomaly",
  "peer-outlier",
  "log-error",
  "log-rate",
  "log-gone",
  "exhaustion",
  "rule",
];

const known = new Set(learnedKinds);

export function isLearned(kind: FaultKind): boolean {
  return known.has(kind);
}
