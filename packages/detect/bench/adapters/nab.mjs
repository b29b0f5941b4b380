// Scorer interface: createDetector() -> { update(timeMs, value) -> score }. Scores are those of the shipped detector; from
// 0.5 on it is an alarm.
import { detect } from "./detect.mjs";

export function createDetector() {
  const detector = detect.anomaly();
  return { update: (at, value) => detector.update({ at, value }).score };
}
