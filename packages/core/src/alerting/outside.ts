// Alerts that come from outside (Alertmanager, a Prometheus, another monitor), kept as records: their sender says when one
// begins and mostly when it ends, and repeats rarely, so they must outlive a restart of ours. One that speaks of a target
// that Prunella sees failing already is a witness of that incident and opens none of its own. One whose end never comes (it
// was silenced or inhibited meanwhile) ages out at `endsAt` and says so.
import type { Detector, Evidence, Finding, Severity } from "../detection/index.ts";
import { InvalidInputError } from "../errors.ts";
import { rank, withEvidence, type Incident } from "../issue/index.ts";
import type { TargetKey, TimeMs } from "../signal/index.ts";
import type { Draft, World } from "../world.ts";

/** Alerts from outside that hold at once; more are refused until some are over. */
export const outsideMax = 5_000;
/** Alerts in one command. */
export const outsideBatchMax = 2_000;
/** An episode that is over is remembered this long, ms: senders in a cluster repeat its beginning after its end. */
export const outsideMemoryMs = 600_000;
/** A beginning that repeats an episode within this time of its end is late, not new, ms. */
export const lateRepeatMs = 60_000;
/** An alert that is still repeated this long after the incident it witnessed has ended speaks of something else, ms. */
export const witnessMs = 600_000;

export interface OutsideAlert {
  /** Sender and fingerprint; one episode at a time. */
  readonly key: string;
  readonly source: string;
  readonly target: TargetKey;
  readonly kind: string;
  readonly distinguisher: string;
  readonly severity: Severity;
  readonly summary: string;
  /** As it came, for the evidence; untrusted. */
  readonly text: string;
  readonly startsAt: TimeMs;
  /** Ages out then unless it is repeated. */
  readonly endsAt: TimeMs;
  readonly seenAt: TimeMs;
  /** The incident it is a witness of; null: it is a finding of its own. */
  readonly incident: string | null;
  /** When that incident was seen to have ended. */
  readonly incidentOverAt: TimeMs | null;
  /** When it ended; null while it holds. */
  readonly overAt: TimeMs | null;
}

/** An alert as it came in, decoded at the edge. */
export type IncomingAlert = Omit<OutsideAlert, "seenAt" | "incident" | "incidentOverAt" | "overAt"> & {
  readonly state: "firing" | "resolved";
  /** It is derived from Prunella's own metrics, so it speaks of whatever incident its target has. */
  readonly own: boolean;
  /** Kind of fault that it says it is about, in Prunella's own words; null: it does not say. */
  readonly about: string | null;
};

export interface OutsideCommand {
  readonly type: "outside";
  readonly alerts: readonly IncomingAlert[];
}

interface Done {
  readonly id: string;
  readonly changed: boolean;
  readonly message: string;
}

/** Idempotent: the same alerts again change nothing but when they age out. */
export function takeOutside(draft: Draft, command: OutsideCommand & { readonly by: string }): Done {
  if (command.alerts.length > outsideBatchMax)
    throw new InvalidInputError("alerts", `holds more than ${outsideBatchMax}`, "send fewer at once");
  let begun = 0;
  let over = 0;
  for (const alert of command.alerts) {
    const known = draft.outside(alert.key);
    const isKnownEpisode = known !== undefined && known.startsAt === alert.startsAt;
    if (alert.state === "resolved") {
      if (known === undefined || known.overAt !== null || known.startsAt > alert.startsAt) continue;
      draft.putOutside({ ...known, overAt: draft.now, seenAt: draft.now });
      over += 1;
    } else if (isKnownEpisode && known.overAt === null) repeated(draft, known, alert);
    else if (known !== undefined && known.startsAt > alert.startsAt) continue;
    else if (isKnownEpisode && known.overAt !== null && draft.now - known.overAt < lateRepeatMs) continue;
    else {
      begin(draft, alert);
      begun += 1;
    }
  }
  return { id: "", changed: begun + over > 0, message: `${begun} begun, ${over} over` };
}

function repeated(draft: Draft, known: OutsideAlert, alert: IncomingAlert): void {
  const speaksOfElse = known.incidentOverAt !== null && draft.now - known.incidentOverAt > witnessMs;
  draft.putOutside({
    ...known,
    endsAt: Math.max(known.endsAt, alert.endsAt),
    seenAt: draft.now,
    summary: alert.summary,
    ...(speaksOfElse ? { incident: null, incidentOverAt: null } : {}),
  });
}

function begin(draft: Draft, alert: IncomingAlert): void {
  if (draft.outsideLive >= outsideMax)
    throw new InvalidInputError("engine", `${outsideMax} alerts from outside hold at once`, "send it again later");
  const { state: _, own, about: __, ...rest } = alert;
  const incident = witnessed(draft, alert, own);
  draft.putOutside({ ...rest, seenAt: draft.now, incident: incident?.id ?? null, incidentOverAt: null, overAt: null });
  if (incident === null) return;
  draft.putIncident({
    ...incident,
    evidence: withEvidence(incident.evidence, [evidenceOf(alert, draft.now)]),
    severity: rank(alert.severity) > rank(incident.severity) ? alert.severity : incident.severity,
  });
  draft.transition({
    subject: "incident",
    subjectId: incident.id,
    issue: incident.issue,
    incident: incident.id,
    target: incident.target,
    from: null,
    to: `seen by ${alert.source}`,
    by: alert.source,
    why: alert.summary,
  });
}

/** Kinds by which a target is out of order as a whole, so that other people's alerts about it are its symptoms. */
const broken = new Set([
  "port-taken",
  "start-failed",
  "crash",
  "killed",
  "event-loop-blocked",
  "heartbeat-missed",
  "unhealthy",
  "dependency-down",
]);

/** The incident an alert is a witness of: the worst of its target that Prunella found itself and that explains it. */
function witnessed(draft: Draft, alert: IncomingAlert, own: boolean): Incident | null {
  const outsideIssues = new Set(
    draft
      .outsideOf(alert.target)
      .flatMap((each) => (each.incident === null ? [`${each.kind} ${each.distinguisher}`] : [])),
  );
  return (
    draft
      .incidentsOf(alert.target)
      .filter((incident) => {
        const issue = draft.issue(incident.issue);
        if (issue !== undefined && outsideIssues.has(`${issue.kind} ${issue.distinguisher}`)) return false;
        return own || incident.kind === alert.about || broken.has(incident.kind);
      })
      .sort(
        (a, b) =>
          Number(b.kind === alert.about) - Number(a.kind === alert.about) ||
          Number(a.causedBy !== null) - Number(b.causedBy !== null) ||
          rank(b.severity) - rank(a.severity) ||
          a.detectedAt - b.detectedAt,
      )[0] ?? null
  );
}

/** Ends what nobody has repeated in time, and notes which witnessed incidents are over. */
export function ageOutside(draft: Draft): void {
  for (const alert of draft.outsideAll()) {
    if (alert.overAt !== null) continue;
    if (alert.incident !== null && alert.incidentOverAt === null && draft.incident(alert.incident) === undefined)
      draft.putOutside({ ...alert, incidentOverAt: draft.now });
    if (draft.now < alert.endsAt) continue;
    draft.putOutside({ ...(draft.outside(alert.key) ?? alert), overAt: draft.now });
    draft.transition({
      subject: "target",
      subjectId: alert.target,
      issue: null,
      incident: alert.incident,
      target: alert.target,
      from: `${alert.source}: ${alert.kind}`,
      to: "aged out",
      by: "detection",
      why: `no end was sent and it was not repeated before ${new Date(alert.endsAt).toISOString()}`,
    });
  }
}

/** A detector over the records: what outside monitors say of a target, unless it is a witness of an incident only. */
export function outsideFindings(world: () => World): Detector {
  return (view, now) => {
    const alerts = world().outsideByTarget.get(view.spec.key);
    if (alerts === undefined) return [];
    const findings: Finding[] = [];
    for (const alert of alerts.values()) {
      if (alert.overAt !== null || alert.incident !== null || now >= alert.endsAt) continue;
      findings.push({
        target: alert.target,
        kind: alert.kind,
        distinguisher: alert.distinguisher,
        severity: alert.severity,
        class: "fault",
        summary: alert.summary,
        beganAt: Math.min(now, alert.startsAt),
        detectedAt: now,
        certainty: "inferred",
        down: false,
        ripe: true,
        events: 1,
        evidence: [evidenceOf(alert, alert.seenAt)],
      });
    }
    return findings;
  };
}

function evidenceOf(alert: Pick<OutsideAlert, "source" | "summary" | "text">, at: TimeMs): Evidence {
  return {
    at,
    what: "note",
    summary: `${alert.source}: ${alert.summary}`.slice(0, 500),
    text: alert.text.slice(0, 8_000),
  };
}
