// Game days: drills that run by themselves. Whether one runs is decided by a pure function; this shell asks the cron lines,
// starts what is due, and tells the engine what the results say of the remedies that they prove.
import type { DrillPlan } from "@prunella/adapters";
import {
  remedyProofs,
  type Clock,
  type DrillRun,
  type Engine,
  type Incident,
  type Log,
  type Store,
} from "@prunella/core";
import { Cron } from "croner";
import type { Drills } from "./drills.ts";

/** The schedule is looked at this often, ms. */
const lookMs = 20_000;
/** A drill that could not begin when it was due is tried again for this long, ms; then it waits for its next time. */
export const dueMsMax = 3_600_000;
/** Runs of each drill looked at for what they say of the remedies that it proves. */
const runsLooked = 50;

export interface GameDays {
  /** When a drill runs by itself, in words; null: never. */
  schedule(drill: string): string | null;
  stop(): void;
}

export interface GameDaysOptions {
  readonly plans: () => readonly DrillPlan[];
  readonly drills: () => Pick<Drills, "run" | "running">;
  readonly engine: Pick<Engine, "world" | "command">;
  readonly store: Pick<Store, "drillRuns">;
  readonly clock: Clock;
  readonly log: Log;
}

export type Answer = { readonly run: true } | { readonly run: false; readonly why: string; readonly again: boolean };

/** Whether a drill that is due may begin now. `again`: it is asked anew until it is too late. */
export function mayBegin(
  plan: Pick<DrillPlan, "window" | "timezone">,
  at: {
    readonly now: number;
    readonly dueAt: number;
    readonly incidents: readonly Pick<Incident, "id" | "state" | "drill">[];
    readonly running: string | null;
    readonly paused: boolean;
  },
): Answer {
  const wait = (why: string): Answer => ({ run: false, why, again: at.now - at.dueAt < dueMsMax });
  if (plan.window !== null && !isWithin(plan.window, minuteOfDay(at.now, plan.timezone)))
    return { run: false, why: "it is outside of its window", again: false };
  const open = at.incidents.find((incident) => incident.state !== "ended" && !incident.drill);
  if (open !== undefined) return wait(`${open.id} is open`);
  if (at.paused) return wait("repairs are paused");
  if (at.running !== null) return wait(`${at.running} is running`);
  return { run: true };
}

function isWithin({ fromMinute, toMinute }: NonNullable<DrillPlan["window"]>, minute: number): boolean {
  return fromMinute <= toMinute ? minute >= fromMinute && minute < toMinute : minute >= fromMinute || minute < toMinute;
}

function minuteOfDay(now: number, timezone: string | null): number {
  const parts = new Intl.DateTimeFormat("en-GB", {
    hour: "2-digit",
    minute: "2-digit",
    hourCycle: "h23",
    ...(timezone === null ? {} : { timeZone: timezone }),
  }).formatToParts(now);
  const part = (type: string): number => Number(parts.find((each) => each.type === type)?.value ?? 0);
  return part("hour") * 60 + part("minute");
}

export function gameDays(options: GameDaysOptions): GameDays {
  const { clock, log, engine, store } = options;
  const startedAt = clock.now();
  /** Up to when each plan's times have been dealt with; kept by what the plan says, so that a changed one begins anew. */
  const dealtWith = new Map<string, number>();
  const told = new Map<string, string>();
  let looking = false;

  const nextOf = (plan: DrillPlan, after: number): number | null =>
    new Cron(plan.cron, { ...(plan.timezone === null ? {} : { timezone: plan.timezone }), paused: true })
      .nextRun(new Date(after))
      ?.getTime() ?? null;

  async function look(): Promise<void> {
    const plans = options.plans();
    const known = new Set(plans.map((plan) => JSON.stringify(plan)));
    for (const map of [dealtWith, told]) for (const key of map.keys()) if (!known.has(key)) map.delete(key);
    for (const plan of plans) {
      const key = JSON.stringify(plan);
      const from = dealtWith.get(key) ?? clock.now();
      dealtWith.set(key, from);
      const dueAt = nextOf(plan, from);
      if (dueAt === null || dueAt > clock.now()) continue;
      const answer = mayBegin(plan, {
        now: clock.now(),
        dueAt,
        incidents: [...engine.world.incidents.values()],
        running: options.drills().running,
        paused: engine.world.settings.paused !== null,
      });
      if (!answer.run) {
        if (told.get(key) !== answer.why) log.write("info", "drill-skipped", { drill: plan.drill, why: answer.why });
        told.set(key, answer.why);
        if (!answer.again) dealtWith.set(key, dueAt);
        continue;
      }
      told.delete(key);
      dealtWith.set(key, dueAt);
      const run = await options.drills().run(plan.drill, false, plan.experiment ?? undefined);
      log.write(run.state === "passed" ? "info" : "warn", "drill-ended", {
        drill: plan.drill,
        run: run.id,
        state: run.state,
      });
    }
    const scheduled = plans.filter((plan) => plan.remedies.length > 0).map((plan) => ({ ...plan, since: startedAt }));
    if (scheduled.length === 0) return;
    const runs: DrillRun[] = [];
    for (const drill of new Set(scheduled.map((plan) => plan.drill)))
      runs.push(...(await store.drillRuns({ drill, limit: runsLooked })).items);
    await engine.command({
      type: "drill-standings",
      by: "drill",
      verdicts: remedyProofs(scheduled, runs, clock.now()),
    });
  }

  function begin(): void {
    if (looking) return;
    looking = true;
    look()
      .catch((error: unknown) => log.write("error", "game-days-failed", { message: String(error) }))
      .finally(() => (looking = false));
  }

  // From now on, not from the first look on, is what falls due.
  begin();
  const timer = setInterval(begin, lookMs);
  timer.unref();

  return {
    schedule(drill) {
      const own = options.plans().filter((plan) => plan.drill === drill);
      if (own.length === 0) return null;
      return own
        .map((plan) => {
          const next = nextOf(plan, clock.now());
          return `${plan.cron}${plan.timezone === null ? "" : ` (${plan.timezone})`}${next === null ? "" : `, next ${new Date(next).toISOString()}`}`;
        })
        .join("; ");
    },
    stop: () => clearInterval(timer),
  };
}
