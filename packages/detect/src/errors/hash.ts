// A 128-bit fingerprint of a list of texts: not cryptographic, spread well enough that two groups never meet by chance.

/** 32 lower-case hexadecimal digits. The list's boundaries count: ["ab"] and ["a", "b"] differ. */
export function fingerprintOf(parts: readonly string[]): string {
  let a = 1779033703;
  let b = 3144134277;
  let c = 1013904242;
  let d = 2773480762;
  const mix = (value: number): void => {
    a = b ^ Math.imul(a ^ value, 597399067);
    b = c ^ Math.imul(b ^ value, 2869860233);
    c = d ^ Math.imul(c ^ value, 951274213);
    d = a ^ Math.imul(d ^ value, 2716044179);
  };
  for (const part of parts) {
    mix(part.length + 0x10000);
    for (let at = 0; at < part.length; at += 1) mix(part.charCodeAt(at));
  }
  a = Math.imul(c ^ (a >>> 18), 597399067);
  b = Math.imul(d ^ (b >>> 22), 2869860233);
  c = Math.imul(a ^ (c >>> 17), 951274213);
  d = Math.imul(b ^ (d >>> 19), 2716044179);
  a ^= b ^ c ^ d;
  return [a, b ^ a, c ^ a, d ^ a].map((word) => (word >>> 0).toString(16).padStart(8, "0")).join("");
}
