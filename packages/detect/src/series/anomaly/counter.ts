// Tells counters (request totals, bytes sent) from gauges, and gives a counter's rate, so that the anomaly detector
// judges "requests per second" and not an ever new maximum. A fall to under a tenth is a counter's reset, as after a
// restart; any other fall proves a gauge, for good.

const pointsMin = 64;
const risesMin = 8;
const resetShare = 0.1;

export interface CounterSnapshot {
  readonly kind: "undecided" | "gauge" | "counter";
  readonly points: number;
  readonly rises: number;
  readonly resets: number;
  readonly last: number;
  readonly lastAt: number;
}

/** What to judge: the value itself or the rate per second; `restarted` when that has just changed. */
export interface Reading {
  readonly value: number;
  readonly restarted: boolean;
}

export class Counter {
  #state: CounterSnapshot;

  constructor(from?: CounterSnapshot) {
    this.#state = from ?? { kind: "undecided", points: 0, rises: 0, resets: 0, last: 0, lastAt: 0 };
  }

  get isCounter(): boolean {
    return this.#state.kind === "counter";
  }

  observe(at: number, value: number): Reading {
    const before = this.#state;
    if (before.kind === "gauge") return { value, restarted: false };
    const after = follow(before, at, value);
    this.#state = after;
    if (after.kind !== "counter") return { value, restarted: before.kind === "counter" };
    const growth = value >= before.last ? value - before.last : value;
    return { value: (growth * 1000) / (at - before.lastAt), restarted: before.kind !== "counter" };
  }

  snapshot(): CounterSnapshot {
    return this.#state;
  }
}

function follow(before: CounterSnapshot, at: number, value: number): CounterSnapshot {
  const first = before.points === 0;
  const rose = !first && value > before.last;
  const fell = !first && value < before.last;
  const reset = fell && value <= before.last * resetShare;
  const points = before.points + 1;
  const rises = before.rises + (rose ? 1 : 0);
  const resets = before.resets + (reset ? 1 : 0);
  const isGauge = value < 0 || (fell && !reset) || resets * risesMin > Math.max(rises, risesMin);
  const isCounter = points >= pointsMin && rises >= risesMin;
  return {
    kind: isGauge ? "gauge" : isCounter ? "counter" : before.kind,
    points,
    rises,
    resets,
    last: value,
    lastAt: at,
  };
}
