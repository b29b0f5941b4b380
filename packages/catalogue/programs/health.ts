// 200 health checks in one monitor: most are quick, 10 never answer, one holds the thread. POST /break makes them so, POST
// /heal lets them answer again, GET /result tells how the rounds went, POST /stop stops the monitor and tells what was left.
import { healthMonitor } from "@prunella/resilience";
import { guardsOn, serve, sleep } from "./kit.ts";

const intervalMs = 1_000;
const checksMax = 200;
const stuck = new Set<number>();
let blocking = false;
const release = new Set<() => void>();
const rounds: { ms: number; healthy: number; onTime: number }[] = [];
let answered = 0;

function check(number: number): unknown {
  if (number === 199 && blocking) {
    const until = performance.now() + 300;
    while (performance.now() < until);
    return true;
  }
  if (stuck.has(number)) return new Promise<void>((resolve) => release.add(resolve));
  return sleep(5).then(() => true);
}

const monitor = healthMonitor({ name: "checks", intervalMs });
let lastRoundAt = performance.now();
let running = true;

if (guardsOn) {
  for (let number = 0; number < checksMax; number += 1)
    monitor.add({ name: `check-${number}`, check: () => check(number) });
  const roundsMs = (): number => monitor.snapshot().values["roundLastMs"] ?? 0;
  monitor.listen(() => undefined);
  monitor.start();
  setInterval(() => {
    const results = monitor.results();
    answered = results.filter((each) => each.status === "healthy").length;
    const onTime = results.filter((each) => each.status === "healthy" && each.durationMs <= 0.8 * intervalMs).length;
    rounds.push({ ms: roundsMs(), healthy: answered, onTime });
    if (rounds.length > 600) rounds.shift();
    lastRoundAt = performance.now();
  }, intervalMs).unref();
} else {
  void (async () => {
    while (running) {
      const startedAt = performance.now();
      let healthy = 0;
      for (let number = 0; number < checksMax && running; number += 1)
        if ((await check(number)) !== false) healthy += 1;
      answered = healthy;
      rounds.push({ ms: performance.now() - startedAt, healthy, onTime: healthy });
      lastRoundAt = performance.now();
      await sleep(intervalMs);
    }
  })();
}

serve({
  "/break": () => {
    for (let number = 0; number < 10; number += 1) stuck.add(number * 19);
    blocking = true;
    rounds.length = 0;
    return { stuck: stuck.size };
  },
  "/heal": () => {
    stuck.clear();
    blocking = false;
    for (const each of release) each();
    release.clear();
    return "healing";
  },
  "/result": () => {
    // The first round after the break may have begun before it.
    const seen = rounds.slice(2);
    return {
      rounds: seen.length,
      sinceLastRoundMs: Math.round(performance.now() - lastRoundAt),
      roundMsMax: Math.round(Math.max(0, ...seen.map((each) => each.ms))),
      othersHealthyMin: seen.length === 0 ? 0 : Math.min(...seen.map((each) => each.healthy)),
      othersOnTimeMin: seen.length === 0 ? 0 : Math.min(...seen.map((each) => each.onTime)),
      defaultRoundMs: healthMonitor().snapshot().values["roundMs"],
    };
  },
  "/stop": async () => {
    for (let number = 0; number < 10; number += 1) stuck.add(number * 19);
    await sleep(300);
    const before = count("Timeout");
    const asked = performance.now();
    running = false;
    if (guardsOn) await monitor.stop();
    else await new Promise((resolve) => setTimeout(resolve, 5 * intervalMs));
    const stoppedMs = performance.now() - asked;
    const roundsBefore = monitor.snapshot().counts["rounds"];
    await sleep(1.5 * intervalMs);
    return {
      stoppedMs: Math.round(stoppedMs),
      timersBefore: before,
      roundsAfterStop: (monitor.snapshot().counts["rounds"] ?? 0) - (roundsBefore ?? 0),
      state: monitor.snapshot().state,
    };
  },
});

function count(kind: string): number {
  return process.getActiveResourcesInfo().filter((each) => each === kind).length;
}
