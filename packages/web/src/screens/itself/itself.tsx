// Prunella itself: its loops, queues, store, agents, what it had to drop; what holds it back; who may talk to it; and the
// settings of this browser. The healer is watched like anything else.
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useState } from "react";
import { queries } from "../../api/queries.ts";
import { plural } from "../../format/number.ts";
import { clipped } from "../../format/text.ts";
import { Icon } from "../../ui/icon.tsx";
import { Panel, When } from "../../ui/parts.tsx";
import { Async, Empty, QueryPanel } from "../../ui/states.tsx";
import { Access, Preferences } from "./access.tsx";
import { Holds, Silences } from "./holds.tsx";
import { Loops } from "./loops.tsx";
import { Tokens } from "./tokens.tsx";

/** Its own state is looked at this often, ms: it is not told by the live line. */
const everyMs = 2_000;

export function Itself() {
  const status = useQuery({ ...queries.status(), refetchInterval: everyMs });
  return (
    <div className="screen">
      <div className="screen-head">
        <h1>Prunella itself</h1>
        {status.data !== undefined && (
          <p className="muted">
            Version {status.data.itself.version}, process {status.data.itself.pid}, started{" "}
            <When at={status.data.itself.startedAt} />
          </p>
        )}
      </div>
      <Async query={status} what="The state of Prunella">
        {(data) => (
          <>
            <Loops status={data} />
            <div className="halves">
              <div className="stack wide-gap">
                <Agents />
                <Holds status={data} />
                <Silences />
                <Changes />
              </div>
              <div className="stack wide-gap">
                <Access />
                <Tokens />
                <Preferences />
                <Configuration />
              </div>
            </div>
          </>
        )}
      </Async>
    </div>
  );
}

function Agents() {
  const agents = useQuery({ ...queries.agents(), refetchInterval: everyMs });
  return (
    <QueryPanel title="Agents" id="agents" flush query={agents} what="Agents">
      {(page) => (
        <ul className="list">
          {page.items.map((agent) => (
            <li key={agent.machine} className="row between">
              <span className="cut">
                <strong>{agent.machine}</strong> <span className="small muted">{plural(agent.targets, "target")}</span>
              </span>
              <span className={`state ${agent.connected ? "tone-ok" : "tone-bad"}`}>
                <Icon name={agent.connected ? "check-circle" : "cross-circle"} />
                {agent.connected ? "connected" : "not connected"}
              </span>
            </li>
          ))}
        </ul>
      )}
    </QueryPanel>
  );
}

function Changes() {
  const changes = useQuery(queries.transitions());
  return (
    <QueryPanel
      title="Latest changes"
      id="changes"
      flush
      query={changes}
      what="Changes"
      empty={<Empty title="Nothing has changed yet." icon="minus" />}
    >
      {(page) => (
        <ul className="list small">
          {page.items.slice(0, 15).map((change) => (
            <li key={change.id} className="row top">
              <span className={`stage-name mark-${change.stage}`}>{change.stage}</span>
              <span className="grow wrap">
                {change.issue === null ? (
                  <strong>{change.subjectId}</strong>
                ) : (
                  <Link to="/issues/$id" params={{ id: change.issue }}>
                    {change.subjectId}
                  </Link>
                )}{" "}
                {clipped(change.to, 100)} <span className="muted">{clipped(change.why, 200)}</span>
              </span>
              <span className="faint">
                <When at={change.at} />
              </span>
            </li>
          ))}
        </ul>
      )}
    </QueryPanel>
  );
}

function Configuration() {
  const [isOpen, setOpen] = useState(false);
  const configuration = useQuery({ ...queries.configuration(), enabled: isOpen });
  return (
    <Panel title="Configuration in force" id="configuration">
      <details className="fold" onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>Show it (secrets are left out by the server)</summary>
        {isOpen && (
          <Async query={configuration} what="The configuration">
            {(data) => (
              <pre className="code-block" tabIndex={0}>
                {clipped(JSON.stringify(data, null, 2), 60_000)}
              </pre>
            )}
          </Async>
        )}
      </details>
    </Panel>
  );
}
