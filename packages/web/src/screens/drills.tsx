// Drills: the catalogue's failure modes against the four layers, each cell with its last proof and how old it is; run one
// and watch what came of it; coverage with counts.
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useState } from "react";
import { carryOut, orders } from "../api/actions.ts";
import { queries } from "../api/queries.ts";
import { layerNames, type Coverage, type Drill, type DrillRun, type Layer } from "../api/shapes.ts";
import { plural, share } from "../format/number.ts";
import { clipped } from "../format/text.ts";
import { duration } from "../format/time.ts";
import { lookOf, outcomes, severities } from "../format/words.ts";
import { Icon } from "../ui/icon.tsx";
import { Button, Chip, LookChip, Panel, State, When } from "../ui/parts.tsx";
import { ScrollX } from "../ui/scroll-x.tsx";
import { Async, Empty, isNotAvailable, NotAvailable } from "../ui/states.tsx";
import { EvidenceList } from "./issue/evidence.tsx";
import { Figure } from "./remedies.tsx";

const drillsRoute = getRouteApi("/drills");

const Ask = lazy(() => import("../ui/ask.tsx"));
/** A run that goes on is looked at this often, ms. */
const watchMs = 1_000;

export function Drills() {
  const { drill: chosen } = drillsRoute.useSearch();
  const drills = useQuery(queries.drills());
  const coverage = useQuery(queries.coverage());
  return (
    <div className="screen">
      <div className="screen-head">
        <h1>Drills</h1>
        <p className="muted">
          {drills.data === undefined
            ? "A fault injected on purpose, with the healing that must follow"
            : plural(drills.data.items.length, "failure mode")}
        </p>
      </div>
      {coverage.data !== undefined && <CoverageRow coverage={coverage.data} />}
      {isNotAvailable(drills.error) ? (
        <>
          <section className="panel">
            <NotAvailable what="The catalogue of drills" />
          </section>
          {coverage.data !== undefined && <Modes coverage={coverage.data} />}
        </>
      ) : (
        <div className={chosen === undefined ? "" : "drill-columns"}>
          <section className="panel" aria-label="The catalogue">
            <Async query={drills} what="The catalogue of drills">
              {(page) =>
                page.items.length === 0 ? (
                  <Empty title="The catalogue holds no drill." icon="minus" centre />
                ) : (
                  <Matrix drills={page.items} chosen={chosen} />
                )
              }
            </Async>
          </section>
          {chosen !== undefined && (
            <OneDrill id={chosen} drill={drills.data?.items.find((each) => each.id === chosen)} />
          )}
        </div>
      )}
    </div>
  );
}

function CoverageRow({ coverage }: { readonly coverage: Coverage }) {
  return (
    <section className="panel figure-row padded" aria-label="Coverage by layer">
      {coverage.layers.map((layer) => (
        <Figure
          key={layer.name}
          name={layer.name}
          value={share(layer.share)}
          note={
            layer.of === 0
              ? "nothing counted yet"
              : `${layer.count} of ${layer.of} proved${layer.low === null || layer.high === null ? "" : `, 95 %: ${share(layer.low)} to ${share(layer.high)}`}`
          }
          {...(layer.share === null ? {} : { meter: layer.share })}
        />
      ))}
    </section>
  );
}

function LayerCell({ layer, isStale }: { readonly layer: Layer; readonly isStale: boolean }) {
  if (!layer.proved)
    return (
      <span className="state tone-quiet">
        <Icon name="minus" />
        <span className="layer-word">not proved</span>
      </span>
    );
  return (
    <span
      className={`state ${isStale ? "tone-warn" : "tone-ok"}`}
      title={layer.by === null ? undefined : `by ${layer.by}`}
    >
      <Icon name={isStale ? "clock" : "check"} />
      {layer.at === null ? "proved" : <When at={layer.at} />}
    </span>
  );
}

function Matrix({ drills, chosen }: { readonly drills: readonly Drill[]; readonly chosen: string | undefined }) {
  return (
    <ScrollX label="The catalogue">
      <table className="table drill-table">
        <thead>
          <tr>
            <th scope="col">Failure mode</th>
            <th scope="col">Severity</th>
            {layerNames.map((name) => (
              <th scope="col" key={name} className="layer">
                {name}
              </th>
            ))}
            <th scope="col">Last run</th>
          </tr>
        </thead>
        <tbody>
          {drills.map((drill) => (
            <tr key={drill.id} className={drill.id === chosen ? "is-chosen" : ""}>
              <td>
                <Link
                  from="/drills"
                  search={(old) => ({ ...old, drill: drill.id, run: undefined }) as never}
                  resetScroll={false}
                  className="strong"
                >
                  {clipped(drill.title, 120)}
                </Link>
                <span className="block mono tiny faint">{drill.id}</span>
              </td>
              <td>
                <State look={lookOf(severities, drill.severity)} />
              </td>
              {layerNames.map((name) => (
                <td key={name}>
                  <LayerCell layer={drill.layers[name]} isStale={drill.stale} />
                </td>
              ))}
              <td>
                {drill.lastRun === null ? (
                  <span className="faint">never</span>
                ) : (
                  <LookChip look={lookOf(outcomes, drill.lastRun.state)} />
                )}
                {drill.stale && drill.lastRun !== null && <span className="block tiny tone-warn">stale</span>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </ScrollX>
  );
}

function Modes({ coverage }: { readonly coverage: Coverage }) {
  return (
    <Panel title="Failure modes" id="modes" flush>
      {coverage.modes.length === 0 ? (
        <Empty title="No failure mode is on record yet." icon="minus" />
      ) : (
        <ScrollX label="Failure modes">
          <table className="table drill-table">
            <thead>
              <tr>
                <th scope="col">Failure mode</th>
                <th scope="col">Origin</th>
                {layerNames.map((name) => (
                  <th scope="col" key={name} className="layer">
                    {name}
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {coverage.modes.slice(0, 200).map((mode) => (
                <tr key={mode.id}>
                  <td>
                    {mode.origin === "issue" ? (
                      <Link to="/issues/$id" params={{ id: mode.id }} className="strong">
                        {clipped(mode.title, 160)}
                      </Link>
                    ) : (
                      <strong>{clipped(mode.title, 160)}</strong>
                    )}
                    <span className="block mono tiny faint">{mode.id}</span>
                  </td>
                  <td>{mode.origin}</td>
                  {layerNames.map((name) => (
                    <td key={name}>
                      <LayerCell layer={mode.layers[name]} isStale={false} />
                    </td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </ScrollX>
      )}
    </Panel>
  );
}

function OneDrill({ id, drill }: { readonly id: string; readonly drill: Drill | undefined }) {
  const navigate = useNavigate({ from: "/drills" });
  const { run: asked } = drillsRoute.useSearch();
  const [asking, setAsking] = useState(false);
  const runs = useQuery(queries.drillRuns(id));
  const shown = asked ?? runs.data?.items[0]?.id;
  const start = async (withoutHealing: boolean): Promise<void> => {
    const done = await carryOut(orders.runDrill(id, withoutHealing));
    if (done !== null) void navigate({ search: (old) => ({ ...old, run: done.id }), replace: true });
  };
  return (
    <div className="stack wide-gap">
      <Panel
        title={drill === undefined ? id : clipped(drill.title, 160)}
        id="drill"
        aside={
          <div className="row">
            <Button look="primary" small icon="play" onClick={() => setAsking(true)}>
              Run
            </Button>
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
        <Suspense fallback={null}>
          {asking && (
            <Ask
              title={`Run the drill ${id}?`}
              confirm="Run it"
              choices={{
                label: "How",
                items: [
                  { name: "with healing: the fault must be found and healed", value: "with" },
                  { name: "without healing: only found, to see what healing is worth", value: "without" },
                ],
              }}
              close={() => setAsking(false)}
              onConfirm={(_why, how) => void start(how === "without")}
            >
              <p className="muted">
                A real fault is injected into a service of the drill’s own. Production KPIs leave it out.
              </p>
            </Ask>
          )}
        </Suspense>
      </Panel>
      {shown !== undefined && <Run id={shown} />}
      <Panel title="History" id="history" flush>
        <Async query={runs} what="Runs">
          {(page) =>
            page.items.length === 0 ? (
              <Empty title="It has never been run." icon="minus" />
            ) : (
              <ScrollX label="Runs">
                <table className="table">
                  <thead>
                    <tr>
                      <th scope="col">Run</th>
                      <th scope="col">Result</th>
                      <th scope="col" className="number">
                        Detected in
                      </th>
                      <th scope="col" className="number">
                        Healed in
                      </th>
                      <th scope="col" className="number">
                        When
                      </th>
                    </tr>
                  </thead>
                  <tbody>
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
                  </tbody>
                </table>
              </ScrollX>
            )
          }
        </Async>
      </Panel>
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
          <Button small icon="stop" onClick={() => void carryOut(orders.abortDrill(id))}>
            Abort
          </Button>
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
        <ScrollX label="Conditions">
          <table className="table">
            <thead>
              <tr>
                <th scope="col">Condition</th>
                <th scope="col">Demanded</th>
                <th scope="col">Measured</th>
                <th scope="col">Met</th>
              </tr>
            </thead>
            <tbody>
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
            </tbody>
          </table>
        </ScrollX>
      )}
      {run.evidence.length > 0 && <EvidenceList evidence={run.evidence} />}
    </div>
  );
}
