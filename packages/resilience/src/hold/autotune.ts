// Finds a good value for one number (pool size, batch size, concurrency) by hill climbing on a measured objective.
// Bounded, slow to move, and with a way back: a value that does clearly worse is left at once for the best one known.
import type { Reporting } from "../report.ts";
import { openGuard } from "./guard.ts";
import type { GuardOptions } from "./guard.ts";
import { textOf } from "../text.ts";

export interface AutotuneOptions extends GuardOptions {
  readonly min: number;
  readonly max: number;
  /** First value (default `min`); also where `reset` goes back to. */
  readonly initial?: number;
  /** First step (default a tenth of the range, at least 1); halved at each turn, down to 1. */
  readonly step?: number;
  /** Measurements averaged per value (default 5). */
  readonly samples?: number;
  /** Share by which a score must differ to count as better or worse (default 0.05). */
  readonly tolerance?: number;
  /** Share of loss against the best score at which the value is left at once (default 0.3). */
  readonly lossMax?: number;
  /** Whether more is better (default "higher": throughput) or less ("lower": latency). */
  readonly better?: "higher" | "lower";
  /** Puts the value into effect, also the initial one. When it throws, the value before is kept. */
  readonly apply: (value: number) => void;
}

export interface Autotune extends Reporting {
  readonly value: number;
  /** Best value known. */
  readonly best: number;
  /** One measurement under the present value; what is not a finite number is ignored and counted. */
  observe(objective: number): void;
  /** Stops moving until `resume`; measurements are ignored. */
  pause(): void;
  resume(): void;
  /** Back to the initial value; what was learned is forgotten. */
  reset(): void;
}

/** Tunes one number; calls `apply` with the initial value at once. @throws BadOptionError for an option out of its range; what that first `apply` throws. */
export function autotune(options: AutotuneOptions): Autotune {
  const guard = openGuard("autotune", options);
  const { apply, better = "higher" } = options;
  guard.oneOf("better", better, ["higher", "lower"]);
  const min = guard.integer(options, "min", undefined, -Number.MAX_SAFE_INTEGER);
  const max = guard.integer(options, "max", undefined, min);
  const initial = guard.integer(options, "initial", min, min, max);
  const firstStep = guard.integer(options, "step", Math.max(1, Math.round((max - min) / 10)), 1);
  const samples = guard.integer(options, "samples", 5, 1);
  const tolerance = guard.number(options, "tolerance", 0.05, 0, 1);
  const lossMax = guard.number(options, "lossMax", 0.3, tolerance, 1);
  const count = { moves: 0, turns: 0, wayBacks: 0, ignored: 0, applyFailures: 0 };
  let value = initial;
  let best: { readonly value: number; score: number } | undefined;
  let direction = 1;
  let step = firstStep;
  let sum = 0;
  let seen = 0;
  let paused = false;
  apply(value);

  const clamp = (wanted: number): number => Math.min(max, Math.max(min, wanted));
  /** Gain of `score` over `than` as a share; positive is better. */
  const gain = (score: number, than: number): number =>
    (better === "higher" ? score - than : than - score) / Math.max(Math.abs(than), Number.MIN_VALUE);

  function move(to: number, why: string): void {
    sum = seen = 0;
    if (to === value) return;
    try {
      apply(to);
    } catch (error) {
      count.applyFailures += 1;
      guard.trip("apply-failed", { value: to, message: textOf(error) });
      return;
    }
    count.moves += 1;
    const from = value;
    value = to;
    guard.tell("moved", { from, to, why });
  }

  function turn(): void {
    count.turns += 1;
    direction = -direction;
    step = Math.max(1, Math.floor(step / 2));
  }

  /** The score of the present value is known: go on, or turn round at the best. */
  function decide(score: number): void {
    if (best === undefined || gain(score, best.score) > tolerance) {
      best = { value, score };
    } else if (value === best.value) {
      // Measured anew: the world may have changed.
      best.score = score;
    } else {
      turn();
      move(best.value, "no better");
      return;
    }
    const next = (): number => clamp(value + direction * step);
    if (next() === value) turn();
    move(next(), "climbing");
  }

  function reset(): void {
    best = undefined;
    direction = 1;
    step = firstStep;
    move(initial, "reset");
  }

  function pause(): void {
    paused = true;
    sum = seen = 0;
    guard.tell("paused", { value });
  }

  function resume(): void {
    paused = false;
    guard.tell("resumed", { value });
  }

  return guard.complete<Autotune>(
    {
      get value() {
        return value;
      },
      get best() {
        return best?.value ?? value;
      },
      observe(objective) {
        if (paused || !Number.isFinite(objective)) {
          count.ignored += 1;
          return;
        }
        sum += objective;
        seen += 1;
        const mean = sum / seen;
        if (
          best !== undefined &&
          value !== best.value &&
          seen >= Math.ceil(samples / 2) &&
          gain(mean, best.score) < -lossMax
        ) {
          count.wayBacks += 1;
          const known = best;
          turn();
          guard.trip("way-back", { from: value, to: known.value, score: mean, best: known.score });
          // Whoever hears of it may have paused or reset it.
          if (best === known && !paused) move(known.value, "way back");
        } else if (seen >= samples) decide(mean);
      },
      pause,
      resume,
      reset,
      controls: { pause, resume, reset },
    },
    () => ({
      state: paused ? "paused" : "ok",
      values: { value, best: best?.value ?? value, score: best?.score ?? 0, step, min, max },
      counts: count,
    }),
  );
}
