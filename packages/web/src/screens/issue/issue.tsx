// One issue: what it is, its story, the root cause with what establishes it, what would happen now, and what a person may do
// about it.
import type { Incident, Issue } from "@prunella/contract";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useRef, useState } from "react";
import { carryOut, isShut, orders, useOrder } from "../../api/actions.ts";
import { queries } from "../../api/queries.ts";
import { clipped } from "../../format/text.ts";
import { healings, issueStatuses, lookOf, severities } from "../../format/words.ts";
import { useKeys } from "../../shell/keys.ts";
import { Button, Chip, LookChip, Panel, State } from "../../ui/parts.tsx";
import { Async, Empty } from "../../ui/states.tsx";
import { Facts, NeedsPersonBar, WasItReal, WhatNow } from "./aside.tsx";
import { Comments } from "./comments.tsx";
import { EvidenceList } from "./evidence.tsx";
import { IncidentTable, StoryPanel } from "./story-panel.tsx";
import { Told } from "./told.tsx";

const issueRoute = getRouteApi("/issues/$id");

const Ask = lazy(() => import("../../ui/ask.tsx"));
const Snooze = lazy(() => import("../issues/snooze.tsx"));
const AskName = lazy(() => import("../issues/ask-name.tsx"));

export function IssueScreen() {
  const { id } = issueRoute.useParams();
  const issue = useQuery(queries.issue(id));
  return (
    <Async
      query={issue}
      what={`Issue ${id}`}
      missing={
        <Empty title={`There is no issue ${clipped(id, 80)}`} icon="unknown" centre>
          <Link to="/issues">To the issues</Link>
        </Empty>
      }
    >
      {(data) => <Whole issue={data} />}
    </Async>
  );
}

function Whole({ issue }: { readonly issue: Issue }) {
  const { incident: asked } = issueRoute.useSearch();
  const navigate = useNavigate({ from: "/issues/$id" });
  const incidents = useQuery(queries.issueIncidents(issue.id));
  const wanted = asked ?? issue.incident ?? incidents.data?.items[0]?.id ?? null;
  const incident = useQuery({ ...queries.incident(wanted ?? ""), enabled: wanted !== null });
  const [dialog, setDialog] = useState<"resolve" | "ignore" | "reopen" | "snooze" | "assign" | null>(null);
  const comment = useRef<HTMLTextAreaElement>(null);
  const isOpen = issue.status === "pending" || issue.status === "in-progress";
  const step = (by: number): void => {
    const all = incidents.data?.items ?? [];
    const at = all.findIndex((each) => each.id === wanted);
    const next = all[Math.max(0, Math.min(all.length - 1, at + by))];
    if (next !== undefined)
      void navigate({ search: (old) => ({ ...old, incident: next.id }) as never, replace: true, resetScroll: false });
  };
  useKeys({
    e: () => isOpen && !isShut() && setDialog("resolve"),
    s: () => issue.status !== "fixed" && !isShut() && setDialog("snooze"),
    c: () => comment.current?.focus(),
    j: () => step(1),
    k: () => step(-1),
  });
  return (
    <div className="screen issue">
      <header className="stack tight">
        <div className="row folding wide">
          <Link to="/issues" className="small muted no-print">
            Issues
          </Link>
          <span className="mono">{issue.id}</span>
          <State look={lookOf(severities, issue.severity)} />
          <LookChip look={lookOf(issueStatuses, issue.status)} />
          {issue.regressed && <Chip tone="warn">came back</Chip>}
          <span className="row small">
            <span className="faint">self-healing</span>
            <State look={lookOf(healings, issue.selfHealing)} />
          </span>
        </div>
        <div className="screen-head">
          <h1 className="grow wrap">{clipped(issue.title, 400)}</h1>
          <Actions issue={issue} isOpen={isOpen} ask={setDialog} />
        </div>
      </header>
      <NeedsPersonBar issue={issue} />
      <div className="issue-columns">
        <div className="stack wide-gap">
          {wanted === null ? (
            <Panel title="The story" id="story">
              <p className="muted">
                No incident of this issue is on record{issue.origin === "imported" ? ": it was imported" : ""}.
              </p>
            </Panel>
          ) : (
            <Async
              query={incident}
              what={`Incident ${wanted}`}
              missing={<Empty title={`There is no incident ${clipped(wanted, 80)} of this issue`} icon="unknown" />}
              framed
            >
              {(data) => (
                <>
                  <StoryPanel issue={issue} incident={data} />
                  <RootCause issue={issue} incident={data} />
                </>
              )}
            </Async>
          )}
          <IncidentTable issue={issue} current={wanted} />
        </div>
        <aside className="stack wide-gap" aria-label="About this issue">
          <WhatNow issue={issue} />
          {incident.data !== undefined && <WasItReal incident={incident.data} />}
          <Told issue={issue} />
          <Facts issue={issue} onAssign={() => setDialog("assign")} />
          <Comments issue={issue.id} inputRef={comment} />
        </aside>
      </div>
      <Dialogs issue={issue} dialog={dialog} close={() => setDialog(null)} />
    </div>
  );
}

function Actions({
  issue,
  isOpen,
  ask,
}: {
  readonly issue: Issue;
  readonly isOpen: boolean;
  readonly ask: (dialog: "resolve" | "ignore" | "reopen" | "snooze") => void;
}) {
  return (
    <div className="row folding no-print" role="group" aria-label={`What to do with ${issue.id}`}>
      {isOpen || issue.status === "snoozed" ? (
        <>
          <Button look="primary" icon="check" needs="operate" onClick={() => ask("resolve")}>
            Resolve
          </Button>
          {issue.status !== "snoozed" && (
            <Button icon="moon" needs="operate" onClick={() => ask("snooze")}>
              Snooze
            </Button>
          )}
          <Button icon="mute" needs="operate" onClick={() => ask("ignore")}>
            Ignore
          </Button>
        </>
      ) : null}
      {!isOpen && (
        <Button icon="undo" needs="operate" onClick={() => ask("reopen")}>
          {issue.status === "snoozed" ? "Wake" : "Reopen"}
        </Button>
      )}
    </div>
  );
}

function Dialogs({
  issue,
  dialog,
  close,
}: {
  readonly issue: Issue;
  readonly dialog: "resolve" | "ignore" | "reopen" | "snooze" | "assign" | null;
  readonly close: () => void;
}) {
  const order = useOrder();
  return (
    <Suspense fallback={null}>
      {dialog === "resolve" && (
        <Ask
          title={`Resolve ${issue.id}?`}
          why="optional"
          confirm="Resolve"
          close={close}
          onConfirm={(why) => order.mutate(orders.resolve(issue.id, why))}
        >
          <p className="muted">If the fault is seen again it comes back, marked as such.</p>
        </Ask>
      )}
      {dialog === "ignore" && (
        <Ask
          title={`Ignore ${issue.id}?`}
          why="optional"
          confirm="Ignore"
          close={close}
          onConfirm={(why) => order.mutate(orders.ignore(issue.id, why))}
        >
          <p className="muted">Nobody is called for it any more. Repairs go on by their own rules.</p>
        </Ask>
      )}
      {dialog === "reopen" && (
        <Ask
          title={`${issue.status === "snoozed" ? "Wake" : "Reopen"} ${issue.id}?`}
          why="optional"
          confirm={issue.status === "snoozed" ? "Wake" : "Reopen"}
          close={close}
          onConfirm={(why) => order.mutate(orders.reopen(issue.id, why))}
        />
      )}
      {dialog === "snooze" && (
        <Snooze
          what={issue.id}
          close={close}
          onConfirm={(until, why) => order.mutate(orders.snooze(issue.id, until, why))}
        />
      )}
      {dialog === "assign" && (
        <AskName
          title={`Assign ${issue.id}`}
          label="To whom"
          hint="A name; empty: to nobody."
          initial={issue.assignee ?? ""}
          close={close}
          onConfirm={(name) => void carryOut(orders.assign(issue.id, name === "" ? null : name, issue.assignee))}
        />
      )}
    </Suspense>
  );
}

function RootCause({ issue, incident }: { readonly issue: Issue; readonly incident: Incident }) {
  const cause = incident.rootCause ?? issue.rootCause;
  return (
    <Panel title="Root cause" id="root-cause">
      <div className="stack">
        {cause === null ? (
          <p className="muted">Not known{incident.diagnosedAt === null && incident.endedAt === null ? " yet" : ""}.</p>
        ) : (
          <p className="root-cause wrap">{clipped(cause, 1_000)}</p>
        )}
        {incident.evidence.length > 0 && (
          <>
            <h3>What establishes it</h3>
            <EvidenceList evidence={incident.evidence} />
          </>
        )}
      </div>
    </Panel>
  );
}
