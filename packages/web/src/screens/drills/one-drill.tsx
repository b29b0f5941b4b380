// One drill: what it breaks and what must follow, a run of it as it goes, and the runs before.
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { orders } from "../../api/actions.ts";
import { queries } from "../../api/queries.ts";
import { type Drill, type DrillRun } from "../../api/shapes.ts";
import { clipped } from "../../format/text.ts";
import { duration } from "../../format/time.ts";
import { lookOf, outcomes } from "../../format/words.ts";
import { Icon } from "../../ui/icon.tsx";
import { Button, Chip, LookChip, Panel, When } from "../../ui/parts.tsx";
import { number, Table } from "../../ui/table.tsx";
import { Async, Empty, QueryPanel } from "../../ui/states.tsx";
import { EvidenceList } from "../issue/evidence.tsx";
import { OrderButton } from "../../ui/order-button.tsx";

const drillsRoute = getRouteApi("/drills");

/** A run that goes on is looked at this often, ms. */
const watchMs = 1_000;

export function OneDrill({ id, drill }: { readonly id: string; readonly drill: Drill | undefined }) {
  const navigate = useNavigate({ from: "/drills" });
  const { run: asked } = drillsRoute.useSearch();
  const runs = useQuery(queries.drillRuns(id));
  const shown = asked ?? runs.data?.items[0]?.id;
  return (
    <div className="stack wide-gap">
      <Panel
        title={drill === undefined ? id : clipped(drill.title, 160)}
        id="drill"
        aside={
          <div className="row">
            <OrderButton
              look="primary"
              small
              icon="play"
              make={(_why, how) => orders.runDrill(id, how === "without")}
              then={(run) => void navigate({ search: (old) => ({ ...old, run }), replace: true })}
              ask={{
                title: `Run the drill ${id}?`,
                confirm: "Run it",
                choices: {
                  label: "How",
                  items: [
                    { name: "with healing: the fault must be found and healed", value: "with" },
                    { name: "without healing: only found, to see what healing is worth", value: "without" },
                  ],
                },
                children: (
                  <p className="muted">
                    A real fault is injected into a service of the drill’s own. Production KPIs leave it out.
                  </p>
                ),
              }}
            >
              Run
            </OrderButton>
            <Button
              small
              look="plain"
              icon="cross"
              name="Close"
              onClick={() => void navigate({ search: {} as never, replace: true })}
            />
          </div>
        }
      >
        {drill !== undefined && (
          <dl className="facts">
            <dt>Fault</dt>
            <dd>{clipped(drill.fault, 400)}</dd>
            <dt>Root cause</dt>
            <dd>{clipped(drill.rootCause, 400)}</dd>
            <dt>Guard</dt>
            <dd>{clipped(drill.guard, 300)}</dd>
            <dt>Remedy</dt>
            <dd>{clipped(drill.remedy, 300)}</dd>
            <dt>Metric</dt>
            <dd>
              <code>{clipped(drill.metric, 200)}</code>
            </dd>
            <dt>Schedule</dt>
            <dd>{drill.schedule ?? "on demand"}</dd>
          </dl>
        )}
      </Panel>
      {shown !== undefined && <Run id={shown} />}
      <QueryPanel
        title="History"
        id="history"
        flush
        query={runs}
        what="Runs"
        empty={<Empty title="It has never been run." icon="minus" />}
      >
        {(page) => (
          <Table label="Runs" columns={["Run", "Result", number("Detected in"), number("Healed in"), number("When")]}>
            {page.items.map((run) => (
              <tr key={run.id} className={run.id === shown ? "is-chosen" : ""}>
                <td>
                  <Link
                    from="/drills"
                    search={(old) => ({ ...old, run: run.id })}
                    resetScroll={false}
                    className="mono"
                    replace
                  >
                    {run.id}
                  </Link>
                  {run.withoutHealing && <span className="block tiny faint">without healing</span>}
                </td>
                <td>
                  <LookChip look={lookOf(outcomes, run.state)} />
                </td>
                <td className="number">{run.detectionMs === null ? "–" : duration(run.detectionMs)}</td>
                <td className="number">{run.repairMs === null ? "–" : duration(run.repairMs)}</td>
                <td className="number">
                  <When at={run.startedAt} />
                </td>
              </tr>
            ))}
          </Table>
        )}
      </QueryPanel>
    </div>
  );
}

function Run({ id }: { readonly id: string }) {
  const run = useQuery({
    ...queries.drillRun(id),
    refetchInterval: (query) => (query.state.data?.state === "running" ? watchMs : false),
  });
  return (
    <Panel
      title={`Run ${id}`}
      id="run"
      aside={
        run.data?.state === "running" ? (
          <OrderButton small icon="stop" make={() => orders.abortDrill(id)}>
            Abort
          </OrderButton>
        ) : undefined
      }
    >
      <Async query={run} what={`Run ${id}`} missing={<p className="muted">There is no such run.</p>}>
        {(data) => <RunBody run={data} />}
      </Async>
    </Panel>
  );
}

function RunBody({ run }: { readonly run: DrillRun }) {
  const stages = [
    ["fault injected", run.beganAt],
    ["detected", run.detectedAt],
    ["repaired", run.repairedAt],
    ["recovered", run.recoveredAt],
    ["ended", run.endedAt],
  ] as const;
  const start = Date.parse(run.beganAt ?? run.startedAt);
  return (
    <div className="stack">
      <div className="row folding wide">
        <LookChip look={lookOf(outcomes, run.state)} />
        {run.withoutHealing && <Chip>without healing</Chip>}
        {run.incident !== null && <span className="mono small">{run.incident}</span>}
        {run.error !== null && <span className="tone-bad small wrap">{clipped(run.error, 400)}</span>}
      </div>
      <ol className="run-stages" aria-label="Stages of the run">
        {stages.map(([name, at]) => (
          <li key={name} className={at === null ? "faint" : ""}>
            <Icon name={at === null ? (run.state === "running" ? "start" : "minus") : "check"} />
            <span>{name}</span>
            <span className="mono small">{at === null ? "" : `+${duration(Math.max(0, Date.parse(at) - start))}`}</span>
          </li>
        ))}
      </ol>
      {run.rootCause !== null && <p className="wrap">{clipped(run.rootCause, 400)}</p>}
      {run.conditions.length > 0 && (
        <Table label="Conditions" columns={["Condition", "Demanded", "Measured", "Met"]}>
          {run.conditions.map((condition) => (
            <tr key={condition.name}>
              <td>{clipped(condition.name, 160)}</td>
              <td>{clipped(String(condition.demanded), 120)}</td>
              <td>{condition.measured === null ? "–" : clipped(String(condition.measured), 120)}</td>
              <td>
                <span className={`state ${condition.met ? "tone-ok" : "tone-bad"}`}>
                  <Icon name={condition.met ? "check" : "cross"} />
                  {condition.met ? "met" : "missed"}
                </span>
              </td>
            </tr>
          ))}
        </Table>
      )}
      {run.evidence.length > 0 && <EvidenceList evidence={run.evidence} />}
    </div>
  );
}
