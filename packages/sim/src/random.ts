// One seed, many streams: each concern draws from its own, so one more draw in the network does not shift the store.
// sfc32 (Chris Doty-Humphrey's small fast counter), seeded from a 32-bit FNV-1a hash of seed and name.

export interface Random {
  /** A number in [0, 1). */
  next(): number;
  /** A whole number from `low` to `high`, both included. */
  between(low: number, high: number): number;
  /** True once in `n`. */
  oneIn(n: number): boolean;
  pick<T>(items: readonly T[]): T;
}

export function stream(seed: number, name: string): Random {
  let a = hash(`${seed} ${name} a`);
  let b = hash(`${seed} ${name} b`);
  let c = hash(`${seed} ${name} c`);
  let counter = 1;
  function draw(): number {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (c << 21) | (c >>> 11);
    c = (c + sum) | 0;
    return (sum >>> 0) / 4_294_967_296;
  }
  for (let warm = 0; warm < 12; warm += 1) draw();
  return {
    next: draw,
    between: (low, high) => low + Math.floor(draw() * (high - low + 1)),
    oneIn: (n) => Math.floor(draw() * n) === 0,
    pick: (items) => items[Math.floor(draw() * items.length)]!,
  };
}

export function hash(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return value >>> 0;
}
