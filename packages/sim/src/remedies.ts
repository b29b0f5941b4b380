// Remedies of the kind that people configure, for runs that meet more than restarts: several steps with undo, a person
// asked first, a remedy that follows another, one that only observes, and one that has to earn its mode.
import type { Remedy } from "@prunella/core";

const minute = 60_000;
const exec = (...argv: readonly string[]) => ({ type: "exec", argv, cwd: null }) as const;

const terms = {
  budgets: [{ scope: "target", runs: 3, windowMs: 30 * minute }],
  backoff: { firstMs: 2_000, factor: 2, maxMs: minute },
  verify: { windowMs: 5_000, withinMs: 30_000 },
  recurrence: { windowMs: 10 * minute, max: 3, then: "stop" },
  next: null,
  source: "configuration",
} as const;

export const configuredRemedies: readonly Remedy[] = [
  {
    ...terms,
    name: "drain-and-restart",
    when: { kinds: ["unhealthy"], target: "web", labels: {} },
    steps: [
      { action: exec("drain"), timeoutMs: 5_000, undo: exec("undrain") },
      { action: { type: "restart", graceful: true }, timeoutMs: 20_000, undo: null },
      { action: exec("undrain"), timeoutMs: 5_000, undo: exec("drain") },
    ],
    mode: "auto",
    next: "ask-first",
    solution: "drained, restarted, taken back",
  },
  {
    ...terms,
    name: "ask-first",
    when: { kinds: ["unhealthy", "event-loop-blocked"], target: "api", labels: {} },
    steps: [{ action: { type: "restart", graceful: false }, timeoutMs: 20_000, undo: null }],
    mode: "approve",
    earns: { verified: 2 },
    solution: "replaced after somebody agreed",
  },
  {
    ...terms,
    name: "only-watch",
    when: { kinds: ["dependency-down"], target: "db", labels: {} },
    steps: [{ action: exec("failover"), timeoutMs: 20_000, undo: exec("failback") }],
    mode: "observe",
    solution: "failed over",
  },
  {
    ...terms,
    name: "propose",
    when: { kinds: ["heartbeat-missed"], target: "worker", labels: {} },
    steps: [{ action: { type: "restart", graceful: true }, timeoutMs: 20_000, undo: null }],
    mode: "suggest",
    next: "restart-stalled",
    solution: "restarted on a proposal",
  },
];
