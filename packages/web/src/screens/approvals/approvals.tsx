// Approvals: each repair that waits for a person, with exactly what it would do, what that should bring, how it is undone,
// what is left of its budget and whom it touches. A decision is sent once; two clicks, two tabs or two people start nothing twice.
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { orders } from "../../api/actions.ts";
import { queries } from "../../api/queries.ts";
import { plural } from "../../format/number.ts";
import { lookOf, outcomes } from "../../format/words.ts";
import { useKeys } from "../../shell/keys.ts";
import { LookChip, Panel, When } from "../../ui/parts.tsx";
import { number, Table } from "../../ui/table.tsx";
import { Async, Empty, QueryPanel } from "../../ui/states.tsx";
import { RepairProgress } from "../overview/healing.tsx";
import { OrderButton } from "../../ui/order-button.tsx";
import { Decision } from "./decision.tsx";

const approvalsRoute = getRouteApi("/approvals");

export function Approvals() {
  const { repair: asked } = approvalsRoute.useSearch();
  const waiting = useQuery(queries.repairs({ state: "proposed", limit: 100 }));
  const live = useQuery(queries.repairs({ state: ["scheduled", "acting", "verifying", "undoing"], limit: 50 }));
  const decided = useQuery(queries.repairs({ state: "ended", limit: 15 }));
  const remedies = useQuery(queries.remedies());
  const targets = useQuery(queries.targets());
  const [at, setAt] = useState(0);
  const list = useRef<HTMLUListElement>(null);
  const repairs = waiting.data?.items ?? [];
  const current = repairs[Math.min(at, repairs.length - 1)];
  const press = (name: "approve" | "refuse"): void =>
    list.current?.querySelector<HTMLButtonElement>(`[data-repair="${current?.id ?? ""}"] [data-do="${name}"]`)?.click();
  useKeys({
    j: () => setAt(Math.min(repairs.length - 1, at + 1)),
    k: () => setAt(Math.max(0, at - 1)),
    a: () => press("approve"),
    r: () => press("refuse"),
  });
  useEffect(() => {
    const index = repairs.findIndex((repair) => repair.id === asked);
    if (index >= 0) setAt(index);
    // Only when the address or the list's length changes; moving by keys stays as it is.
  }, [asked, repairs.length]);
  return (
    <div className="screen">
      <div className="screen-head">
        <h1>Approvals</h1>
        <p className="muted" role="status">
          {waiting.data === undefined
            ? ""
            : `${plural(repairs.length, "repair")} ${repairs.length === 1 ? "waits" : "wait"} for a decision`}
        </p>
      </div>
      <Async query={waiting} what="Approvals">
        {() =>
          repairs.length === 0 ? (
            <section className="panel">
              <Empty title="No repair waits for a decision." centre>
                Remedies in mode “approve” or “suggest” ask here before they act.
              </Empty>
            </section>
          ) : (
            <ul className="stack" ref={list}>
              {repairs.map((repair, index) => (
                <Decision
                  key={repair.id}
                  repair={repair}
                  remedy={remedies.data?.items.find((each) => each.name === repair.remedy)}
                  targets={targets.data?.items ?? []}
                  isCurrent={repair === current && repairs.length > 1}
                  onTouch={() => setAt(index)}
                />
              ))}
            </ul>
          )
        }
      </Async>
      {(live.data?.items.length ?? 0) > 0 && (
        <Panel title="Under way" id="under-way" flush>
          <ul className="list">
            {live.data?.items.map((repair) => (
              <li key={repair.id} className="row top folding">
                <div className="grow">
                  <RepairProgress repair={repair} />
                </div>
                <OrderButton
                  small
                  make={(why) => orders.cancel(repair.id, why)}
                  ask={{
                    title: `Cancel ${repair.id}?`,
                    why: "optional",
                    confirm: "Cancel the repair",
                    danger: true,
                    children: <p className="muted">A step that is on its way ends first; nothing after it runs.</p>,
                  }}
                >
                  Cancel
                </OrderButton>
              </li>
            ))}
          </ul>
        </Panel>
      )}
      <QueryPanel
        title="Lately ended"
        id="decided"
        flush
        query={decided}
        what="Repairs that have ended"
        empty={<Empty title="No repair has run yet." icon="minus" />}
      >
        {(page) => (
          <Table
            label="Repairs that have ended"
            columns={["Repair", "Remedy", "Target", "Issue", "Outcome", "Approved by", number("Ended")]}
          >
            {page.items.map((repair) => (
              <tr key={repair.id}>
                <td className="mono">{repair.id}</td>
                <td>{repair.remedy}</td>
                <td>
                  <Link to="/targets/$key" params={{ key: repair.target }}>
                    {repair.target}
                  </Link>
                </td>
                <td>
                  {repair.issue === null ? (
                    "–"
                  ) : (
                    <Link
                      to="/issues/$id"
                      params={{ id: repair.issue }}
                      search={repair.incident === null ? {} : { incident: repair.incident }}
                      className="mono nowrap"
                    >
                      {repair.issue}
                    </Link>
                  )}
                </td>
                <td>
                  <LookChip look={lookOf(outcomes, repair.outcome ?? "unknown")} />
                </td>
                <td>{repair.approvedBy ?? "–"}</td>
                <td className="number">{repair.endedAt === null ? "–" : <When at={repair.endedAt} />}</td>
              </tr>
            ))}
          </Table>
        )}
      </QueryPanel>
    </div>
  );
}
