// A squarified treemap (Bruls, Huizing, van Wijk 2000): areas in proportion to weight, tiles as square as can be. Pure.
export interface Tile<T> {
  readonly item: T;
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

/** Keeps the order of equal weights, so that a map does not jump when a state changes. Weights below 0 count as 0. */
export function treemap<T>(
  items: readonly T[],
  weight: (item: T) => number,
  width: number,
  height: number,
): readonly Tile<T>[] {
  const weighed = items
    .map((item) => ({ item, weight: Math.max(0, weight(item)) }))
    .filter((each) => each.weight > 0)
    .sort((a, b) => b.weight - a.weight);
  const total = weighed.reduce((sum, each) => sum + each.weight, 0);
  if (total === 0 || width <= 0 || height <= 0) return [];
  const scale = (width * height) / total;
  const tiles: Tile<T>[] = [];
  let free = { x: 0, y: 0, width, height };
  let row: { readonly item: T; readonly area: number }[] = [];
  const close = (): void => {
    if (row.length === 0) return;
    const area = row.reduce((sum, each) => sum + each.area, 0);
    const isColumn = free.width >= free.height;
    const thickness = area / (isColumn ? free.height : free.width);
    let along = 0;
    for (const each of row) {
      const length = each.area / thickness;
      tiles.push(
        isColumn
          ? { item: each.item, x: free.x, y: free.y + along, width: thickness, height: length }
          : { item: each.item, x: free.x + along, y: free.y, width: length, height: thickness },
      );
      along += length;
    }
    free = isColumn
      ? { ...free, x: free.x + thickness, width: Math.max(0, free.width - thickness) }
      : { ...free, y: free.y + thickness, height: Math.max(0, free.height - thickness) };
    row = [];
  };
  for (const each of weighed) {
    const next = { item: each.item, area: each.weight * scale };
    const side = Math.min(free.width, free.height);
    if (row.length > 0 && worst([...row, next], side) > worst(row, side)) close();
    row.push(next);
  }
  close();
  return tiles;
}

/** The worst ratio of sides in a row laid along `side`. */
function worst(row: readonly { readonly area: number }[], side: number): number {
  const areas = row.map((each) => each.area);
  const sum = areas.reduce((a, b) => a + b, 0);
  const square = (side * side) / (sum * sum);
  return Math.max(square * Math.max(...areas), 1 / (square * Math.min(...areas)));
}
