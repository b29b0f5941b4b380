// The remedies Prunella ships. Restarting a process that it runs itself is what people start it for, hence "auto"; so is what a
// service's own configuration declares for the purpose (a file to restore, a lock to remove, a cache to clear). Everything else
// is proposed. The budgets make sure that it ends. Figures: see docs/decisions/repair-defaults.md.
import type { FaultKind } from "../detection/index.ts";
import { otherKinds, step, type Action, type Mode, type Remedy } from "./remedy.ts";

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

/** What restarts a running process for how it answers is tried twice in a quarter of an hour; then it is no matter of restarts. */
const seldomTerms = {
  ...restartTerms,
  budgets: [
    { scope: "target", runs: 2, windowMs: 15 * minute },
    { scope: "target", runs: 6, windowMs: 24 * 60 * minute },
  ],
  recurrence: { windowMs: 60 * minute, max: 2, then: "stop" },
} as const satisfies Partial<Remedy>;

/** Changes of files: once, and again only after a while; a file that turns bad again and again is a person's business. */
const fileTerms = {
  ...restartTerms,
  budgets: [
    { scope: "target", runs: 2, windowMs: 10 * minute },
    { scope: "target", runs: 6, windowMs: 24 * 60 * minute },
  ],
  recurrence: { windowMs: 60 * minute, max: 3, then: "stop" },
} as const satisfies Partial<Remedy>;

const anyTarget = { target: null, labels: {} };
const graceful: Action = { type: "restart", graceful: true };

interface Entry extends Partial<Remedy> {
  readonly name: string;
  readonly kinds: readonly FaultKind[];
  readonly causes?: readonly string[];
  readonly unlessCauses?: readonly string[];
  readonly labels?: Readonly<Record<string, string>>;
  readonly do: readonly Action[];
  readonly solution: string;
  readonly mode?: Mode;
}

function remedy({ kinds, causes, unlessCauses, labels, do: actions, ...of }: Entry): Remedy {
  return {
    ...restartTerms,
    when: {
      ...anyTarget,
      kinds,
      ...(labels === undefined ? {} : { labels }),
      ...(causes === undefined ? {} : { causes }),
      ...(unlessCauses === undefined ? {} : { unlessCauses }),
    },
    steps: actions.map((action) => step(action, action.type === "restart" ? { timeoutMs: 45 * second } : {})),
    ...of,
  };
}

/** Causes that lie outside the process: a restart of it would not help. */
const outside = [
  "dependency",
  "name-resolution",
  "certificate",
  "config-changed",
  "config-syntax",
  "release-changed",
  "disk-full",
  "stale-lock",
];
const badConfig = ["config-syntax", "config-changed+crash-loop"];

export const shippedRemedies: readonly Remedy[] = [
  remedy({
    name: "restart-down",
    kinds: ["crash", "killed", "start-failed"],
    do: [{ type: "start" }],
    solution: "started again with back-off, within a budget",
  }),
  remedy({
    ...fileTerms,
    name: "restore-config-and-start",
    kinds: ["crash", "start-failed"],
    causes: badConfig,
    do: [{ type: "restore", what: "config", path: null }, { type: "start" }],
    next: "restart-down",
    solution: "the configuration with which it last ran well was restored, the bad one kept, and it was started",
  }),
  remedy({
    ...fileTerms,
    name: "restore-release-and-start",
    kinds: ["crash", "start-failed"],
    causes: ["release-changed+crash-loop"],
    do: [{ type: "restore", what: "release", path: null }, { type: "start" }],
    next: "restart-down",
    solution: "the release with which it last ran well was put in place, and it was started",
  }),
  remedy({
    ...fileTerms,
    name: "quarantine-and-start",
    kinds: ["crash"],
    causes: ["poison-record"],
    budgets: [
      { scope: "target", runs: 3, windowMs: 10 * minute },
      { scope: "target", runs: 10, windowMs: 24 * 60 * minute },
    ],
    do: [{ type: "quarantine", path: null }, { type: "start" }],
    next: "restart-down",
    solution: "the record that it could not digest was put aside, and it was started",
  }),
  remedy({
    ...fileTerms,
    name: "unlock-and-start",
    kinds: ["crash", "start-failed"],
    causes: ["stale-lock"],
    do: [{ type: "unlock", path: null }, { type: "start" }],
    next: "restart-down",
    solution: "the lock of a dead process was removed, and it was started",
  }),
  remedy({
    ...fileTerms,
    name: "unlock",
    kinds: ["stale-lock"],
    do: [{ type: "unlock", path: null }],
    verify: { windowMs: 5 * second, withinMs: 60 * second },
    next: "restart-stalled",
    solution: "the lock of a dead process was removed",
  }),
  remedy({
    ...fileTerms,
    name: "restore-config",
    kinds: ["config-bad"],
    causes: ["config-syntax", "config-changed"],
    do: [{ type: "restore", what: "config", path: null }, graceful],
    solution: "the configuration with which it last ran well was restored, the bad one kept, and it was restarted",
  }),
  remedy({
    ...fileTerms,
    name: "restore-release",
    kinds: ["config-bad"],
    causes: ["release-changed"],
    do: [{ type: "restore", what: "release", path: null }, graceful],
    solution: "the release with which it last ran well was put in place, and it was restarted",
  }),
  remedy({
    name: "free-port-and-start",
    kinds: ["port-taken"],
    do: [{ type: "free-port", port: null }, { type: "start" }],
    solution: "the port's owner, an orphan of ours, was stopped and the service started",
  }),
  remedy({
    name: "replace-blocked",
    kinds: ["event-loop-blocked"],
    do: [{ type: "restart", graceful: false }],
    solution: "the blocked process was replaced",
  }),
  remedy({
    name: "restart-stalled",
    kinds: ["heartbeat-missed", "unhealthy"],
    do: [graceful],
    solution: "restarted gracefully",
  }),
  remedy({
    name: "recycle-leaking",
    kinds: ["memory-leak", "descriptor-leak"],
    do: [graceful],
    solution: "recycled gracefully before the limit was reached",
  }),
  remedy({
    name: "recycle-exhausted",
    kinds: ["pool-exhausted"],
    causes: ["not-returned"],
    do: [graceful],
    solution: "restarted gracefully, which gave back what was lent and never returned",
  }),
  remedy({
    ...seldomTerms,
    name: "restart-erroring",
    kinds: ["error-rate"],
    unlessCauses: outside,
    do: [graceful],
    solution: "restarted gracefully",
  }),
  remedy({
    ...seldomTerms,
    name: "restart-slow",
    kinds: ["high-latency"],
    unlessCauses: [...outside, "tail"],
    do: [graceful],
    solution: "restarted gracefully",
  }),
  remedy({
    ...fileTerms,
    name: "prune-folder",
    kinds: ["disk-filling", "disk-full", "inodes-exhausted"],
    causes: ["log", "cache"],
    do: [{ type: "prune", path: null, keepShare: 0.5, olderThanMs: 0 }],
    verify: { windowMs: 5 * second, withinMs: 60 * second },
    solution: "the oldest files of a folder declared as log or cache were removed",
  }),
  remedy({
    ...restartTerms,
    name: "scale-consumers",
    kinds: ["queue-growth"],
    causes: ["saturated"],
    unlessCauses: ["consumer-stalled"],
    labels: { "prunella.scalable": "true" },
    do: [{ type: "scale", to: null, by: 1 }],
    verify: { windowMs: 5 * second, withinMs: 120 * second },
    solution: "one more instance takes from the queue",
  }),
  remedy({
    ...seldomTerms,
    name: "restart-consumer",
    kinds: ["queue-growth"],
    causes: ["consumer-stalled+durable"],
    do: [graceful],
    solution: "the consumer that stood still was restarted; the queue is durable, so nothing was lost",
  }),
  remedy({
    ...seldomTerms,
    name: "restart-consumer-losing-queue",
    kinds: ["queue-growth"],
    causes: ["consumer-stalled"],
    mode: "approve",
    do: [graceful],
    solution: "restarted by a person's leave: what waited in the queue is lost with it",
  }),
  remedy({
    ...seldomTerms,
    name: "restart-untidy",
    kinds: ["zombie-children", "too-many-threads"],
    mode: "suggest",
    do: [graceful],
    solution: "restarted gracefully",
  }),
  // The ladder for faults that fit no entry: look again, then the mildest thing that helps against most, then a person.
  remedy({
    ...seldomTerms,
    name: "ladder-look-again",
    kinds: [otherKinds],
    do: [{ type: "wait-for", url: null }],
    next: "ladder-restart",
    solution: "it passed by itself while it was watched",
  }),
  remedy({
    ...seldomTerms,
    name: "ladder-restart",
    kinds: [otherKinds],
    mode: "approve",
    do: [graceful],
    solution: "restarted gracefully by a person's leave",
  }),
];

/** Actions a person asks for by name run as a remedy of their own: verified and booked like any other. */
export function manualRemedy(action: "restart" | "start" | "stop"): Remedy {
  return {
    ...restartTerms,
    name: `manual-${action}`,
    when: { kinds: ["manual"], ...anyTarget },
    steps: [step(action === "restart" ? graceful : { type: action }, { timeoutMs: 60 * second })],
    solution: `${action} by hand`,
  };
}
