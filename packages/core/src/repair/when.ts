// Whether a remedy's conditions fit: the kind, the target, its labels, the causes that the diagnosis established, the time.
import { kindFacts } from "../detection/index.ts";
import type { TargetSpec, TimeMs } from "../signal/index.ts";
import { otherKinds, type Remedy } from "./remedy.ts";

export function fits(
  when: Remedy["when"],
  of: { readonly kind: string; readonly causes: readonly string[]; readonly target: TargetSpec; readonly now: TimeMs },
): boolean {
  const others = when.kinds.includes(otherKinds) && !Object.hasOwn(kindFacts, of.kind);
  if (!when.kinds.includes(of.kind) && !others) return false;
  if (when.target !== null && when.target !== of.target.key && when.target !== of.target.group) return false;
  if (!Object.entries(when.labels).every(([label, value]) => of.target.labels[label] === value)) return false;
  const causes = when.causes ?? [];
  if (causes.length > 0 && !causes.some((cause) => isEstablished(cause, of.causes))) return false;
  if ((when.unlessCauses ?? []).some((cause) => isEstablished(cause, of.causes))) return false;
  return isWithin(when.between ?? null, of.now);
}

/** "a+b" asks for both. */
function isEstablished(cause: string, established: readonly string[]): boolean {
  return cause.split("+").every((word) => established.includes(word));
}

export function isWithin(
  between: { readonly fromMinute: number; readonly toMinute: number } | null,
  now: TimeMs,
): boolean {
  if (between === null) return true;
  const minute = Math.floor(now / 60_000) % 1_440;
  const { fromMinute, toMinute } = between;
  return fromMinute <= toMinute ? fromMinute <= minute && minute < toMinute : minute >= fromMinute || minute < toMinute;
}

/** Named target, then an established cause, then labels; the configuration before what is shipped; the ladder last. */
export function specificity(remedy: Remedy): number {
  if (remedy.when.kinds.includes(otherKinds)) return -1;
  return (
    (remedy.when.target === null ? 0 : 8) +
    ((remedy.when.causes ?? []).length > 0 ? 4 : 0) +
    (Object.keys(remedy.when.labels).length > 0 ? 2 : 0) +
    (remedy.source === "shipped" ? 0 : 1)
  );
}
