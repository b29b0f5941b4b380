// Prunella itself: its loops, queues, store, agents, what it had to drop; what holds it back; who may talk to it; and the
// settings of this browser. The healer is watched like anything else.
import type { Status } from "@prunella/contract";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { lazy, Suspense, useState, type FormEvent } from "react";
import { orders, useOrder } from "../api/actions.ts";
import { isTokenKept, person, setPerson, setToken, token } from "../api/client.ts";
import { liveLine } from "../api/line.ts";
import { useConnection } from "../api/live.ts";
import { queries, queryClient } from "../api/queries.ts";
import { bytes, count, plural } from "../format/number.ts";
import { clipped } from "../format/text.ts";
import { duration } from "../format/time.ts";
import { actor } from "../format/words.ts";
import { setTheme, useTheme, type Theme } from "../shell/theme.ts";
import { Icon } from "../ui/icon.tsx";
import { Button, Panel, When } from "../ui/parts.tsx";
import { Async, Empty, isNotAvailable } from "../ui/states.tsx";
import { TokenForm } from "../ui/token-form.tsx";
import { toast } from "../ui/toasts.tsx";

const Ask = lazy(() => import("../ui/ask.tsx"));
/** Its own state is looked at this often, ms: it is not told by the live line. */
const everyMs = 2_000;
/** A loop that has not turned for this long is shown as late, ms; the server's verdict says the same. */
const lateMs = 10_000;

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

function Loops({ status }: { readonly status: Status }) {
  const { itself } = status;
  const line = useConnection(liveLine());
  const age = (ms: number | null): string => (ms === null ? "not turned yet" : `${duration(ms)} ago`);
  const parts: readonly {
    readonly name: string;
    readonly value: string;
    readonly note: string;
    readonly isBad: boolean;
  }[] = [
    {
      name: "Detection loop",
      value: age(itself.detectionAgeMs),
      note: "last turn",
      isBad: (itself.detectionAgeMs ?? 0) > lateMs,
    },
    {
      name: "Healing loop",
      value: age(itself.healingAgeMs),
      note: "last turn",
      isBad: (itself.healingAgeMs ?? 0) > lateMs,
    },
    {
      name: "Agent",
      value: itself.agentConnected ? "connected" : "not connected",
      note: "runs and watches services",
      isBad: !itself.agentConnected,
    },
    {
      name: "Signals waiting",
      value: count(itself.signalsWaiting),
      note: `${count(itself.signalsTaken)} taken in`,
      isBad: false,
    },
    {
      name: "Signals dropped",
      value: count(itself.signalsShed),
      note: "turned away when full",
      isBad: itself.signalsShed > 0,
    },
    {
      name: "Effects in flight",
      value: count(itself.effectsInFlight),
      note: "orders without an answer yet",
      isBad: false,
    },
    {
      name: "Store",
      value: bytes(itself.storeBytes),
      note: `${count(itself.storeFailures)} failed commits`,
      isBad: itself.storeFailures > 0,
    },
    { name: "Memory", value: bytes(itself.rssBytes), note: "of the control plane", isBad: false },
    {
      name: "This page",
      value: line.state === "live" ? "live" : line.state,
      note: "server-sent events",
      isBad: line.state !== "live",
    },
  ];
  return (
    <section className="panel figure-row padded" aria-label="Loops, queues and store">
      {parts.map((part) => (
        <div key={part.name} className="figure">
          <span className="tiny faint row">
            <span className={part.isBad ? "tone-bad" : "tone-ok"}>
              <Icon name={part.isBad ? "alert" : "check"} />
            </span>
            {part.name}
          </span>
          <span className="figure-value">{part.value}</span>
          <span className="tiny faint">{part.note}</span>
        </div>
      ))}
    </section>
  );
}

function Agents() {
  const agents = useQuery({ ...queries.agents(), refetchInterval: everyMs });
  return (
    <Panel title="Agents" id="agents" flush>
      <Async query={agents} what="Agents">
        {(page) => (
          <ul className="list">
            {page.items.map((agent) => (
              <li key={agent.machine} className="row between">
                <strong className="cut">{agent.machine}</strong>
                <span className="small muted">{plural(agent.targets, "target")}</span>
                <span className={`state ${agent.connected ? "tone-ok" : "tone-bad"}`}>
                  <Icon name={agent.connected ? "check-circle" : "cross-circle"} />
                  {agent.connected ? "connected" : "not connected"}
                </span>
              </li>
            ))}
          </ul>
        )}
      </Async>
    </Panel>
  );
}

function Holds({ status }: { readonly status: Status }) {
  const order = useOrder();
  const [asking, setAsking] = useState<"pause" | "maintenance" | null>(null);
  return (
    <Panel
      title="What holds healing back"
      id="holds"
      flush
      aside={
        <div className="row">
          {status.paused === null && (
            <Button small icon="pause" onClick={() => setAsking("pause")}>
              Pause
            </Button>
          )}
          <Button small icon="clock" onClick={() => setAsking("maintenance")}>
            Maintenance
          </Button>
        </div>
      }
    >
      {status.paused === null && status.storm === null && status.maintenance.length === 0 ? (
        <Empty title="Nothing." />
      ) : (
        <ul className="list">
          {status.paused !== null && (
            <li className="row between">
              <span className="wrap">
                Paused by {actor(status.paused.by)} <When at={status.paused.since} />
                {status.paused.why === "" ? "" : `: ${clipped(status.paused.why, 200)}`}
              </span>
              <Button small icon="play" disabled={order.isPending} onClick={() => order.mutate(orders.resume(null))}>
                Resume
              </Button>
            </li>
          )}
          {status.storm !== null && (
            <li className="wrap">
              Storm since <When at={status.storm.since} />: {clipped(status.storm.why, 300)}
            </li>
          )}
          {status.maintenance.map((window) => (
            <li key={window.id} className="row between">
              <span className="wrap">
                Maintenance of {window.target ?? "everything"}, begins <When at={window.from} />, ends{" "}
                <When at={window.to} />, by {actor(window.by)}
                {window.why === "" ? "" : `: ${clipped(window.why, 200)}`}
              </span>
              <Button small disabled={order.isPending} onClick={() => order.mutate(orders.endMaintenance(window.id))}>
                End
              </Button>
            </li>
          ))}
        </ul>
      )}
      <Suspense fallback={null}>
        {asking === "pause" && (
          <Ask
            title="Pause healing everywhere?"
            why="optional"
            confirm="Pause healing"
            close={() => setAsking(null)}
            onConfirm={(why) => order.mutate(orders.pause(null, why, null))}
          />
        )}
        {asking === "maintenance" && (
          <Ask
            title="Maintenance of everything"
            why="optional"
            confirm="Begin"
            choices={{
              label: "From now for",
              items: [
                { name: "15 minutes", value: "15" },
                { name: "1 hour", value: "60" },
                { name: "4 hours", value: "240" },
              ],
            }}
            close={() => setAsking(null)}
            onConfirm={(why, minutes) =>
              order.mutate(orders.maintenance(null, new Date(Date.now() + Number(minutes) * 60_000).toISOString(), why))
            }
          />
        )}
      </Suspense>
    </Panel>
  );
}

function Silences() {
  const silences = useQuery(queries.silences());
  const order = useOrder();
  if (isNotAvailable(silences.error)) return null;
  return (
    <Panel title="Silences" id="silences" flush>
      <Async query={silences} what="Silences">
        {(page) => {
          const live = page.items.filter((silence) => silence.state !== "expired");
          return live.length === 0 ? (
            <Empty title="Nothing is silenced." />
          ) : (
            <ul className="list">
              {live.slice(0, 50).map((silence) => (
                <li key={silence.id} className="row between top">
                  <span className="wrap small">
                    <code>
                      {clipped(
                        silence.matchers
                          .map(
                            (each) =>
                              `${each.name}${each.isEqual ? "=" : "!"}${each.isRegex ? "~" : each.isEqual ? "" : "="}"${each.value}"`,
                          )
                          .join(", "),
                        300,
                      )}
                    </code>{" "}
                    {silence.state}, ends <When at={silence.endsAt} />, by {clipped(actor(silence.createdBy), 60)}
                    {silence.comment === "" ? "" : `: ${clipped(silence.comment, 200)}`}
                  </span>
                  <Button small disabled={order.isPending} onClick={() => order.mutate(orders.endSilence(silence.id))}>
                    End
                  </Button>
                </li>
              ))}
            </ul>
          );
        }}
      </Async>
    </Panel>
  );
}

function Changes() {
  const changes = useQuery(queries.transitions());
  return (
    <Panel title="Latest changes" id="changes" flush>
      <Async query={changes} what="Changes">
        {(page) =>
          page.items.length === 0 ? (
            <Empty title="Nothing has changed yet." icon="minus" />
          ) : (
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
          )
        }
      </Async>
    </Panel>
  );
}

function Access() {
  const access = useQuery(queries.access());
  const [changed, setChanged] = useState(0);
  const held = token();
  return (
    <Panel title="Access" id="access">
      {isNotAvailable(access.error) ? (
        <p className="muted">Not available in this build.</p>
      ) : (
        <Async query={access} what="Access">
          {(data) => (
            <div className="stack" key={changed}>
              <dl className="facts">
                <dt>Token</dt>
                <dd>
                  {data.tokenNeeded
                    ? "every request must carry it (http.token)"
                    : "none is demanded: the server listens on this machine alone"}
                </dd>
                <dt>This browser</dt>
                <dd>{held === null ? "holds none" : isTokenKept() ? "keeps one" : "holds one for this tab"}</dd>
                <dt>You act as</dt>
                <dd>{clipped(actor(data.by), 80)}</dd>
              </dl>
              {held !== null && (
                <div>
                  <Button
                    small
                    onClick={() => {
                      setToken(null, false);
                      setChanged(changed + 1);
                      liveLine().reconnect();
                      void queryClient.invalidateQueries();
                    }}
                  >
                    Forget the token
                  </Button>
                </div>
              )}
              {data.tokenNeeded && (
                <details className="fold">
                  <summary>Use another token</summary>
                  <TokenForm />
                </details>
              )}
              <p className="hint">
                To change the token: write a new one to its file (mode 600) and restart the control plane; open pages
                ask for it.
              </p>
            </div>
          )}
        </Async>
      )}
    </Panel>
  );
}

function Preferences() {
  const theme = useTheme();
  const [name, setName] = useState(person);
  const save = (event: FormEvent): void => {
    event.preventDefault();
    setPerson(name.trim());
    void queryClient.invalidateQueries({ queryKey: ["access"] });
    toast(
      name.trim() === ""
        ? "Your decisions are recorded without a name"
        : `Your decisions are recorded as ${name.trim()}`,
    );
  };
  return (
    <Panel title="Settings of this browser" id="settings">
      <div className="stack">
        <form className="stack tight" onSubmit={save}>
          <label className="field">
            <span className="label">Your name</span>
            <input
              className="input"
              value={name}
              maxLength={63}
              autoComplete="name"
              pattern="[\p{L}\p{N}][\p{L}\p{N}._@ \-]{0,62}"
              title="Letters, digits, blanks and . _ @ -"
              onChange={(event) => setName(event.target.value)}
            />
            <span className="hint">
              Kept with each of your decisions. It is not proved; the token is what lets anybody in.
            </span>
          </label>
          <div>
            <Button type="submit">Save</Button>
          </div>
        </form>
        <fieldset className="field">
          <legend className="label small">Theme</legend>
          <div className="row folding">
            {(["system", "light", "dark"] as const satisfies readonly Theme[]).map((each) => (
              <label key={each} className="row small">
                <input type="radio" name="theme" checked={theme === each} onChange={() => setTheme(each)} />
                {each === "system" ? "as the system" : each}
              </label>
            ))}
          </div>
        </fieldset>
      </div>
    </Panel>
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
