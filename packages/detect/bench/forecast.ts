// Exhaustion forecasts against the rules that people use today: `node packages/detect/bench/forecast.ts [cases]`.
// Peers in the same run: Prometheus' predict_linear with a hold, and a static line.
import process from "node:process";
import { exhaustion } from "@prunella/detect";
import { judged, row, withDataSet } from "./data.ts";
import { judge, limit, makeCases, realNoise, stepMs, type Forecaster } from "./exhaustion-cases.ts";

const count = Number(process.argv[2] ?? 400);

export function own(resolutionSteps = 5): Forecaster {
  const forecaster = exhaustion({ limit, resolutionMs: resolutionSteps * stepMs });
  return (timeMs, value) => {
    const verdict = forecaster.update(timeMs, value);
    return verdict.firing ? verdict.secondsToLimit : null;
  };
}

/** predict_linear(series[range], ahead) above the limit, held for some minutes. */
function predictLinear(range: number, ahead: number, hold: number): Forecaster {
  const values: number[] = [];
  let held = 0;
  return (_, value) => {
    values.push(value);
    if (values.length > range) values.shift();
    const n = values.length;
    if (n < 30) return null;
    const level = values.reduce((sum, one) => sum + one, 0) / n;
    const tilt = values.reduce((sum, one, at) => sum + (one - level) * (at - (n - 1) / 2), 0);
    const slope = (12 * tilt) / (n * (n * n - 1));
    const now = level + (slope * (n - 1)) / 2;
    held = now + slope * ahead >= limit ? held + 1 : 0;
    return held > hold ? Math.max(0, (60 * (limit - now)) / Math.max(slope, 1e-9)) : null;
  };
}

const rules: Readonly<Record<string, () => Forecaster>> = {
  "exhaustion (default)": () => own(),
  "exhaustion, finest bin one sample": () => own(1),
  "predict_linear[1h] 4h for 30m": () => predictLinear(60, 240, 30),
  "predict_linear[6h] 4h for 15m": () => predictLinear(360, 240, 15),
  "predict_linear[6h] 24h for 1h": () => predictLinear(360, 1_440, 60),
  "static > 90": () => (_, value) => (value > 90 ? 0 : null),
};

withDataSet("nab", (at) => {
  const noise = realNoise(`${at}/data`);
  // Every second noise series alone, to see whether the settings lean on particular ones.
  const parts = {
    all: noise,
    "odd half": noise.filter((_, i) => i % 2 === 1),
    "even half": noise.filter((_, i) => i % 2 === 0),
  };
  for (const [seed, [part, series]] of Object.entries(parts).entries()) {
    console.log(`\n${count} cases, seed ${seed + 1}, noise: ${part}`);
    const cases = makeCases(seed + 1, count, series);
    for (const [name, create] of Object.entries(rules)) {
      const { pointsPerSecond, ...figures } = judge(cases, create, () => performance.now());
      row(name, { ...figures, "points/s": String(pointsPerSecond) });
      if (part !== "all" || name !== "exhaustion (default)") continue;
      judged("exhaustion, early F1", figures.earlyF1, { floor: 0.75, goal: 0.85 });
      judged("exhaustion, quiet cases disturbed", figures.disturbed, { floor: 0.3, goal: 0.12 });
      judged("exhaustion, F1 with 30 min lead", figures.f1, { floor: 0.9, goal: 0.95 });
      judged("exhaustion, median ETA error", figures.etaError, { floor: 0.15, goal: 0.1 });
    }
  }
  const state = exhaustion({ limit });
  for (let at = 0; at < 30 * 1_440; at++) state.update(at * stepMs, 50 + (at % 7));
  console.log(`\nstate after 30 days at one minute: ${JSON.stringify(state.snapshot()).length} bytes as JSON`);
});
