// A target at a glance: its metrics, incidents, checks, budgets and facts.
import type { Target } from "@prunella/contract";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useMemo } from "react";
import { queries } from "../../api/queries.ts";
import { duration } from "../../format/time.ts";
import { clipped } from "../../format/text.ts";
import { lookOfIncident } from "../../format/words.ts";
import { exactly } from "../../ui/exactly.ts";
import { Icon } from "../../ui/icon.tsx";
import { LookChip, Panel, useNow, When } from "../../ui/parts.tsx";
import { Series } from "../../ui/series.tsx";
import { number, Table } from "../../ui/table.tsx";
import { Empty, QueryPanel } from "../../ui/states.tsx";
import { Slos } from "./slos.tsx";

const targetRoute = getRouteApi("/targets/$key");

const periods = [
  { name: "10 min", value: "10m", ms: 10 * 60_000 },
  { name: "1 h", value: "1h", ms: 60 * 60_000 },
  { name: "6 h", value: "6h", ms: 6 * 60 * 60_000 },
  { name: "24 h", value: "24h", ms: 24 * 60 * 60_000 },
] as const;
/** Space for the scales of the charts, px. Charts move on this often, ms. */
const gutter = 64;
const followMs = 5_000;

export function OverviewTab({ target }: { readonly target: Target }) {
  const { period: asked } = targetRoute.useSearch();
  const period = periods.find((each) => each.value === asked) ?? periods[0];
  const now = useNow(followMs);
  const incidents = useQuery(queries.targetIncidents(target.key));
  const changes = useQuery(queries.targetTransitions(target.key));
  const from = now - period.ms;
  const marks = useMemo(
    () => [
      ...(incidents.data?.items ?? []).map((incident) => ({
        at: Date.parse(incident.detectedAt),
        label: incident.id,
        stage: "finding",
      })),
      ...(changes.data?.items ?? [])
        .filter((change) => change.subject === "target")
        .map((change) => ({ at: Date.parse(change.at), label: change.to, stage: "signal" })),
    ],
    [changes.data, incidents.data],
  );
  return (
    <div className="issue-columns">
      <div className="stack wide-gap">
        <Panel
          title="Metrics"
          id="metrics"
          aside={
            <div className="row" role="group" aria-label="Period">
              {periods.map((each) => (
                <Link
                  key={each.value}
                  from="/targets/$key"
                  search={(old) => ({ ...old, period: each.value === "10m" ? undefined : each.value }) as never}
                  className="button small"
                  data-on={period === each}
                  activeOptions={exactly}
                  replace
                >
                  {each.name}
                </Link>
              ))}
            </div>
          }
        >
          <Series
            target={target.key}
            from={from}
            to={now}
            marks={marks}
            gutter={gutter}
            refreshMs={followMs}
            shown={5}
          />
        </Panel>
        <QueryPanel
          title="Incidents"
          id="target-incidents"
          flush
          query={incidents}
          what="Incidents"
          empty={<Empty title="No incident is on record." />}
        >
          {(page) => (
            <Table label="Incidents" columns={["Incident", "What", "Outcome", number("Healthy after"), number("When")]}>
              {page.items.map((incident) => (
                <tr key={incident.id}>
                  <td>
                    <Link
                      to="/issues/$id"
                      params={{ id: incident.issue }}
                      search={{ incident: incident.id }}
                      className="mono nowrap"
                    >
                      {incident.id}
                    </Link>
                  </td>
                  <td>{clipped(incident.summary, 160)}</td>
                  <td>
                    <LookChip look={lookOfIncident(incident)} />
                  </td>
                  <td className="number">{incident.repairMs === null ? "–" : duration(incident.repairMs)}</td>
                  <td className="number">
                    <When at={incident.detectedAt} />
                  </td>
                </tr>
              ))}
            </Table>
          )}
        </QueryPanel>
      </div>
      <aside className="stack wide-gap" aria-label={`About ${target.key}`}>
        <Panel title="Checks" id="checks" flush>
          {target.checks.length === 0 ? (
            <Empty title="No check is configured." icon="minus" />
          ) : (
            <ul className="list">
              {target.checks.map((check) => (
                <li key={check.name} className="stack tight">
                  <div className="row between">
                    <span>
                      <strong>{check.name}</strong> <span className="small faint">{check.role}</span>
                    </span>
                    <span
                      className={`state ${check.state === "passing" ? "tone-ok" : check.state === "failing" ? "tone-bad" : "tone-quiet"}`}
                    >
                      <Icon
                        name={
                          check.state === "passing"
                            ? "check-circle"
                            : check.state === "failing"
                              ? "cross-circle"
                              : "unknown"
                        }
                      />
                      {check.state}
                    </span>
                  </div>
                  <p className="small muted wrap">
                    {check.message === "" ? "no result yet" : clipped(check.message, 300)}
                    {check.at !== null && (
                      <>
                        , <When at={check.at} />
                      </>
                    )}
                    , every {duration(check.everyMs)}
                  </p>
                </li>
              ))}
            </ul>
          )}
        </Panel>
        <Slos target={target.key} />
        <Panel title="Facts" id="target-facts">
          <dl className="facts">
            <dt>Kind</dt>
            <dd>{target.kind}</dd>
            <dt>Group</dt>
            <dd>{target.group}</dd>
            {target.pid !== null && (
              <>
                <dt>Pid</dt>
                <dd>{target.pid}</dd>
              </>
            )}
            {target.startedAt !== null && (
              <>
                <dt>Started</dt>
                <dd>
                  <When at={target.startedAt} />
                </dd>
              </>
            )}
            <dt>Depends on</dt>
            <dd>
              {target.dependsOn.length === 0
                ? "nothing"
                : target.dependsOn.map((key) => (
                    <Link key={key} to="/targets/$key" params={{ key }} className="issue-link">
                      {key}
                    </Link>
                  ))}
            </dd>
            <dt>Open issues</dt>
            <dd>
              {target.openIssues.length === 0
                ? "none"
                : target.openIssues.slice(0, 10).map((id) => (
                    <Link key={id} to="/issues/$id" params={{ id }} className="mono issue-link">
                      {id}
                    </Link>
                  ))}
            </dd>
            {target.paused !== null && (
              <>
                <dt>Paused</dt>
                <dd>{clipped(target.paused, 200)}</dd>
              </>
            )}
            {target.maintenance !== null && (
              <>
                <dt>Maintenance</dt>
                <dd>{clipped(target.maintenance, 200)}</dd>
              </>
            )}
            {Object.entries(target.labels)
              .slice(0, 12)
              .map(([name, value]) => (
                <div key={name} className="key-line">
                  <dt>{clipped(name, 60)}</dt>
                  <dd>{clipped(value, 120)}</dd>
                </div>
              ))}
          </dl>
        </Panel>
      </aside>
    </div>
  );
}
