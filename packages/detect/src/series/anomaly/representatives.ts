// Sorted values thinned out by making one of the closest two: the rule shared by the sets of values and the day's slots.

type Values = Float64Array | Float32Array;

/** Of the `size` (2 or more) sorted values from `start`, the right one of the two closest: 1 to size - 1. */
export function closestPair(values: Values, start: number, size: number): number {
  let right = 1;
  let least = Infinity;
  for (let i = 1; i < size; i++) {
    const gap = values[start + i]! - values[start + i - 1]!;
    if (gap < least) {
      least = gap;
      right = i;
    }
  }
  return right;
}

/** Makes one of value `right` and its left neighbour; the smallest and the largest of all keep their place. */
export function mergePair(values: Values, start: number, size: number, right: number): void {
  const at = start + right;
  if (right === size - 1) values[at - 1] = values[at]!;
  else if (right > 1) values[at - 1] = (values[at - 1]! + values[at]!) / 2;
  values.copyWithin(at, at + 1, start + size);
}
