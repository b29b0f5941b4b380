// The chain of an error's causes.

/** The error and its causes, outermost first; stops at a cycle and after `depthMax` (default 10). */
export function causesOf(error: unknown, depthMax = 10): unknown[] {
  const chain: unknown[] = [];
  let current = error;
  while (chain.length < depthMax && current !== undefined && current !== null && !chain.includes(current)) {
    chain.push(current);
    current = (current as { cause?: unknown }).cause;
  }
  return chain;
}
