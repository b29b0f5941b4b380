// Approvals: each repair that waits for a person, with exactly what it would do, what that should bring, how it is undone,
// what is left of its budget and whom it touches. A decision is sent once; two clicks, two tabs or two people start nothing twice.
import type { Remedy, Repair, Target } from "@prunella/contract";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { orders, useOrder } from "../api/actions.ts";
import { queries } from "../api/queries.ts";
import { plural } from "../format/number.ts";
import { clipped } from "../format/text.ts";
import { duration } from "../format/time.ts";
import { lookOf, outcomes } from "../format/words.ts";
import { useKeys } from "../shell/keys.ts";
import { Button, Chip, LookChip, Meter, Panel, useNow, When } from "../ui/parts.tsx";
import { ScrollX } from "../ui/scroll-x.tsx";
import { Async, Empty } from "../ui/states.tsx";
import { RepairProgress } from "./overview/healing.tsx";

const approvalsRoute = getRouteApi("/approvals");

const Ask = lazy(() => import("../ui/ask.tsx"));

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
                <Cancel repair={repair} />
              </li>
            ))}
          </ul>
        </Panel>
      )}
      <Panel title="Lately ended" id="decided" flush>
        <Async query={decided} what="Repairs that have ended">
          {(page) =>
            page.items.length === 0 ? (
              <Empty title="No repair has run yet." icon="minus" />
            ) : (
              <ScrollX label="Repairs that have ended">
                <table className="table">
                  <thead>
                    <tr>
                      <th scope="col">Repair</th>
                      <th scope="col">Remedy</th>
                      <th scope="col">Target</th>
                      <th scope="col">Issue</th>
                      <th scope="col">Outcome</th>
                      <th scope="col">Approved by</th>
                      <th scope="col" className="number">
                        Ended
                      </th>
                    </tr>
                  </thead>
                  <tbody>
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

function Decision({
  repair,
  remedy,
  targets,
  isCurrent,
  onTouch,
}: {
  readonly repair: Repair;
  readonly remedy: Remedy | undefined;
  readonly targets: readonly Target[];
  readonly isCurrent: boolean;
  readonly onTouch: () => void;
}) {
  const order = useOrder();
  const [dialog, setDialog] = useState<"refuse" | "take-over" | null>(null);
  // After an order was sent the buttons stay shut until the list no longer holds this repair.
  const isSent = order.isPending || (order.data !== undefined && order.data !== null);
  const dependents = targets.filter((target) => target.dependsOn.includes(repair.target)).map((target) => target.key);
  const group = targets.filter((target) => target.group === repair.group);
  return (
    <li
      className={`panel approval ${isCurrent ? "is-current" : ""}`}
      data-repair={repair.id}
      onPointerDown={onTouch}
      onFocus={onTouch}
    >
      <div className="panel-head">
        <h2 className="wrap">
          {repair.remedy} on{" "}
          <Link to="/targets/$key" params={{ key: repair.target }}>
            {repair.target}
          </Link>
        </h2>
        <Expiry repair={repair} />
      </div>
      <div className="panel-body approval-body">
        <div className="stack tight">
          <p className="wrap">
            {repair.issue !== null && (
              <>
                <Link to="/issues/$id" params={{ id: repair.issue }} className="mono">
                  {repair.issue}
                </Link>{" "}
              </>
            )}
            <span className="muted">{clipped(repair.why, 400)}</span>
          </p>
          <h3>What exactly is done</h3>
          <ol className="plan">
            {repair.plan.map((action, at) => (
              <li key={at} className="wrap">
                <code>{clipped(action, 400)}</code>
              </li>
            ))}
          </ol>
        </div>
        <dl className="facts">
          <dt>Expected effect</dt>
          <dd>
            {clipped(remedy?.solution ?? "", 300) || "the fault is gone"}; called recovered after{" "}
            {duration(repair.verifyMs)} without a break
          </dd>
          <dt>Undo</dt>
          <dd>{repair.undo === null ? "cannot be undone" : clipped(repair.undo, 300)}</dd>
          <dt>Budget left</dt>
          <dd>
            {remedy === undefined || remedy.budgets.length === 0
              ? "not known"
              : remedy.budgets
                  .map(
                    (budget) => `${budget.left} of ${budget.runs} per ${duration(budget.windowMs)} and ${budget.scope}`,
                  )
                  .join("; ")}
          </dd>
          <dt>Blast radius</dt>
          <dd>
            {repair.disruptive ? `${repair.target} is interrupted` : `${repair.target} is down already`}
            {group.length > 1 ? `, 1 of ${group.length} in ${repair.group}` : ""}
            {dependents.length === 0
              ? "; nothing depends on it"
              : `; ${dependents.slice(0, 6).join(", ")} depend on it`}
          </dd>
          <dt>Record</dt>
          <dd>
            {remedy === undefined
              ? "not known"
              : `${remedy.verified} verified, ${remedy.failed} failed, ${remedy.recurred} recurred`}
          </dd>
          <dt>Attempt</dt>
          <dd>{repair.attempt}</dd>
        </dl>
      </div>
      <div className="approval-foot">
        <Button
          look="primary"
          icon="check"
          data-do="approve"
          disabled={isSent}
          onClick={() => order.mutate(orders.approve(repair.id))}
        >
          {order.isPending ? "Sending…" : "Approve"}
        </Button>
        <Button icon="cross" data-do="refuse" disabled={isSent} onClick={() => setDialog("refuse")}>
          Refuse
        </Button>
        <Button icon="person" disabled={isSent} onClick={() => setDialog("take-over")}>
          Take over
        </Button>
      </div>
      <Suspense fallback={null}>
        {dialog === "refuse" && (
          <Ask
            title={`Refuse ${repair.id}?`}
            why="optional"
            confirm="Refuse"
            close={() => setDialog(null)}
            onConfirm={(why) => order.mutate(orders.refuse(repair.id, why))}
          >
            <p className="muted">It does not run. The issue stays open and a person is asked for.</p>
          </Ask>
        )}
        {dialog === "take-over" && (
          <Ask
            title={`Take over ${repair.issue ?? repair.id}?`}
            why="optional"
            confirm="Take over"
            close={() => setDialog(null)}
            onConfirm={(why) =>
              order.mutate(orders.refuse(repair.id, why === "" ? "a person takes over" : `a person takes over: ${why}`))
            }
          >
            <p className="muted">The repair is refused, with the record saying that you see to it yourself.</p>
          </Ask>
        )}
      </Suspense>
    </li>
  );
}

function Expiry({ repair }: { readonly repair: Repair }) {
  const now = useNow(1_000);
  if (repair.expiresAt === null) return null;
  const left = Date.parse(repair.expiresAt) - now;
  const whole = Date.parse(repair.expiresAt) - Date.parse(repair.createdAt);
  if (left <= 0) return <Chip tone="quiet">expired</Chip>;
  return (
    <div className="expiry small muted" title={`Without a decision it expires at ${repair.expiresAt}`}>
      <span className="nowrap">expires in {duration(Math.ceil(left / 1000) * 1000)}</span>
      <Meter value={left / whole} tone={left / whole < 0.2 ? "bad" : "warn"} />
    </div>
  );
}

function Cancel({ repair }: { readonly repair: Repair }) {
  const order = useOrder();
  const [asking, setAsking] = useState(false);
  return (
    <>
      <Button small disabled={order.isPending} onClick={() => setAsking(true)}>
        Cancel
      </Button>
      <Suspense fallback={null}>
        {asking && (
          <Ask
            title={`Cancel ${repair.id}?`}
            why="optional"
            confirm="Cancel the repair"
            danger
            close={() => setAsking(false)}
            onConfirm={(why) => order.mutate(orders.cancel(repair.id, why))}
          >
            <p className="muted">A step that is on its way ends first; nothing after it runs.</p>
          </Ask>
        )}
      </Suspense>
    </>
  );
}
