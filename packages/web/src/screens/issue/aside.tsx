// Beside the story: what would happen now and which guard would stop it, the remedy's record, whether it was real, and the
// facts. The answers are the server's, word for word.
import type { Incident, Issue } from "@prunella/contract";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { orders, useOrder } from "../../api/actions.ts";
import { queries } from "../../api/queries.ts";
import { count, plural } from "../../format/number.ts";
import { clipped } from "../../format/text.ts";
import { modes } from "../../format/words.ts";
import { Icon } from "../../ui/icon.tsx";
import { Button, Chip, Panel, When } from "../../ui/parts.tsx";
import { Async } from "../../ui/states.tsx";

export function WhatNow({ issue }: { readonly issue: Issue }) {
  const explanation = useQuery(queries.explanation(issue.id));
  const remedies = useQuery(queries.remedies());
  return (
    <Panel title="What would happen now" id="what-now">
      <Async query={explanation} what="The answer">
        {(answer) => {
          const remedy = remedies.data?.items.find((each) => each.name === answer.remedy);
          const tried = remedy === undefined ? 0 : remedy.verified + remedy.failed;
          return (
            <div className="stack tight">
              <p className="wrap">{clipped(answer.answer, 600)}</p>
              {answer.guard !== null && (
                <p className="small wrap">
                  <Chip tone="warn" icon="lock">
                    guard {answer.guard}
                  </Chip>{" "}
                  <span className="muted">
                    {clipped(answer.reason ?? "", 300)}
                    {answer.until !== null && (
                      <>
                        , until <When at={answer.until} />
                      </>
                    )}
                  </span>
                </p>
              )}
              {answer.remedy !== null && (
                <dl className="facts">
                  <dt>Remedy</dt>
                  <dd>
                    <Link to="/remedies" search={{ remedy: answer.remedy, issue: issue.id }}>
                      {answer.remedy}
                    </Link>
                  </dd>
                  <dt>Plan</dt>
                  <dd>{clipped(answer.plan.join(", then "), 400)}</dd>
                  {answer.mode !== null && (
                    <>
                      <dt>Mode</dt>
                      <dd>{modes[answer.mode] ?? answer.mode}</dd>
                    </>
                  )}
                  {remedy !== undefined && (
                    <>
                      <dt>Record</dt>
                      <dd>
                        {tried === 0
                          ? "not tried yet"
                          : `${count(remedy.verified)} verified, ${count(remedy.failed)} failed, ${count(remedy.recurred)} recurred`}
                      </dd>
                    </>
                  )}
                  {answer.alternatives.length > 0 && (
                    <>
                      <dt>Then</dt>
                      <dd>{answer.alternatives.join(", ")}</dd>
                    </>
                  )}
                </dl>
              )}
            </div>
          );
        }}
      </Async>
    </Panel>
  );
}

export function WasItReal({ incident }: { readonly incident: Incident }) {
  const order = useOrder();
  const say = (verdict: "real" | "noise"): void =>
    order.mutate(orders.verdict(incident.id, incident.verdict === verdict ? null : verdict, incident.verdict));
  return (
    <Panel title="Was it real?" id="was-it-real">
      <div className="stack tight">
        <div className="row" role="group" aria-label={`Was ${incident.id} real?`}>
          <Button
            aria-pressed={incident.verdict === "real"}
            needs="operate"
            disabled={order.isPending}
            icon="check"
            onClick={() => say("real")}
          >
            Real
          </Button>
          <Button
            aria-pressed={incident.verdict === "noise"}
            needs="operate"
            disabled={order.isPending}
            icon="mute"
            onClick={() => say("noise")}
          >
            Noise
          </Button>
        </div>
        <p className="hint">Your verdict on {incident.id} counts in the false-positive rate.</p>
      </div>
    </Panel>
  );
}

export function Facts({ issue, onAssign }: { readonly issue: Issue; readonly onAssign: () => void }) {
  return (
    <Panel
      title="Facts"
      id="facts"
      aside={
        <Button small look="plain" needs="operate" onClick={onAssign}>
          Assign
        </Button>
      }
    >
      <dl className="facts">
        <dt>Target</dt>
        <dd>
          <Link to="/targets/$key" params={{ key: issue.target }}>
            {issue.target}
          </Link>
        </dd>
        <dt>Kind</dt>
        <dd>
          {issue.kind}
          {issue.distinguisher === "" ? "" : ` (${clipped(issue.distinguisher, 120)})`}
        </dd>
        <dt>Assignee</dt>
        <dd>{issue.assignee === null ? "nobody" : clipped(issue.assignee, 100)}</dd>
        <dt>Occurred</dt>
        <dd>{plural(issue.occurrences, "time")}</dd>
        <dt>First seen</dt>
        <dd>
          <When at={issue.firstSeen} />
        </dd>
        <dt>Last seen</dt>
        <dd>
          <When at={issue.lastSeen} />
        </dd>
        {issue.fixedAt !== null && (
          <>
            <dt>Fixed</dt>
            <dd>
              <When at={issue.fixedAt} />
            </dd>
          </>
        )}
        {issue.snoozedUntil !== null && (
          <>
            <dt>Sleeps until</dt>
            <dd>
              {Number.isNaN(Date.parse(issue.snoozedUntil)) ? issue.snoozedUntil : <When at={issue.snoozedUntil} />}
            </dd>
          </>
        )}
        {issue.solution !== null && (
          <>
            <dt>Solution</dt>
            <dd>{clipped(issue.solution, 400)}</dd>
          </>
        )}
        {issue.mergedInto !== null && (
          <>
            <dt>Merged into</dt>
            <dd>
              <Link to="/issues/$id" params={{ id: issue.mergedInto }}>
                {issue.mergedInto}
              </Link>
            </dd>
          </>
        )}
        {issue.grouping !== null && issue.grouping.why.length > 0 && (
          <>
            <dt>Grouped</dt>
            <dd>{clipped(issue.grouping.why.join(" "), 500)}</dd>
          </>
        )}
        {issue.origin === "imported" && (
          <>
            <dt>Origin</dt>
            <dd>imported</dd>
          </>
        )}
      </dl>
    </Panel>
  );
}

export function NeedsPersonBar({ issue }: { readonly issue: Issue }) {
  if (issue.needsPerson === null) return null;
  return (
    <div className="notice tone-warn" role="status">
      <Icon name="person" />
      <p className="grow wrap">
        <strong>A person is asked for.</strong> <span className="notice-text">{clipped(issue.needsPerson, 400)}</span>
      </p>
    </div>
  );
}
