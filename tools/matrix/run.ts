// One run: start, warm up, inject, watch, judge. Times are measured from the injected moment; recovery is judged by the matrix's
// own requests, never by what a supervisor says of itself.
import type { Fault } from "./faults.ts";
import { sleep, Stage, until } from "./stage.ts";
import type { Incident, Repair, SupervisorMaker } from "./supervisors/index.ts";

export interface Outcome {
  readonly fault: string;
  readonly supervisor: string;
  /** From the injected moment, ms; null: it did not happen within the run. */
  readonly detectMs: number | null;
  readonly repairMs: number | null;
  readonly recoverMs: number | null;
  /** The cause was named right; null: this supervisor names none, or there was nothing to name. */
  readonly causeRight: boolean | null;
  readonly cause: string | null;
  readonly repairs: readonly string[];
  readonly innocentRestarts: number;
  readonly criticalIssues: number;
  /** Incidents that were handed to a person. */
  readonly escalated: number;
  /** healed, told (a person knows the cause), untouched (benign, nothing done), or what went wrong. */
  readonly verdict: "healed" | "told" | "untouched" | "harmed" | "missed" | "not-healed";
  readonly note: string;
}

/** The good stretch that ends a fault, ms. */
const goodMs = 2_500;

export async function runOnce(fault: Fault, maker: SupervisorMaker): Promise<Outcome> {
  const stage = await Stage.open();
  try {
    await fault.prepare?.(stage);
    await stage.startDependency();
    const supervisor = await maker.start(stage);
    stage.supervisor = supervisor;
    stage.startTraffic();
    if (!(await until(() => stage.goodSince(2_000) !== null, 90_000)))
      throw new Error("the subject did not start well");
    await supervisor.ready();
    await sleep(fault.warmMs ?? 5_000);
    return await watch(fault, maker, stage);
  } finally {
    await stage.close();
  }
}

async function watch(fault: Fault, maker: SupervisorMaker, stage: Stage): Promise<Outcome> {
  const { supervisor } = stage;
  if (supervisor === null) throw new Error("no supervisor");
  const began = Date.now();
  stage.injected(began);
  if (fault.missing !== undefined) stage.storm(fault.missing);
  await fault.inject(stage);
  const deadline = began + (fault.limitMs ?? 60_000);
  let ended = fault.end === undefined;
  let recoveredAt: number | null = null;
  let sick = false;
  for (;;) {
    await sleep(100);
    const now = Date.now();
    if (!ended && now >= began + (fault.endsAfterMs ?? 0)) {
      ended = true;
      await fault.end?.(stage);
    }
    stage.acted ||= (await acts(stage, began)) > 0;
    sick ||= stage.seen.some((each) => each.at > began && !each.ok);
    const good = stage.goodSince(goodMs);
    // A process replaced between two looks was never seen to fail.
    const unseen = !sick && stage.wasReplaced("subject");
    const over =
      fault.isOver === undefined ? unseen || (sick && good !== null && good > began) : await fault.isOver(stage);
    if (recoveredAt === null && ended && over)
      recoveredAt = Math.max(stage.firstReplacement(began) ?? began, fault.isOver === undefined ? (good ?? now) : now);
    // What passes or waits for a person is watched to its end; what heals, until it is well and its repair has been judged.
    if (fault.ends === "heal" && recoveredAt !== null && now > recoveredAt + 1_000) break;
    if (now >= deadline) break;
  }
  return judge(fault, maker, stage, began, recoveredAt);
}

async function acts(stage: Stage, since: number): Promise<number> {
  const records = await stage.supervisor?.records(since);
  return records?.repairs.length ?? Object.values(stage.replacements(since)).reduce((sum, count) => sum + count, 0);
}

async function judge(
  fault: Fault,
  maker: SupervisorMaker,
  stage: Stage,
  began: number,
  recoveredAt: number | null,
): Promise<Outcome> {
  const records = (await stage.supervisor?.records(began - 50)) ?? null;
  const replacements = stage.replacements(began);
  const restartsOfSubject = replacements["subject"] ?? 0;
  const innocent = Object.entries(replacements).reduce(
    (sum, [name, count]) => sum + (name === "subject" ? 0 : count),
    0,
  );
  const incidents: readonly Incident[] = [...(records?.incidents ?? [])].sort((a, b) => a.detectedAt - b.detectedAt);
  const repairs: readonly Repair[] = records?.repairs ?? [];
  const firstAct = records === null ? stage.firstReplacement(began) : null;
  const detectedAt = records === null ? firstAct : (incidents[0]?.detectedAt ?? null);
  const repairAt =
    records === null ? firstAct : repairs.length === 0 ? null : Math.min(...repairs.map((repair) => repair.startedAt));
  const right = incidents.find((each) => fault.cause.test(each.rootCause ?? ""));
  const causeRight = records === null || fault.kind === "benign" ? null : right !== undefined;
  const others = repairs.filter((repair) => repair.target !== "subject");
  const wrongRestarts =
    fault.kind === "benign" || fault.ends === "person"
      ? Math.max(
          0,
          restartsOfSubject - (fault.restarts ?? 0) - (fault.name.startsWith("port-") ? restartsOfSubject : 0),
        )
      : 0;
  const innocentRestarts = innocent + wrongRestarts + others.length * (innocent === 0 ? 1 : 0);
  const criticalIssues = incidents.filter((each) => each.severity === "critical").length;
  const done = records === null ? restartsOfSubject - (fault.restarts ?? 0) : repairs.length;
  return {
    fault: fault.name,
    supervisor: maker.name,
    detectMs: detectedAt === null ? null : Math.max(0, detectedAt - began),
    repairMs: repairAt === null ? null : Math.max(0, repairAt - began),
    recoverMs: recoveredAt === null ? null : recoveredAt - began,
    causeRight,
    cause:
      (right ?? incidents.find((each) => each.rootCause !== null))?.rootCause?.replaceAll(stage.folder, "…") ?? null,
    repairs: repairs.map((repair) => `${repair.remedy}${repair.target === "subject" ? "" : ` on ${repair.target}`}`),
    innocentRestarts,
    criticalIssues,
    escalated: incidents.filter((each) => each.outcome === "escalated").length,
    verdict: verdictOf(fault, {
      done,
      recoveredAt,
      told: right !== undefined,
      innocentRestarts,
      criticalIssues,
      known: records !== null,
    }),
    note: incidents.map((each) => `${each.target}/${each.kind}${each.severity === "critical" ? "!" : ""}`).join(" "),
  };
}

function verdictOf(
  fault: Fault,
  of: {
    readonly done: number;
    readonly recoveredAt: number | null;
    readonly told: boolean;
    readonly innocentRestarts: number;
    readonly criticalIssues: number;
    readonly known: boolean;
  },
): Outcome["verdict"] {
  if (fault.kind === "benign")
    return of.done > 0 || of.innocentRestarts > 0 || of.criticalIssues > 0 ? "harmed" : "untouched";
  if (of.innocentRestarts > 0) return "harmed";
  if (fault.ends === "person") return of.told ? "told" : "missed";
  if (of.recoveredAt === null) return of.told ? "told" : of.known ? "not-healed" : "missed";
  return "healed";
}
