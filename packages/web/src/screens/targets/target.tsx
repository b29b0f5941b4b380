// One target: how it is, its checks and metrics with deploys and configuration changes as marks, its output, the guards
// inside it, its SLO budgets, and what a person may order.
import type { Target } from "@prunella/contract";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { lazy, Suspense, useMemo, useState } from "react";
import { orders, useOrder } from "../../api/actions.ts";
import { queries } from "../../api/queries.ts";
import { duration } from "../../format/time.ts";
import { clipped } from "../../format/text.ts";
import { incidentStates, lookOf, outcomes, targetStates } from "../../format/words.ts";
import { exactly } from "../../ui/exactly.ts";
import { Icon } from "../../ui/icon.tsx";
import { Button, Chip, LookChip, Panel, State, useNow, When } from "../../ui/parts.tsx";
import { Series } from "../../ui/series.tsx";
import { ScrollX } from "../../ui/scroll-x.tsx";
import { Async, Empty, isNotAvailable } from "../../ui/states.tsx";
import { Guards } from "./guards.tsx";
import { Logs } from "./logs.tsx";
import { Slos } from "./slos.tsx";

const targetRoute = getRouteApi("/targets/$key");

const Ask = lazy(() => import("../../ui/ask.tsx"));
const tabs = ["overview", "logs", "guards"] as const;
const periods = [
  { name: "10 min", value: "10m", ms: 10 * 60_000 },
  { name: "1 h", value: "1h", ms: 60 * 60_000 },
  { name: "6 h", value: "6h", ms: 6 * 60 * 60_000 },
  { name: "24 h", value: "24h", ms: 24 * 60 * 60_000 },
] as const;
/** Space for the scales of the charts, px. Charts move on this often, ms. */
const gutter = 64;
const followMs = 5_000;

export function TargetScreen() {
  const { key } = targetRoute.useParams();
  const target = useQuery({ ...queries.target(key), refetchInterval: followMs });
  if (target.data === undefined && isNotAvailable(target.error))
    return (
      <Empty title={`There is no target ${clipped(key, 80)}`} icon="unknown" centre>
        <Link to="/targets">To the targets</Link>
      </Empty>
    );
  return (
    <Async query={target} what={`Target ${key}`}>
      {(data) => <Whole target={data} />}
    </Async>
  );
}

function Whole({ target }: { readonly target: Target }) {
  const { tab: asked } = targetRoute.useSearch();
  const tab = tabs.find((each) => each === asked) ?? "overview";
  return (
    <div className="screen target">
      <header className="stack tight">
        <Link to="/targets" className="small muted">
          Targets
        </Link>
        <div className="screen-head">
          <h1 className="wrap">{target.key}</h1>
          <State look={lookOf(targetStates, target.state)} />
          {target.paused !== null && (
            <Chip tone="warn" icon="pause">
              healing paused
            </Chip>
          )}
          {target.maintenance !== null && (
            <Chip tone="warn" icon="clock">
              maintenance
            </Chip>
          )}
          <span className="grow" />
          <Actions target={target} />
        </div>
      </header>
      <nav className="tabs" aria-label={`Parts of ${target.key}`}>
        {tabs.map((each) => (
          <Link
            key={each}
            from="/targets/$key"
            search={(old) => ({ ...old, tab: each === "overview" ? undefined : each }) as never}
            activeOptions={exactly}
            replace
          >
            {each === "overview" ? "Overview" : each === "logs" ? "Logs" : "Guards"}
          </Link>
        ))}
      </nav>
      {tab === "overview" && <OverviewTab target={target} />}
      {tab === "logs" && <Logs target={target} />}
      {tab === "guards" && <Guards target={target.key} />}
    </div>
  );
}

function Actions({ target }: { readonly target: Target }) {
  const order = useOrder();
  const [dialog, setDialog] = useState<"restart" | "stop" | "pause" | "maintenance" | null>(null);
  const isService = target.kind === "service";
  const isRunning = target.pid !== null;
  const close = (): void => setDialog(null);
  return (
    <div className="row folding" role="group" aria-label={`What to do with ${target.key}`}>
      {isService && isRunning && (
        <>
          <Button icon="heal" disabled={order.isPending} onClick={() => setDialog("restart")}>
            Restart
          </Button>
          <Button icon="stop" disabled={order.isPending} onClick={() => setDialog("stop")}>
            Stop
          </Button>
        </>
      )}
      {isService && !isRunning && (
        <Button
          look="primary"
          icon="play"
          disabled={order.isPending}
          onClick={() => order.mutate(orders.act(target.key, "start", ""))}
        >
          Start
        </Button>
      )}
      {target.paused === null ? (
        <Button icon="pause" disabled={order.isPending} onClick={() => setDialog("pause")}>
          Pause healing
        </Button>
      ) : (
        <Button
          look="primary"
          icon="play"
          disabled={order.isPending}
          onClick={() => order.mutate(orders.resume(target.key))}
        >
          Resume healing
        </Button>
      )}
      <Button icon="clock" disabled={order.isPending} onClick={() => setDialog("maintenance")}>
        Maintenance
      </Button>
      <Suspense fallback={null}>
        {dialog === "restart" && (
          <Ask
            title={`Restart ${target.key}?`}
            why="optional"
            confirm="Restart"
            close={close}
            onConfirm={(why) => order.mutate(orders.act(target.key, "restart", why))}
          >
            <p className="muted">It may finish its work first. It is watched afterwards like after any repair.</p>
          </Ask>
        )}
        {dialog === "stop" && (
          <Ask
            title={`Stop ${target.key}?`}
            why="optional"
            confirm="Stop"
            danger
            close={close}
            onConfirm={(why) => order.mutate(orders.act(target.key, "stop", why))}
          >
            <p className="muted">
              It stays stopped until somebody starts it: stopped on purpose is no fault, so nothing heals it.
            </p>
          </Ask>
        )}
        {dialog === "pause" && (
          <Ask
            title={`Pause healing of ${target.key}?`}
            why="optional"
            confirm="Pause healing"
            choices={{
              label: "For how long",
              items: [
                { name: "1 hour", value: String(3_600_000) },
                { name: "8 hours", value: String(8 * 3_600_000) },
                { name: "until somebody resumes", value: "" },
              ],
            }}
            close={close}
            onConfirm={(why, forMs) => order.mutate(orders.pause(target.key, why, forMs === "" ? null : Number(forMs)))}
          />
        )}
        {dialog === "maintenance" && (
          <Ask
            title={`Maintenance of ${target.key}`}
            why="optional"
            confirm="Begin"
            choices={{
              label: "From now for",
              items: [
                { name: "15 minutes", value: "15" },
                { name: "1 hour", value: "60" },
                { name: "4 hours", value: "240" },
                { name: "1 day", value: "1440" },
              ],
            }}
            close={close}
            onConfirm={(why, minutes) =>
              order.mutate(
                orders.maintenance(target.key, new Date(Date.now() + Number(minutes) * 60_000).toISOString(), why),
              )
            }
          >
            <p className="muted">No repair starts in the window; faults are still found and filed.</p>
          </Ask>
        )}
      </Suspense>
    </div>
  );
}

function OverviewTab({ target }: { readonly target: Target }) {
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
        <Panel title="Incidents" id="target-incidents" flush>
          <Async query={incidents} what="Incidents">
            {(page) =>
              page.items.length === 0 ? (
                <Empty title="No incident is on record." />
              ) : (
                <ScrollX label="Incidents">
                  <table className="table">
                    <thead>
                      <tr>
                        <th scope="col">Incident</th>
                        <th scope="col">What</th>
                        <th scope="col">Outcome</th>
                        <th scope="col" className="number">
                          Healthy after
                        </th>
                        <th scope="col" className="number">
                          When
                        </th>
                      </tr>
                    </thead>
                    <tbody>
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
                            <LookChip
                              look={
                                incident.outcome === null
                                  ? lookOf(incidentStates, incident.state)
                                  : lookOf(outcomes, incident.outcome)
                              }
                            />
                          </td>
                          <td className="number">{incident.repairMs === null ? "–" : duration(incident.repairMs)}</td>
                          <td className="number">
                            <When at={incident.detectedAt} />
                          </td>
                        </tr>
                      ))}
                    </tbody>
                  </table>
                </ScrollX>
              )
            }
          </Async>
        </Panel>
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
