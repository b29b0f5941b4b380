// Everything that is learned, behind one face: the engine hands it each signal and log line, asks once an iteration what
// holds, and saves what it learned with the commits that are due anyway. No clock, no store; bounded part by part.
import type { Learned } from "../../ports.ts";
import {
  ownTarget,
  type ErrorFacts,
  type Signal,
  type TargetKey,
  type TargetSpec,
  type TimeMs,
} from "../../signal/index.ts";
import type { Evidence, Finding } from "../finding.ts";
import type { TargetView } from "../view.ts";
import { newAnomalies } from "./anomalies.ts";
import { newCauses, type LearnedEdges } from "./causes.ts";
import { changeEvidence, movesOf, type Change } from "./change-points.ts";
import { defaultDetection, type Detection } from "./config.ts";
import { newEscalations } from "./errors.ts";
import { newForecasts } from "./forecast.ts";
import { newHistory, type Point } from "./history.ts";
import { newLogs, type LogLine, type LogTemplate } from "./logs.ts";
import { newPeerGroups } from "./peer-groups.ts";
import { newRules } from "./rules.ts";
import { newSaver } from "./saving.ts";

export interface Learner {
  configure(detection: Detection, targets: readonly TargetSpec[]): void;
  /** After the view has observed the signal. */
  observe(signal: Signal, view: TargetView): void;
  /** Lines of one target's output, in the order in which they were written. */
  lines(target: TargetKey, lines: readonly LogLine[]): void;
  /** Lets time pass; once an iteration, before `findings`. */
  advance(now: TimeMs): void;
  /** What holds for the target now, beside what the plain detectors say. */
  findings(view: TargetView, now: TimeMs): Finding[];
  /** The same findings, those on errors with what the counts by hour say. */
  escalated(target: TargetKey, findings: readonly Finding[], now: TimeMs): Finding[];
  /** The events that the findings counted are in a commit. */
  taken(): void;
  /** Errors with stacks found in log lines since the last call, for the views. */
  takeErrors(): { readonly target: TargetKey; readonly at: TimeMs; readonly error: ErrorFacts }[];
  /** What the learned state adds to an incident that is being diagnosed; at most eight pieces. */
  evidence(
    of: { readonly target: TargetKey; readonly beganAt: TimeMs; readonly detectedAt: TimeMs },
    views: ReadonlyMap<TargetKey, TargetView>,
  ): Evidence[];
  edges(now: TimeMs): LearnedEdges;
  /** Units whose turn it is to be saved. */
  save(now: TimeMs, charactersMax: number): Learned[];
  readonly read: LearnedFace;
}

/** For reading only: what screens show. */
export interface LearnedFace {
  metrics(target: TargetKey): string[];
  /** The last ten minutes as they came, from <= at < to. */
  raw(target: TargetKey, metric: string, from: TimeMs, to: TimeMs): Point[];
  templates(target: TargetKey, now: TimeMs): LogTemplate[];
  templateText(target: TargetKey, id: string): string | null;
  /** Level and message of one line, as the log detectors read it. */
  line(target: TargetKey, text: string): { readonly level: string | null; readonly message: string };
  counters(): Readonly<Record<string, number>>;
}

/** After a start, values say how it starts, not how it is: neither judged nor learned for this long, ms. */
export const settleMs = 60_000;
/** Around an incident, metrics are looked at from so long before it began, ms. */
const lookBackMs = 300_000;

export function newLearner(saved: readonly Learned[]): Learner {
  const known = new Map(saved.map((row) => [row.id, row]));
  const saver = newSaver();
  let detection: Detection = defaultDetection;
  let off = new Set<TargetKey>();
  const history = newHistory();
  const anomalies = newAnomalies({ learnMs: () => detection.learnMs }, saver, known);
  const rules = newRules(saver, known);
  const peerGroups = newPeerGroups();
  const forecasts = newForecasts(saver, known);
  const causes = newCauses(saver, known);
  const escalations = newEscalations(saver, known);
  let fromLogs: { readonly target: TargetKey; readonly at: TimeMs; readonly error: ErrorFacts }[] = [];
  let counted: {
    readonly target: TargetKey;
    readonly fingerprint: string;
    readonly at: TimeMs;
    readonly events: number;
  }[] = [];
  let errorsOfLogs = 0;
  const logs = newLogs(
    {
      // A stream of lines needs less time than a metric: it says much more a minute.
      learnMs: () => Math.min(600_000, detection.learnMs),
      onError: (target, at, error) => {
        errorsOfLogs += 1;
        if (fromLogs.length < errorsOfLogsMax) fromLogs.push({ target, at, error });
      },
    },
    saver,
    known,
  );
  let keys = new Set<TargetKey>();

  function take(view: TargetView, source: string, at: TimeMs, values: Readonly<Record<string, number>>): void {
    const target = view.spec.key;
    history.take(target, source, at, values);
    rules.take(target, at, values);
    if (off.has(target) || off.has(view.spec.group)) return;
    if (detection.anomalies) anomalies.take(target, at, values, isSettled(view, at));
    if (source !== "sample") return;
    if (detection.peers && isSettled(view, at)) peerGroups.take(target, at, values);
    if (detection.forecasts) {
      forecasts.take(view, at, values);
      forecasts.takeBudgets(target, at, rules.budgets(target));
    }
  }

  const forecasted = (view: TargetView): boolean =>
    detection.forecasts && !off.has(view.spec.key) && !off.has(view.spec.group);

  return {
    configure(next, targets) {
      detection = next;
      off = new Set(next.off);
      rules.configure(next.rules, targets);
      peerGroups.configure(targets);
      causes.configure(targets);
      logs.configure(targets);
      const now = new Set(targets.map((target) => target.key));
      for (const key of keys) {
        if (now.has(key)) continue;
        for (const part of [history, anomalies, forecasts, escalations, logs]) part.forget(key);
      }
      keys = now;
    },
    observe(signal, view) {
      switch (signal.type) {
        case "sample":
          take(view, "sample", signal.at, signal.values);
          return;
        case "check":
          // A failed check's time says how long it waited, not how long the target takes.
          if (signal.ok)
            take(view, `check ${signal.check}`, signal.at, { [`checkLatencyMs.${signal.check}`]: signal.latencyMs });
          return;
        case "outgoing":
          if (signal.count > 0) causes.called(signal.target, signal.address, signal.at);
          return;
        case "folders":
          if (forecasted(view)) forecasts.takeFolders(signal.target, signal.at, signal.folders);
          return;
        case "gauges":
          if (forecasted(view)) forecasts.takeGauges(signal.target, signal.at, signal.gauges);
          return;
        default:
          return;
      }
    },
    lines(target, lines) {
      if (detection.logs && !off.has(target)) logs.take(target, lines);
    },
    advance(now) {
      // What an iteration counted that was not committed is counted again by the next.
      counted = [];
      logs.advance(now);
    },
    findings(view, now) {
      const target = view.spec.key;
      const quiet = off.has(target) || off.has(view.spec.group);
      const fromRules = rules.findings(target, now);
      if (quiet) return fromRules;
      return [
        ...fromRules,
        ...(detection.forecasts ? forecasts.findings(view, now) : []),
        ...(detection.anomalies ? anomalies.findings(target, now) : []),
        ...(detection.peers ? peerGroups.findings(target, now) : []),
        ...(detection.logs ? logs.findings(target, now) : []),
      ];
    },
    escalated(target, findings, now) {
      return findings.map((finding) => {
        if (finding.kind !== "error") return finding;
        if (finding.events > 0)
          counted.push({
            target,
            fingerprint: finding.distinguisher,
            at: finding.lastAt ?? now,
            events: finding.events,
          });
        const why = escalations.escalating(target, finding.distinguisher, now);
        return why === null ? finding : { ...finding, escalating: why };
      });
    },
    takeErrors() {
      const taken = fromLogs;
      fromLogs = [];
      return taken;
    },
    taken() {
      for (const { target, fingerprint, at, events } of counted) escalations.take(target, fingerprint, at, events);
      counted = [];
      anomalies.taken();
      logs.taken();
    },
    evidence({ target, beganAt, detectedAt }, views) {
      const to = detectedAt + 1;
      const from = Math.min(beganAt, detectedAt) - lookBackMs;
      const series = Object.fromEntries(
        history.metrics(target).map((metric) => [metric, pointsFor(target, metric, from, to)]),
      );
      const changes = changesOf(views, target, causes.edges(detectedAt));
      const moves = movesOf(series, from, to);
      return [
        ...changeEvidence(moves, changes),
        ...causes.evidence({ target, at: detectedAt, history, changes: (key) => views.get(key)?.changes ?? [] }),
      ].slice(0, 8);
    },
    edges: (now) => causes.edges(now),
    save: (now, charactersMax) => saver.save(now, charactersMax),
    read: {
      metrics: (target) => history.metrics(target),
      raw: (target, metric, from, to) => history.raw(target, metric, from, to),
      templates: (target, now) => logs.templates(target, now),
      templateText: (target, id) => logs.templateText(target, id),
      line: (target, text) => logs.read(target, text),
      counters: () => ({
        series: history.series,
        seriesRefused: history.refused + anomalies.refused,
        seriesLearned: anomalies.series,
        pointsJudged: anomalies.judged,
        rules: rules.size,
        lines: logs.counters.lines,
        records: logs.counters.records,
        templates: logs.counters.templates,
        savesRefused: saver.refused,
        errorsOfLogs,
      }),
    },
  };

  /** Raw where it reaches back far enough, minutes before that. */
  function pointsFor(target: TargetKey, metric: string, from: TimeMs, to: TimeMs): Point[] {
    const raw = history.raw(target, metric, from, to);
    const first = raw[0]?.at ?? to;
    return first - from < 60_000 ? raw : [...history.minutes(target, metric, from - 3_600_000, first), ...raw];
  }
}

/** Errors found in lines that wait for the next iteration; more are counted as lines only. */
const errorsOfLogsMax = 200;

function isSettled(view: TargetView, at: TimeMs): boolean {
  if (view.spec.kind !== "service") return true;
  return view.process?.running === true && at - view.process.since >= Math.max(settleMs, view.spec.startupMs);
}

/** Changes of the target itself, of what it depends on, and of everything (the configuration). */
function changesOf(views: ReadonlyMap<TargetKey, TargetView>, target: TargetKey, edges: LearnedEdges): Change[] {
  const spec = views.get(target)?.spec;
  const near = new Set([target, ownTarget, ...(spec?.dependsOn ?? []), ...(edges.get(target) ?? [])]);
  return [...near].flatMap((key) =>
    (views.get(key)?.changes ?? []).map((change) => ({
      ...change,
      summary: key === target || key === ownTarget ? change.summary : `of ${key}: ${change.summary}`,
    })),
  );
}
