// The anomaly detector behind the interface of the NAB scorer: createDetector() -> { update(timeMs, value) -> score }.
// Runs from source: Node strips the types. Scores are those of the shipped detector, 0.5 and more being an alarm.
import { anomaly } from "../../src/series/index.ts";

export function createDetector() {
  const detector = anomaly();
  return { update: (at, value) => detector.update({ at, value }).score };
}
