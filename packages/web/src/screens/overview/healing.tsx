// Repairs that are under way: what is done, why, which step it is at, and how long it has been watched healthy.
import type { Repair, Status } from "@prunella/contract";
import { Link } from "@tanstack/react-router";
import { clipped } from "../../format/text.ts";
import { duration } from "../../format/time.ts";
import { lookOf, outcomes, repairStates } from "../../format/words.ts";
import { Icon } from "../../ui/icon.tsx";
import { LookChip, Meter, Panel, useNow, When } from "../../ui/parts.tsx";
import { Empty } from "../../ui/states.tsx";

export function BeingHealed({ status }: { readonly status: Status }) {
  return (
    <Panel
      title={status.healing.length === 0 ? "Being healed" : `Being healed (${status.healing.length})`}
      id="being-healed"
      flush
    >
      {status.healing.length === 0 ? (
        <Empty title="Nothing is being healed." icon="minus" />
      ) : (
        <ul className="list">
          {status.healing.map((repair) => (
            <li key={repair.id}>
              <RepairProgress repair={repair} />
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

export function RepairProgress({ repair }: { readonly repair: Repair }) {
  return (
    <div className="stack tight">
      <div className="row between folding">
        <p className="wrap">
          <strong>{repair.remedy}</strong> on{" "}
          <Link to="/targets/$key" params={{ key: repair.target }}>
            {repair.target}
          </Link>
          {repair.issue !== null && (
            <>
              {" for "}
              <Link to="/issues/$id" params={{ id: repair.issue }} className="mono">
                {repair.issue}
              </Link>
            </>
          )}
        </p>
        <LookChip look={lookOf(repairStates, repair.state)} />
      </div>
      {repair.why !== "" && <p className="small muted wrap">{clipped(repair.why, 240)}</p>}
      <ol className="steps">
        {repair.plan.map((action, at) => {
          const step = repair.steps.filter((each) => !each.undo)[at];
          const look = step?.outcome === undefined || step.outcome === null ? null : lookOf(outcomes, step.outcome);
          return (
            <li key={at} className={step === undefined ? "faint" : ""}>
              <span className={look === null ? (step === undefined ? "tone-quiet" : "tone-heal") : `tone-${look.tone}`}>
                <Icon
                  name={look?.icon ?? (step === undefined ? "minus" : "heal")}
                  className={look === null && step !== undefined ? "healing-icon" : ""}
                />
              </span>
              <span className="wrap">{clipped(action, 200)}</span>
              {step !== undefined && (
                <span className="faint small">
                  <When at={step.doneAt ?? step.intendedAt} />
                </span>
              )}
            </li>
          );
        })}
      </ol>
      {repair.state === "verifying" && <Watched repair={repair} />}
    </div>
  );
}

function Watched({ repair }: { readonly repair: Repair }) {
  const now = useNow(500);
  const since = repair.steps.reduce((at, step) => Math.max(at, Date.parse(step.doneAt ?? step.intendedAt)), 0);
  const passed = Math.max(0, now - since);
  return (
    <div className="row small muted">
      <span className="nowrap">watched for {duration(Math.floor(passed / 1000) * 1000)}</span>
      <span className="grow">
        <Meter value={passed / repair.verifyMs} tone="heal" />
      </span>
      <span className="nowrap">must hold {duration(repair.verifyMs)} without a break</span>
    </div>
  );
}
