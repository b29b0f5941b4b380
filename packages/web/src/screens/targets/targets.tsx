// All targets: how each is, what it uses, its checks, what is open on it. Worst first.
import type { Target } from "@prunella/contract";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { queries } from "../../api/queries.ts";
import { bytes, plural, share } from "../../format/number.ts";
import { clipped } from "../../format/text.ts";
import { lookOf, targetStates } from "../../format/words.ts";
import { Button, Chip, State, When } from "../../ui/parts.tsx";
import { number, Table } from "../../ui/table.tsx";
import { Async, Empty } from "../../ui/states.tsx";

const targetsRoute = getRouteApi("/targets");

const order: readonly Target["state"][] = [
  "down",
  "failing",
  "needs-person",
  "healing",
  "starting",
  "unknown",
  "stopped",
  "healthy",
];
/** Rows shown at once; more are found by the filter. */
const rowsMax = 500;

export function Targets() {
  const { state, q = "" } = targetsRoute.useSearch();
  const navigate = useNavigate({ from: "/targets" });
  const targets = useQuery(queries.targets());
  const all = (targets.data?.items ?? []).filter((target) => target.kind !== "self");
  const counts = order.map((each) => [each, all.filter((target) => target.state === each).length] as const);
  const shown = all
    .filter(
      (target) => (state === undefined || target.state === state) && target.key.toLowerCase().includes(q.toLowerCase()),
    )
    .sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state))
    .slice(0, rowsMax);
  return (
    <div className="screen">
      <div className="screen-head">
        <h1>Targets</h1>
        <p className="muted">{targets.data === undefined ? "" : plural(all.length, "target")}</p>
        <input
          className="input filter"
          type="search"
          aria-label="Filter targets by name"
          placeholder="Filter by name"
          value={q}
          onChange={(event) =>
            void navigate({ search: (old) => ({ ...old, q: event.target.value || undefined }) as never, replace: true })
          }
        />
        <div className="row folding views" role="group" aria-label="Filter by state">
          {counts
            .filter(([each, count]) => count > 0 || each === state)
            .map(([each, count]) => (
              <Button
                key={each}
                small
                aria-pressed={state === each}
                onClick={() =>
                  void navigate({
                    search: (old) => ({ ...old, state: state === each ? undefined : each }) as never,
                    replace: true,
                  })
                }
              >
                <State look={lookOf(targetStates, each)} /> {count}
              </Button>
            ))}
        </div>
      </div>
      <section className="panel" aria-label="Targets">
        <Async query={targets} what="Targets">
          {() =>
            all.length === 0 ? (
              <Empty title="Nothing is watched yet." icon="targets" centre>
                Name services and targets in prunella.yaml, or start one with <code>prunella run -- command</code>.
              </Empty>
            ) : shown.length === 0 ? (
              <Empty title="No target fits the filter." icon="search" centre />
            ) : (
              <Table
                label="Targets"
                className="target-table"
                columns={[
                  "Target",
                  "State",
                  "Checks",
                  number("Memory"),
                  number("CPU"),
                  number("Requests"),
                  "Open issues",
                  number("Up"),
                ]}
              >
                {shown.map((target) => (
                  <Row key={target.key} target={target} />
                ))}
              </Table>
            )
          }
        </Async>
      </section>
    </div>
  );
}

function Row({ target }: { readonly target: Target }) {
  const { values } = target;
  const failing = target.checks.filter((check) => check.state === "failing");
  return (
    <tr>
      <td>
        <Link to="/targets/$key" params={{ key: target.key }} className="strong">
          {target.key}
        </Link>
        <span className="small faint block">
          {target.group === target.key ? target.kind : `${target.kind} in ${target.group}`}
        </span>
      </td>
      <td>
        <State look={lookOf(targetStates, target.state)} />
        {target.stateSince !== null && (
          <span className="tiny faint block">
            since <When at={target.stateSince} />
          </span>
        )}
        {target.paused !== null && <Chip tone="warn">healing paused</Chip>}
        {target.maintenance !== null && <Chip tone="warn">maintenance</Chip>}
      </td>
      <td>
        {target.checks.length === 0 ? (
          <span className="faint">–</span>
        ) : failing.length === 0 ? (
          <span className="tone-ok">{plural(target.checks.length, "check")} passing</span>
        ) : (
          <span className="tone-bad">
            {failing.length} of {target.checks.length} failing
          </span>
        )}
        {failing[0] !== undefined && <span className="tiny faint block cut-2">{clipped(failing[0].message, 120)}</span>}
      </td>
      <td className="number">{values["rssBytes"] === undefined ? "–" : bytes(values["rssBytes"])}</td>
      <td className="number">
        {values["cpuShare"] === undefined ? "–" : share(Math.round(values["cpuShare"] * 1000) / 1000)}
      </td>
      <td className="number">
        {values["requestsPerSecond"] === undefined ? "–" : `${values["requestsPerSecond"].toFixed(1)} /s`}
      </td>
      <td>
        {target.openIssues.length === 0 ? (
          <span className="faint">none</span>
        ) : (
          target.openIssues.slice(0, 3).map((id) => (
            <Link key={id} to="/issues/$id" params={{ id }} className="mono issue-link">
              {id}
            </Link>
          ))
        )}
        {target.openIssues.length > 3 && <span className="faint"> +{target.openIssues.length - 3}</span>}
      </td>
      <td className="number">{target.startedAt === null ? "–" : <When at={target.startedAt} />}</td>
    </tr>
  );
}
