// The detectors: from a target's view to the whole set of findings that hold now. Pure and level-triggered: the same view
// and time give the same set. Each detector is one function; the list at the top is the table of what Prunella finds here.
import type { TimeMs } from "../signal/index.ts";
import { guardsTripped } from "./guards.ts";
import { memoryLeak } from "./memory.ts";
import type { Evidence, Finding, Severity } from "./finding.ts";
import type { LastExit, TargetView } from "./view.ts";

export type Detector = (view: TargetView, now: TimeMs) => readonly Finding[];

/** Shipped detectors, in the order in which their findings are listed. Plugins add to the end. */
export const detectors: Readonly<Record<string, Detector>> = {
  process: processDown,
  eventLoop: eventLoopBlocked,
  heartbeat: heartbeatMissed,
  memory: memoryLeak,
  checks: checksFailing,
  errors: errorsSeen,
  guards: guardsTripped,
  reported: reportedFaults,
};

/** An error group or a guard's trip is over when nothing was heard of it for this long. */
export const quietMs = 60_000;
/** A stall is over when its last report is this old (the probe repeats it every 500 ms). */
export const stallSilenceMs = 2_500;
/** From this long a blocked event loop is a fault worth acting on, unless the thread sleeps (then from 2 s). */
export const blockedRipeMs = 5_000;
export const blockedAsleepRipeMs = 2_000;
/** An exit whose circumstances are not known after this long is filed without them. */
export const exitKnownMs = 750;
/** A dependency that Prunella does not run must be gone this long before a person is called. */
export const dependencyRipeMs = 30_000;

/** All findings that hold, and the view's healthy stretch brought up to date. */
export function detect(view: TargetView, now: TimeMs, extra: readonly Detector[] = []): Finding[] {
  const findings = [...Object.values(detectors), ...extra].flatMap((detector) => detector(view, now));
  const fresh = view.seenAt !== null && now - view.seenAt <= staleMs(view);
  if (findings.some(isUnhealthy) || !fresh || !hasBeenSeenGood(view)) view.healthySince = null;
  else {
    view.healthySince ??= healthyFrom(view, now);
    view.goodAt = now;
  }
  return findings;
}

/** Errors and guard trips are faults of requests, not of the target as a whole: they do not break its healthy stretch. */
function isUnhealthy(finding: Finding): boolean {
  return !(
    finding.kind === "error" ||
    finding.kind === "guard-tripped" ||
    finding.kind === "signals-lost" ||
    (finding.kind === "memory-leak" && !finding.ripe)
  );
}

/** After this silence nothing is known any more (invariant 9: no data is not health). */
export function staleMs(view: TargetView): number {
  const slowest = Math.max(1_000, ...view.spec.checks.map((check) => check.everyMs));
  return slowest * 3 + 2_000;
}

/** Every source of truth about the target has said "good" at least once since the process started. */
function hasBeenSeenGood(view: TargetView): boolean {
  if (view.spec.kind === "service" && view.process?.running !== true) return false;
  return view.spec.checks.every(
    (role) => role.role !== "liveness" || (view.checks.get(role.name)?.okAt ?? null) !== null,
  );
}

function healthyFrom(view: TargetView, now: TimeMs): TimeMs {
  const since = [
    view.process?.running === true ? view.process.since : 0,
    ...[...view.checks.values()].map((check) => check.okAt ?? 0),
  ];
  // The stretch begins with the latest of the conditions that had to become true, never in the future.
  return Math.min(now, Math.max(...since, 0) || now);
}

function finding(
  view: TargetView,
  now: TimeMs,
  of: Partial<Finding> & Pick<Finding, "kind" | "summary" | "severity">,
): Finding {
  return {
    target: view.spec.key,
    distinguisher: "",
    class: "fault",
    beganAt: view.goodAt ?? now,
    detectedAt: now,
    certainty: "inferred",
    down: false,
    ripe: true,
    events: 1,
    evidence: [],
    ...of,
  };
}

function processDown(view: TargetView, now: TimeMs): Finding[] {
  if (view.spec.kind !== "service") return [];
  const down = view.process !== null && !view.process.running && view.process.wanted;
  if (view.startFailed !== null && view.process?.running !== true) {
    const { at, reason, lastLines, events } = view.startFailed;
    return [
      finding(view, now, {
        kind: "start-failed",
        severity: "critical",
        summary: `${view.spec.key} cannot be started: ${reason}`,
        beganAt: view.goodAt ?? at,
        certainty: "witnessed",
        down: true,
        events,
        evidence: lines(at, lastLines),
      }),
    ];
  }
  if (!down) return [];
  const exit = view.lastExit;
  if (exit === null) {
    // How it ended is told by an event of its own, which may be on its way.
    if (now - (view.process?.since ?? now) < exitKnownMs) return [];
    return [
      finding(view, now, {
        kind: "crash",
        severity: "critical",
        summary: `${view.spec.key} is not running`,
        certainty: "witnessed",
        down: true,
        evidence: [],
      }),
    ];
  }
  const port = portTaken(exit);
  const common = {
    beganAt: exit.at,
    certainty: "witnessed",
    down: true,
    events: exit.events,
    evidence: exitEvidence(exit),
  } as const;
  if (port !== null) {
    return [
      finding(view, now, {
        ...common,
        kind: "port-taken",
        distinguisher: port,
        severity: "medium",
        summary: `port ${port} that ${view.spec.key} needs is taken`,
      }),
    ];
  }
  if (exit.exit.outOfMemory) {
    return [
      finding(view, now, {
        ...common,
        kind: "killed",
        distinguisher: "out-of-memory",
        severity: "critical",
        summary: `${view.spec.key} was killed by the kernel: out of memory`,
      }),
    ];
  }
  if (exit.exit.signal !== null && !crashSignals.has(exit.exit.signal)) {
    return [
      finding(view, now, {
        ...common,
        kind: "killed",
        distinguisher: exit.exit.signal,
        severity: "critical",
        summary: `${view.spec.key} was killed by ${exit.exit.signal}`,
      }),
    ];
  }
  return [
    finding(view, now, {
      ...common,
      kind: "crash",
      distinguisher: exit.error?.name ?? "",
      severity: "critical",
      summary: crashSummary(view.spec.key, exit),
    }),
  ];
}

/** Signals that a process brings upon itself; others come from outside. */
const crashSignals = new Set(["SIGSEGV", "SIGABRT", "SIGBUS", "SIGFPE", "SIGILL", "SIGSYS", "SIGTRAP"]);

function crashSummary(target: string, { exit, error }: LastExit): string {
  const how =
    exit.signal !== null
      ? `died of ${exit.signal}`
      : exit.code === null
        ? "ended (its status is unknown)"
        : `exited with ${exit.code}`;
  return error === null ? `${target} ${how}` : `${target} ${how}: ${error.name}: ${error.message}`.slice(0, 300);
}

/** The port named by an EADDRINUSE in the error or the last lines; "unknown" when the message names none. */
export function portTaken(exit: Pick<LastExit, "error" | "lastLines">): string | null {
  const text = [exit.error?.code, exit.error?.message, ...exit.lastLines].join("\n");
  if (!/EADDRINUSE|address already in use/i.test(text)) return null;
  return (
    /(?:EADDRINUSE|already in use)[^\n]*?:(\d{2,5})\b/i.exec(text)?.[1] ??
    /\bport:?\s*(\d{2,5})\b/i.exec(text)?.[1] ??
    "unknown"
  );
}

function exitEvidence(exit: LastExit): Evidence[] {
  const how = exit.exit.signal !== null ? `signal ${exit.exit.signal}` : `status ${exit.exit.code ?? "unknown"}`;
  const evidence: Evidence[] = [
    {
      at: exit.at,
      what: "exit",
      summary: `pid ${exit.pid} ended with ${how} after ${Math.round(exit.uptimeMs / 100) / 10} s`,
    },
  ];
  if (exit.error !== null) {
    evidence.push({
      at: exit.at,
      what: "error",
      summary: `${exit.error.name}: ${exit.error.message}`.slice(0, 300),
      ...(exit.error.stack === null ? {} : { text: exit.error.stack.slice(0, 8_000) }),
    });
  }
  return [...evidence, ...lines(exit.at, exit.lastLines)];
}

function lines(at: TimeMs, last: readonly string[]): Evidence[] {
  return last.length === 0
    ? []
    : [{ at, what: "log", summary: "last lines of its output", text: last.slice(-20).join("\n").slice(-8_000) }];
}

function eventLoopBlocked(view: TargetView, now: TimeMs): Finding[] {
  const stall = view.stall;
  if (stall === null || view.process?.running !== true || now - stall.at > stallSilenceMs) return [];
  const blockedMs = stall.blockedMs + (now - stall.at);
  const asleep = stall.cpuShare < 0.1;
  const ripe = blockedMs >= (asleep ? blockedAsleepRipeMs : blockedRipeMs);
  return [
    finding(view, now, {
      kind: "event-loop-blocked",
      severity: ripe || asleep ? "critical" : "medium",
      summary: `the event loop of ${view.spec.key} has been blocked for ${(blockedMs / 1000).toFixed(1)} s at ${Math.round(stall.cpuShare * 100)} % of a core`,
      beganAt: stall.since,
      certainty: "witnessed",
      ripe,
      evidence: [
        {
          at: stall.at,
          what: "stall",
          summary: `no turn of the event loop for ${stall.blockedMs} ms, using ${Math.round(stall.cpuShare * 100)} % of a core`,
        },
      ],
    }),
  ];
}

function heartbeatMissed(view: TargetView, now: TimeMs): Finding[] {
  const limitMs = view.spec.heartbeatMs;
  if (limitMs === undefined || view.process?.running !== true) return [];
  const last = view.heartbeatAt ?? view.process.since + Math.max(0, view.spec.startupMs - limitMs);
  const silentMs = now - last;
  if (silentMs <= limitMs) return [];
  return [
    finding(view, now, {
      kind: "heartbeat-missed",
      severity: "critical",
      summary: `${view.spec.key} runs but has given no heartbeat for ${Math.round(silentMs / 1000)} s (allowed: ${limitMs / 1000} s)`,
      beganAt: last,
      evidence: [
        {
          at: now,
          what: "check",
          summary:
            view.heartbeatAt === null
              ? "no heartbeat since it started"
              : `last heartbeat ${Math.round(silentMs / 1000)} s ago`,
        },
      ],
    }),
  ];
}

function checksFailing(view: TargetView, now: TimeMs): Finding[] {
  // A process that is down or blocked fails its checks by necessity; that is one fault, not two.
  if (view.spec.kind === "service" && view.process?.running !== true) return [];
  if (eventLoopBlocked(view, now).length > 0) return [];
  const findings: Finding[] = [];
  for (const role of view.spec.checks) {
    const check = view.checks.get(role.name);
    if (check === undefined || !check.failing || role.role !== "liveness") continue;
    const external = view.spec.kind === "external";
    const failingMs = now - (check.failingSince ?? now);
    findings.push(
      finding(view, now, {
        kind: external ? "dependency-down" : "unhealthy",
        distinguisher: role.name,
        severity: "critical",
        summary: external
          ? `${view.spec.key} does not answer: ${check.message}`
          : `${view.spec.key} runs but fails its check ${role.name}: ${check.message}`,
        beganAt: check.okAt ?? check.failingSince ?? now,
        ripe: !external || failingMs >= dependencyRipeMs,
        evidence: [
          {
            at: check.at,
            what: "check",
            summary: `${role.name}: ${check.message} (${check.failuresInRow} failures in a row)`,
          },
        ],
      }),
    );
  }
  return findings;
}

function errorsSeen(view: TargetView, now: TimeMs): Finding[] {
  const findings: Finding[] = [];
  for (const [group, seen] of view.errors) {
    if (now - seen.at > quietMs) continue;
    findings.push(
      finding(view, now, {
        kind: "error",
        distinguisher: group,
        severity: "medium",
        summary: `${seen.error.name}: ${seen.error.message}`.slice(0, 300),
        beganAt: seen.since,
        certainty: "witnessed",
        events: seen.events,
        evidence: [
          {
            at: seen.at,
            what: "error",
            summary: `${seen.origin}: ${seen.error.name}: ${seen.error.message}`.slice(0, 300),
            ...(seen.error.stack === null ? {} : { text: seen.error.stack.slice(0, 8_000) }),
          },
        ],
      }),
    );
  }
  return findings;
}

function reportedFaults(view: TargetView, now: TimeMs): Finding[] {
  return [...view.reported.values()]
    .filter((entry) => entry.finding.kind !== "signals-lost" || now - entry.at <= quietMs)
    .map(({ finding: reported, since, events }) =>
      finding(view, now, {
        kind: reported.kind,
        distinguisher: reported.distinguisher,
        severity: reported.severity satisfies Severity,
        summary: reported.summary,
        beganAt: since,
        events,
      }),
    );
}
