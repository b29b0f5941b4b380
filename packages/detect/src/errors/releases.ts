// Orders releases: by semantic version where both are versions, else by the order in which they were created. Releases
// that neither way can order are "unknown", never guessed.

export interface Version {
  /** Package the version belongs to, "" without one: "web" in "web@1.2.3". */
  readonly package: string;
  readonly numbers: readonly [number, number, number];
  readonly prerelease: readonly string[];
}

const pattern =
  /^(?:([^\s@]{1,200})@)?v?(\d{1,9})(?:\.(\d{1,9}))?(?:\.(\d{1,9}))?(?:-([\dA-Za-z.-]{1,200}))?(?:\+[\dA-Za-z.-]{1,200})?$/;

/** "1.2.3", "v1.2", "web@1.2.3-rc.1+build"; undefined for anything else, also for a bare number such as a date. */
export function parseVersion(release: string): Version | undefined {
  const match = pattern.exec(release.trim());
  if (match === null || match[3] === undefined) return undefined;
  return {
    package: match[1] ?? "",
    numbers: [Number(match[2]), Number(match[3]), Number(match[4] ?? 0)],
    prerelease: match[5]?.split(".") ?? [],
  };
}

/** When a release was created, epoch ms or any rising number; undefined when unknown. */
export type ReleaseOrder = (release: string) => number | undefined;

export type ReleaseComparison = "older" | "same" | "newer" | "unknown";

/** How `one` stands to `other`. Build metadata does not count (semver.org 2.0.0, clauses 10 and 11). */
export function compareReleases(one: string, other: string, createdAt?: ReleaseOrder): ReleaseComparison {
  if (one === other) return "same";
  const first = parseVersion(one);
  const second = parseVersion(other);
  if (first !== undefined && second !== undefined && first.package === second.package) {
    const order = compareVersions(first, second);
    return order === 0 ? "same" : order < 0 ? "older" : "newer";
  }
  const firstAt = createdAt?.(one);
  const secondAt = createdAt?.(other);
  if (firstAt === undefined || secondAt === undefined || firstAt === secondAt) return "unknown";
  return firstAt < secondAt ? "older" : "newer";
}

function compareVersions(one: Version, other: Version): number {
  for (const [at, number] of one.numbers.entries())
    if (number !== other.numbers[at]) return number - other.numbers[at]!;
  const [a, b] = [one.prerelease, other.prerelease];
  if (a.length === 0 || b.length === 0) return Math.sign(b.length - a.length);
  for (let at = 0; at < Math.max(a.length, b.length); at += 1) {
    const [left, right] = [a[at], b[at]];
    if (left === undefined || right === undefined) return left === undefined ? -1 : 1;
    if (left === right) continue;
    const isNumber = [/^\d+$/.test(left), /^\d+$/.test(right)];
    if (isNumber[0] && isNumber[1] && Number(left) !== Number(right)) return Number(left) - Number(right);
    if (isNumber[0] !== isNumber[1]) return isNumber[0] ? -1 : 1;
    return left < right ? -1 : 1;
  }
  return 0;
}
