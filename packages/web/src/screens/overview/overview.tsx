// The overview: is everything all right, what needs me, what is being healed now; then the targets, the open issues and how
// well it goes. The order on the page is the order in which an operator asks.
import type { Status } from "@prunella/contract";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { queries } from "../../api/queries.ts";
import { plural } from "../../format/number.ts";
import { clipped } from "../../format/text.ts";
import { issueStatuses, lookOf, severities, verdicts } from "../../format/words.ts";
import { Icon } from "../../ui/icon.tsx";
import { LookChip, Panel, State, When } from "../../ui/parts.tsx";
import { Async, Empty } from "../../ui/states.tsx";
import { HealthMap } from "./health-map.tsx";
import { BeingHealed } from "./healing.tsx";
import { KpiPanel } from "./kpis.tsx";
import { Loop } from "./loop.tsx";
import { PauseButton } from "../../ui/order-button.tsx";

/** Open issues listed here; the rest is one click away. */
const issuesShown = 8;

export function Overview() {
  const status = useQuery(queries.status());
  return (
    <div className="screen overview">
      <Async query={status} what="The overview">
        {(data) => (
          <>
            <Verdict status={data} />
            <Loop status={data} />
            <div className="overview-columns">
              <div className="stack wide-gap">
                <NeedsYou status={data} />
                <BeingHealed status={data} />
                <HealthMap />
                <OpenIssues total={data.openIssues} />
              </div>
              <KpiPanel />
            </div>
          </>
        )}
      </Async>
    </div>
  );
}

function Verdict({ status }: { readonly status: Status }) {
  const look = lookOf(verdicts, status.verdict);
  return (
    <header className="verdict-head">
      <span className={`verdict-mark tone-${look.tone}`}>
        <Icon name={look.icon} className={look.icon === "heal" ? "healing-icon" : ""} />
      </span>
      <div className="grow">
        <h1>{look.label}</h1>
        <p className="muted wrap">{clipped(status.summary)}</p>
      </div>
      {status.paused === null && <PauseButton target={null} />}
    </header>
  );
}

function NeedsYou({ status }: { readonly status: Status }) {
  const count = status.approvals.length + status.needsPerson.length;
  if (count === 0)
    return (
      <Panel title="Needs you" id="needs-you" flush>
        <Empty title="Nothing needs you." />
      </Panel>
    );
  return (
    <Panel title={`Needs you (${count})`} id="needs-you" attention flush>
      <ul className="list">
        {status.approvals.map((repair) => (
          <li key={repair.id} className="row between top folding">
            <div className="grow">
              <p>
                <strong>{repair.remedy}</strong> on {repair.target} waits for your decision
              </p>
              <p className="small muted wrap">{clipped(repair.plan.join(", then "))}</p>
            </div>
            {repair.expiresAt !== null && (
              <span className="small muted nowrap">
                expires <When at={repair.expiresAt} />
              </span>
            )}
            <Link to="/approvals" search={{ repair: repair.id }} className="button primary">
              Decide
            </Link>
          </li>
        ))}
        {status.needsPerson.map((issue) => (
          <li key={issue.id} className="row between top folding">
            <div className="grow">
              <p className="row folding">
                <Link to="/issues/$id" params={{ id: issue.id }} className="mono nowrap">
                  {issue.id}
                </Link>
                <strong className="wrap">{clipped(issue.title, 160)}</strong>
              </p>
              <p className="small muted wrap">{clipped(issue.needsPerson ?? "")}</p>
            </div>
            <span className="small muted">
              <When at={issue.lastSeen} />
            </span>
            <Link to="/issues/$id" params={{ id: issue.id }} className="button">
              Look
            </Link>
          </li>
        ))}
      </ul>
    </Panel>
  );
}

function OpenIssues({ total }: { readonly total: number }) {
  const open = useQuery(queries.openIssues(issuesShown));
  return (
    <Panel
      title={`Open issues (${total})`}
      id="open-issues"
      flush
      aside={
        <Link to="/issues" search={{ q: "is:open" }} className="small">
          {total > issuesShown ? `All ${plural(total, "issue")}` : "To the issues"}
        </Link>
      }
    >
      <Async query={open} what="Open issues" empty={<Empty title="No issue is open." />}>
        {(page) => (
          <ul className="list issue-rows">
            {page.items.map((issue) => (
              <li key={issue.id}>
                <Link to="/issues/$id" params={{ id: issue.id }} className="issue-row">
                  <State look={lookOf(severities, issue.severity)} />
                  <span className="mono small nowrap">{issue.id}</span>
                  <span className="grow">
                    <span className="title wrap">{clipped(issue.title, 160)}</span>
                    <span className="small faint">
                      {issue.target} · {plural(issue.occurrences, "occurrence")}
                    </span>
                  </span>
                  <LookChip look={lookOf(issueStatuses, issue.status)} />
                  <span className="small muted last-seen">
                    <When at={issue.lastSeen} />
                  </span>
                </Link>
              </li>
            ))}
          </ul>
        )}
      </Async>
    </Panel>
  );
}
