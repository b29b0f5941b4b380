// Faults of Prunella itself: they become findings on its own target, seen by the next iteration that works, and are over when
// they have not happened for half a minute.
import { observe, type TargetView } from "../detection/index.ts";
import type { Ports } from "../ports.ts";
import { ownTarget, type ReportedFinding, type TimeMs } from "../signal/index.ts";

export interface OwnFaults {
  readonly file: (kind: string, distinguisher: string, summary: string) => void;
  /** Looks for what has not happened for long enough. */
  readonly clear: () => void;
}

const overAfterMs = 30_000;

export function ownFaults(clock: Ports["clock"], ownView: () => TargetView | undefined): OwnFaults {
  const lastAt = new Map<string, TimeMs>();

  function report(finding: ReportedFinding): void {
    const view = ownView();
    if (view !== undefined) observe(view, { id: "", type: "reported", target: ownTarget, at: clock.now(), finding });
  }

  return {
    file(kind, distinguisher, summary) {
      report({ kind, distinguisher, state: "firing", severity: "critical", summary: summary.slice(0, 500) });
      lastAt.set(`${kind} ${distinguisher}`, clock.now());
    },
    clear() {
      for (const [key, at] of lastAt) {
        if (clock.now() - at < overAfterMs) continue;
        lastAt.delete(key);
        const [kind = "", distinguisher = ""] = key.split(" ");
        report({ kind, distinguisher, state: "cleared", severity: "critical", summary: "" });
      }
    },
  };
}

/** What an error says of itself. */
export function message(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
