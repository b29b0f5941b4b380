// Two loops that inform each other. POST /fault?kind=never|spin|mutual breaks an iteration; GET /result tells how both went on.
// Without guards the loops are written as they usually are: work, then sleep, and an update awaits the other side.
import { dualLoop, type CrossLink, type DualLoop } from "@prunella/resilience";
import { guardsOn, serve, sleep, until } from "./kit.ts";

const intervalMs = 500;
type Side = "detection" | "healing";
type Fault = "never" | "spin" | "mutual";

const starts: Record<Side, number[]> = { detection: [], healing: [] };
/** The fault that the next iteration of a side runs into, and when it did. */
const waiting: { fault: Fault | null; at: number } = { fault: null, at: 0 };
const armed: Record<Side, Fault | null> = { detection: null, healing: null };

function arm(fault: Fault): void {
  waiting.fault = fault;
  waiting.at = 0;
  if (fault === "never") armed.detection = fault;
  else if (fault === "spin") armed.healing = fault;
  else armed.detection = armed.healing = fault;
}

/** One iteration of a side; `ask` waits until the other side has taken an update. */
async function iterate(side: Side, ask: () => Promise<void>): Promise<void> {
  starts[side].push(performance.now());
  if (starts[side].length > 1_000) starts[side].shift();
  const fault = armed[side];
  if (fault === null) return;
  armed[side] = null;
  if (waiting.at === 0) waiting.at = performance.now();
  switch (fault) {
    case "never":
      await new Promise<void>(() => undefined);
      return;
    case "spin":
      spinForEver();
      return;
    case "mutual":
      // Each side waits for the other to take its update, and neither takes one while it waits.
      await ask();
      return;
    default:
      fault satisfies never;
  }
}

function spinForEver(): void {
  for (let turns = 0; ; turns = (turns + 1) % 1_000_003) if (turns < 0) return;
}

function guardedLoops(): DualLoop {
  const side = (name: Side) => ({
    name,
    intervalMs,
    run: (_iteration: unknown, link: CrossLink<string, string>) => iterate(name, () => link.ask("update")),
  });
  const loops = dualLoop<string, string>({ name: "engine", first: side("detection"), second: side("healing") });
  loops.start();
  return loops;
}

function bareLoops(): void {
  const free: Record<Side, Promise<void>> = { detection: Promise.resolve(), healing: Promise.resolve() };
  const run = async (name: Side, other: Side): Promise<never> => {
    for (;;) {
      const iteration = iterate(name, () => free[other]);
      free[name] = iteration.catch(() => undefined);
      await iteration;
      await sleep(intervalMs);
    }
  };
  void run("detection", "healing");
  void run("healing", "detection");
}

// The registry holds guards weakly: what is to be watched must be kept.
const loops = guardsOn ? guardedLoops() : null;
if (loops === null) bareLoops();

serve({
  "/fault": ({ query }) => {
    arm(query.get("kind") as Fault);
    return { armed: waiting.fault };
  },
  /** How the loops went on after the fault: waits for five periods, then looks at the gaps between starts. */
  "/result": async () => {
    await until(() => waiting.at > 0, 3 * intervalMs);
    const since = waiting.at;
    await sleep(5 * intervalMs);
    return {
      intervalMs,
      state: loops?.snapshot().state ?? null,
      detection: after("detection", since),
      healing: after("healing", since),
    };
  },
});

function after(side: Side, since: number): { gapMsMax: number; iterations: number } {
  const seen = starts[side].filter((at) => at >= since - intervalMs);
  const ends = [...seen, performance.now()];
  const gaps = ends.slice(1).map((at, index) => at - (ends[index] ?? at));
  return { gapMsMax: Math.round(Math.max(...gaps)), iterations: seen.filter((at) => at > since).length };
}
