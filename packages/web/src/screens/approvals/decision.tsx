// One repair that waits for a person: what exactly it would do, what that should bring, and the decision.
import type { Remedy, Repair, Target } from "@prunella/contract";
import { Link } from "@tanstack/react-router";
import { orders, useOrder } from "../../api/actions.ts";
import { clipped } from "../../format/text.ts";
import { duration } from "../../format/time.ts";
import { Chip, Meter, useNow } from "../../ui/parts.tsx";
import { OrderButton } from "../../ui/order-button.tsx";

export function Decision({
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
        <OrderButton
          look="primary"
          icon="check"
          data-do="approve"
          order={order}
          disabled={isSent}
          make={() => orders.approve(repair.id)}
        >
          {order.isPending ? "Sending…" : "Approve"}
        </OrderButton>
        <OrderButton
          icon="cross"
          data-do="refuse"
          order={order}
          disabled={isSent}
          make={(why) => orders.refuse(repair.id, why)}
          ask={{
            title: `Refuse ${repair.id}?`,
            why: "optional",
            confirm: "Refuse",
            children: <p className="muted">It does not run. The issue stays open and a person is asked for.</p>,
          }}
        >
          Refuse
        </OrderButton>
        <OrderButton
          icon="person"
          order={order}
          disabled={isSent}
          make={(why) => orders.refuse(repair.id, why === "" ? "a person takes over" : `a person takes over: ${why}`)}
          ask={{
            title: `Take over ${repair.issue ?? repair.id}?`,
            why: "optional",
            confirm: "Take over",
            children: (
              <p className="muted">The repair is refused, with the record saying that you see to it yourself.</p>
            ),
          }}
        >
          Take over
        </OrderButton>
      </div>
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
