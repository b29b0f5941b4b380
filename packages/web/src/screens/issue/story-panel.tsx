// The story of one incident: its axis, the metrics around it on the same axis, the marks in words, and the repairs.
import type { Incident, Issue } from "@prunella/contract";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { queries } from "../../api/queries.ts";
import { duration } from "../../format/time.ts";
import { clipped } from "../../format/text.ts";
import { lookOf, lookOfIncident, outcomes } from "../../format/words.ts";
import { Chip, LookChip, Panel, useNow, When } from "../../ui/parts.tsx";
import { exactly } from "../../ui/exactly.ts";
import { Series } from "../../ui/series.tsx";
import { number, Table } from "../../ui/table.tsx";
import { Axis, gutterPx, MarkList } from "./axis.tsx";
import { spanOf, storyOf, type Scale } from "./story.ts";
import { QueryPanel } from "../../ui/states.tsx";

const issueRoute = getRouteApi("/issues/$id");

const scales: readonly { readonly scale: Scale; readonly name: string }[] = [
  { scale: "incident", name: "Incident" },
  { scale: "minutes", name: "± 5 min" },
  { scale: "hour", name: "± 1 h" },
];
/** Charts follow an incident that goes on this often, ms. */
const followMs = 5_000;
/** So long after its end they stay as they are, ms. */
const settleMs = 150_000;

export function StoryPanel({ issue, incident }: { readonly issue: Issue; readonly incident: Incident }) {
  const { scale: asked } = issueRoute.useSearch();
  const scale = scales.find((each) => each.scale === asked)?.scale ?? "incident";
  const isOver = incident.endedAt !== null;
  // The minutes around its end are written after they have passed.
  const isSettled = incident.endedAt !== null && Date.now() - Date.parse(incident.endedAt) > settleMs;
  const ticking = useNow(isOver ? 3_600_000 : 1_000);
  const repairs = useQuery(queries.issueRepairs(issue.id));
  const transitions = useQuery(queries.issueTransitions(issue.id));
  const story = useMemo(
    () => storyOf(incident, repairs.data?.items ?? [], transitions.data?.items ?? []),
    [incident, repairs.data, transitions.data],
  );
  const now = Math.max(ticking, story.end ?? 0);
  const { from, to } = spanOf(story, scale, now);
  const marks = useMemo(
    () =>
      story.marks
        .filter((mark) => mark.stage !== "issue")
        .map((mark) => ({ at: mark.at, label: mark.label, stage: mark.stage })),
    [story],
  );
  const own = (repairs.data?.items ?? []).filter((repair) => repair.incident === incident.id);
  return (
    <Panel
      title={`The story of ${incident.id}`}
      id="story"
      aside={
        <div className="row no-print" role="group" aria-label="Span of the time axis">
          {scales.map((each) => (
            <Link
              key={each.scale}
              from="/issues/$id"
              search={(old) => ({ ...old, scale: each.scale === "incident" ? undefined : each.scale }) as never}
              className="button small"
              data-on={scale === each.scale}
              activeOptions={exactly}
              replace
            >
              {each.name}
            </Link>
          ))}
        </div>
      }
    >
      <div className="stack">
        <div className="row folding wide small">
          <LookChip look={lookOfIncident(incident)} />
          {incident.recoveredBy !== null && <span className="muted">by {incident.recoveredBy}</span>}
          <span className="muted">
            detected within <strong className="ink">{duration(incident.detectionMs)}</strong>
          </span>
          {incident.repairMs !== null && (
            <span className="muted">
              healthy again after <strong className="ink">{duration(incident.repairMs)}</strong>
            </span>
          )}
          {incident.drill && <Chip icon="drills">drill</Chip>}
          {incident.causedBy !== null && <span className="muted">caused by {incident.causedBy}</span>}
          {incident.blockedBy !== null && (
            <span className="wrap">
              <Chip tone="warn" icon="lock">
                held back
              </Chip>{" "}
              <span className="muted">{clipped(incident.blockedBy, 300)}</span>
            </span>
          )}
        </div>
        <Axis story={story} from={from} to={to} now={now} />
        <Series
          target={incident.target}
          from={from}
          to={to}
          marks={marks}
          gutter={gutterPx}
          refreshMs={isSettled ? null : followMs}
        />
        <details className="fold" open>
          <summary>What happened, step by step ({story.marks.length})</summary>
          <MarkList story={story} />
        </details>
        {own.length > 0 && (
          <details className="fold" open>
            <summary>Repairs ({own.length})</summary>
            <ul className="stack">
              {own.map((repair) => (
                <li key={repair.id} className="stack tight">
                  <p className="row folding">
                    <span className="mono small">{repair.id}</span>
                    <strong>{repair.remedy}</strong>
                    <LookChip look={lookOf(outcomes, repair.outcome ?? repair.state)} />
                    <span className="small faint">
                      {repair.approvedBy === null ? "" : `approved by ${repair.approvedBy}`}
                    </span>
                    {repair.recurredAt !== null && (
                      <Chip tone="warn">
                        recurred <When at={repair.recurredAt} />
                      </Chip>
                    )}
                  </p>
                  <Table label={`Steps of ${repair.id}`} columns={["Step", "Outcome", number("Took"), "Detail"]}>
                    {repair.steps.map((step) => (
                      <tr key={step.key}>
                        <td>
                          {step.undo && <Chip icon="undo">undo</Chip>} {clipped(step.action, 200)}
                        </td>
                        <td>
                          {step.outcome === null ? "on its way" : <LookChip look={lookOf(outcomes, step.outcome)} />}
                        </td>
                        <td className="number">
                          {step.doneAt === null ? "–" : duration(Date.parse(step.doneAt) - Date.parse(step.intendedAt))}
                        </td>
                        <td className="muted">{clipped(step.detail ?? "", 300)}</td>
                      </tr>
                    ))}
                  </Table>
                </li>
              ))}
            </ul>
          </details>
        )}
      </div>
    </Panel>
  );
}

export function IncidentTable({ issue, current }: { readonly issue: Issue; readonly current: string | null }) {
  const incidents = useQuery(queries.issueIncidents(issue.id));
  return (
    <QueryPanel title="Incidents" id="incidents" flush query={incidents} what="Incidents">
      {(page) => (
        <Table
          label="Incidents"
          columns={[
            "Incident",
            "Outcome",
            "Remedy",
            number("Detected in"),
            number("Healthy after"),
            "Real?",
            number("When"),
          ]}
          {...(page.next !== null ? { note: <>The newest {page.items.length}; older ones through the API.</> } : {})}
        >
          {page.items.map((incident) => (
            <tr key={incident.id} className={incident.id === current ? "is-chosen" : ""}>
              <td>
                <Link
                  from="/issues/$id"
                  search={(old) => ({ ...old, incident: incident.id }) as never}
                  aria-current={incident.id === current ? "true" : undefined}
                  className="mono"
                  resetScroll={false}
                >
                  {incident.id}
                </Link>
              </td>
              <td>
                <LookChip look={lookOfIncident(incident)} />
              </td>
              <td>{incident.remedy ?? "–"}</td>
              <td className="number">{duration(incident.detectionMs)}</td>
              <td className="number">{incident.repairMs === null ? "–" : duration(incident.repairMs)}</td>
              <td>{incident.verdict ?? "–"}</td>
              <td className="number">
                <When at={incident.detectedAt} />
              </td>
            </tr>
          ))}
        </Table>
      )}
    </QueryPanel>
  );
}
