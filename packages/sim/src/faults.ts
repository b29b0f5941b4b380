// The faults a run may meet, drawn once per seed ("swarm"): many runs have few or none. Each fault that fires has a number;
// a shrinking run allows only a subset, drawing as before and then masking.
import type { Random } from "./random.ts";

/** One in this many calls; 0: never in this run. */
export interface FaultRates {
  readonly commitRefused: number;
  readonly commitLost: number;
  readonly commitVanished: number;
  readonly slowStore: number;
  readonly orderLostBefore: number;
  readonly orderLostAfter: number;
  readonly orderHangs: number;
  readonly orderHalf: number;
  readonly questionFails: number;
  readonly signalsDropped: number;
  readonly signalsDoubled: number;
  readonly probeLies: number;
  readonly crash: number;
  readonly notifyFails: number;
  /** The network carries an order twice. */
  readonly orderDoubled: number;
}

export const noFaults: FaultRates = {
  commitRefused: 0,
  commitLost: 0,
  commitVanished: 0,
  slowStore: 0,
  orderLostBefore: 0,
  orderLostAfter: 0,
  orderHangs: 0,
  orderHalf: 0,
  questionFails: 0,
  signalsDropped: 0,
  signalsDoubled: 0,
  probeLies: 0,
  crash: 0,
  notifyFails: 0,
  orderDoubled: 0,
};

/** Which faults exist in this run and how often: each kind with probability 1/3, and one run in five has none. */
export function swarm(random: Random): FaultRates {
  const calm = random.oneIn(5);
  const draw = (often: number, rare: number): number => (random.oneIn(3) && !calm ? random.between(often, rare) : 0);
  return {
    commitRefused: draw(10, 200),
    commitLost: draw(20, 300),
    commitVanished: draw(20, 300),
    slowStore: draw(10, 100),
    orderLostBefore: draw(3, 10),
    orderLostAfter: draw(3, 10),
    orderHangs: draw(4, 20),
    orderHalf: draw(4, 20),
    questionFails: draw(2, 5),
    signalsDropped: draw(5, 50),
    signalsDoubled: draw(5, 50),
    probeLies: draw(400, 2_000),
    crash: draw(30, 400),
    notifyFails: draw(2, 6),
    orderDoubled: draw(3, 10),
  };
}

/** Decides whether a fault fires; numbers each that does, and honours a mask when shrinking. */
export class Dice {
  readonly rates: FaultRates;
  readonly fired: { readonly number: number; readonly name: string; readonly at: number }[] = [];
  readonly #random: Random;
  readonly #allowed: ReadonlySet<number> | null;
  readonly #now: () => number;
  healed = false;

  constructor(rates: FaultRates, random: Random, allowed: ReadonlySet<number> | null, now: () => number) {
    this.rates = rates;
    this.#random = random;
    this.#allowed = allowed;
    this.#now = now;
  }

  strikes(name: keyof FaultRates): boolean {
    const rate = this.rates[name];
    if (rate === 0 || this.healed || !this.#random.oneIn(rate)) return false;
    const number = this.fired.length;
    this.fired.push({ number, name, at: this.#now() });
    return this.#allowed === null || this.#allowed.has(number);
  }
}
