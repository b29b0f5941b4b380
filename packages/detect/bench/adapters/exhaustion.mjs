// Scorer interface: createForecaster({ limit, stepMs }) -> { update(timeMs, value) -> seconds to the limit | null }.
import { detect } from "./detect.mjs";

export function createForecaster({ limit, stepMs }) {
  const forecaster = detect.exhaustion({ limit, resolutionMs: 5 * stepMs });
  return {
    update(timeMs, value) {
      const verdict = forecaster.update(timeMs, value);
      return verdict.firing ? verdict.secondsToLimit : null;
    },
  };
}
