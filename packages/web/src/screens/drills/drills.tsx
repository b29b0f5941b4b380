// Drills: the catalogue's failure modes against the four layers, each cell with its last proof and how old it is; run one
// and watch what came of it; coverage with counts.
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { queries } from "../../api/queries.ts";
import { layerNames, type Coverage, type Drill, type Layer } from "../../api/shapes.ts";
import { plural, share } from "../../format/number.ts";
import { clipped } from "../../format/text.ts";
import { lookOf, outcomes, severities } from "../../format/words.ts";
import { Icon } from "../../ui/icon.tsx";
import { Figure, LookChip, Panel, State, When } from "../../ui/parts.tsx";
import { Table } from "../../ui/table.tsx";
import { Async, Empty, isNotAvailable, NotAvailable } from "../../ui/states.tsx";
import { OneDrill } from "./one-drill.tsx";

const drillsRoute = getRouteApi("/drills");

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
            <Async
              query={drills}
              what="The catalogue of drills"
              empty={<Empty title="The catalogue holds no drill." icon="minus" centre />}
            >
              {(page) => <Matrix drills={page.items} chosen={chosen} />}
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
    <Table
      label="The catalogue"
      className="drill-table"
      columns={["Failure mode", "Severity", ...layerNames.map((name) => ({ name, className: "layer" })), "Last run"]}
    >
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
    </Table>
  );
}

function Modes({ coverage }: { readonly coverage: Coverage }) {
  return (
    <Panel title="Failure modes" id="modes" flush>
      {coverage.modes.length === 0 ? (
        <Empty title="No failure mode is on record yet." icon="minus" />
      ) : (
        <Table
          label="Failure modes"
          className="drill-table"
          columns={["Failure mode", "Origin", ...layerNames.map((name) => ({ name, className: "layer" }))]}
        >
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
        </Table>
      )}
    </Panel>
  );
}
