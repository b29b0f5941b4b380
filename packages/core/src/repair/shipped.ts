// The remedies Prunella ships. Restarting a process that it runs itself is what people start it for, hence "auto"; the
// budgets make sure that it ends. Figures: see docs/decisions/repair-defaults.md.
import type { Remedy } from "./remedy.ts";

const second = 1_000;
const minute = 60 * second;

/** Shared by every restart: five runs in ten minutes, twenty a day; waits 0, 1, 2, 4, 8 s; healthy for ten seconds. */
const restartTerms: Pick<Remedy, "mode" | "budgets" | "backoff" | "verify" | "recurrence" | "next" | "source"> = {
  mode: "auto",
  budgets: [
    { scope: "target", runs: 5, windowMs: 10 * minute },
    { scope: "target", runs: 20, windowMs: 24 * 60 * minute },
  ],
  backoff: { firstMs: 1 * second, factor: 2, maxMs: 60 * second },
  verify: { windowMs: 10 * second, withinMs: 60 * second },
  recurrence: { windowMs: 60 * minute, max: 3, then: "continue" },
  next: null,
  source: "shipped",
};

const anyTarget = { target: null, labels: {} };

export const shippedRemedies: readonly Remedy[] = [
  {
    ...restartTerms,
    name: "restart-down",
    when: { kinds: ["crash", "killed", "start-failed"], ...anyTarget },
    steps: [{ action: { type: "start" }, timeoutMs: 30 * second, undo: null }],
    solution: "started again with back-off, within a budget",
  },
  {
    ...restartTerms,
    name: "free-port-and-start",
    when: { kinds: ["port-taken"], ...anyTarget },
    steps: [
      { action: { type: "free-port", port: null }, timeoutMs: 15 * second, undo: null },
      { action: { type: "start" }, timeoutMs: 30 * second, undo: null },
    ],
    solution: "the port's owner, an orphan of ours, was stopped and the service started",
  },
  {
    ...restartTerms,
    name: "replace-blocked",
    when: { kinds: ["event-loop-blocked"], ...anyTarget },
    steps: [{ action: { type: "restart", graceful: false }, timeoutMs: 30 * second, undo: null }],
    solution: "the blocked process was replaced",
  },
  {
    ...restartTerms,
    name: "restart-stalled",
    when: { kinds: ["heartbeat-missed", "unhealthy"], ...anyTarget },
    steps: [{ action: { type: "restart", graceful: true }, timeoutMs: 45 * second, undo: null }],
    solution: "restarted gracefully",
  },
  {
    ...restartTerms,
    name: "recycle-leaking",
    when: { kinds: ["memory-leak"], ...anyTarget },
    steps: [{ action: { type: "restart", graceful: true }, timeoutMs: 45 * second, undo: null }],
    solution: "recycled gracefully before the limit was reached",
  },
];

/** Actions a person asks for by name run as a remedy of their own: verified and booked like any other. */
export function manualRemedy(action: "restart" | "start" | "stop"): Remedy {
  return {
    ...restartTerms,
    name: `manual-${action}`,
    when: { kinds: ["manual"], ...anyTarget },
    steps: [
      {
        action: action === "restart" ? { type: "restart", graceful: true } : { type: action },
        timeoutMs: 60 * second,
        undo: null,
      },
    ],
    solution: `${action} by hand`,
  };
}
