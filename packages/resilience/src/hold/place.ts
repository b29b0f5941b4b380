// Where in the application something was taken, told by the stack of an error that was made there.

/** Up to five lines, the innermost first, without those of this package as far as they can be told. */
export function placeOf(made: Error | undefined): string {
  const lines = made?.stack?.split("\n").slice(1) ?? [];
  const own = lines.filter((line) => !/(pool|lock-hierarchy)\.[jt]s|node:internal/.test(line));
  return (
    (own.length > 0 ? own : lines)
      .slice(0, 5)
      .map((line) => line.trim())
      .join(" < ") || "unknown"
  );
}
