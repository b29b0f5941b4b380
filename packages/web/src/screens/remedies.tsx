// Remedies as they are loaded: what each does about what, the mode that holds and why, its record, what is left of its
// budgets, and a dry run against an issue of one's choice. Nothing here runs anything.
import type { Remedy } from "@prunella/contract";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link, useNavigate } from "@tanstack/react-router";
import { useId } from "react";
import { orders } from "../api/actions.ts";
import { queries } from "../api/queries.ts";
import { plural, share } from "../format/number.ts";
import { clipped } from "../format/text.ts";
import { duration } from "../format/time.ts";
import { modes, type Tone } from "../format/words.ts";
import { Icon } from "../ui/icon.tsx";
import { Chip, Figure, Panel, When } from "../ui/parts.tsx";
import { Async, Empty } from "../ui/states.tsx";
import { OrderButton } from "../ui/order-button.tsx";

const remediesRoute = getRouteApi("/remedies");

const modeTone: Readonly<Record<Remedy["mode"], Tone>> = {
  observe: "quiet",
  suggest: "warn",
  approve: "warn",
  auto: "heal",
};

export function Remedies() {
  const { remedy: asked, issue } = remediesRoute.useSearch();
  const remedies = useQuery(queries.remedies());
  return (
    <div className="screen">
      <div className="screen-head">
        <h1>Remedies</h1>
        <p className="muted">
          {remedies.data === undefined ? "" : `${plural(remedies.data.items.length, "remedy", "remedies")} loaded`}
        </p>
      </div>
      <Async query={remedies} what="Remedies">
        {(page) => {
          const chosen = page.items.find((remedy) => remedy.name === asked) ?? page.items[0];
          if (chosen === undefined)
            return (
              <section className="panel">
                <Empty title="No remedy is loaded." icon="minus" centre>
                  Faults are found and filed, and a person is called for each.
                </Empty>
              </section>
            );
          return (
            <div className="remedy-columns">
              <section className="panel" aria-label="All remedies">
                <ul className="list first-bare remedy-list">
                  {page.items.map((remedy) => (
                    <li key={remedy.name}>
                      <Link
                        from="/remedies"
                        search={(old) => ({ ...old, remedy: remedy.name })}
                        className="remedy-row"
                        data-on={remedy === chosen}
                        aria-current={remedy === chosen ? "true" : undefined}
                        replace
                      >
                        <span className="row between">
                          <strong className="cut">{remedy.name}</strong>
                          <Chip tone={modeTone[remedy.modeInForce]}>{remedy.modeInForce}</Chip>
                        </span>
                        <span className="small muted cut">{remedy.kinds.join(", ")}</span>
                        <span className="tiny faint">{record(remedy)}</span>
                      </Link>
                    </li>
                  ))}
                </ul>
              </section>
              <div className="stack wide-gap">
                <One remedy={chosen} />
                <DryRun remedy={chosen} issue={issue} />
              </div>
            </div>
          );
        }}
      </Async>
    </div>
  );
}

function record(remedy: Remedy): string {
  const tried = remedy.verified + remedy.failed;
  return tried === 0 ? "not tried yet" : `${remedy.verified} of ${tried} verified, ${remedy.recurred} recurred`;
}

function One({ remedy }: { readonly remedy: Remedy }) {
  const tried = remedy.verified + remedy.failed;
  const isDemoted = remedy.mode !== remedy.modeInForce;
  return (
    <Panel
      title={remedy.name}
      id="remedy"
      aside={
        isDemoted ? (
          <OrderButton small icon="up" needs="admin" make={() => orders.promote(remedy.name)}>
            Let “{remedy.mode}” hold again
          </OrderButton>
        ) : undefined
      }
    >
      <div className="stack">
        {isDemoted && (
          <div className="notice tone-warn">
            <Icon name="alert" />
            <p>
              <strong>Demoted to “{remedy.modeInForce}”.</strong>{" "}
              <span className="notice-text">{clipped(remedy.modeWhy ?? "", 300)}</span>
            </p>
          </div>
        )}
        <dl className="facts">
          <dt>For</dt>
          <dd>
            {remedy.kinds.join(", ")}
            {remedy.target === null ? " on any target" : ` on ${remedy.target}`}
          </dd>
          <dt>Mode</dt>
          <dd>{modes[remedy.modeInForce] ?? remedy.modeInForce}</dd>
          <dt>Does</dt>
          <dd>
            <ol className="plan">
              {remedy.plan.map((step, at) => (
                <li key={at}>
                  <code className="wrap">{clipped(step, 300)}</code>
                </li>
              ))}
            </ol>
          </dd>
          <dt>Verification</dt>
          <dd>healthy for {duration(remedy.verifyMs)} without a break</dd>
          <dt>Recurrence</dt>
          <dd>the same fault within {duration(remedy.recurrenceMs)} counts against it</dd>
          <dt>Then</dt>
          <dd>{remedy.next ?? "a person is called"}</dd>
          <dt>Source</dt>
          <dd>{remedy.source}</dd>
        </dl>
        <div className="figure-row">
          <Figure
            name="Verified"
            value={tried === 0 ? "–" : share(remedy.verified / tried)}
            note={`${remedy.verified} of ${tried} runs`}
          />
          <Figure
            name="Recurred"
            value={remedy.verified === 0 ? "–" : share(remedy.recurred / remedy.verified)}
            note={`${remedy.recurred} of ${remedy.verified} verified`}
          />
          {remedy.budgets.map((budget) => (
            <Figure
              key={`${budget.scope}-${budget.windowMs}`}
              name={`Budget per ${duration(budget.windowMs)}`}
              value={`${budget.left} left`}
              note={`of ${budget.runs}, per ${budget.scope}`}
              meter={budget.left / budget.runs}
            />
          ))}
        </div>
      </div>
    </Panel>
  );
}

function DryRun({ remedy, issue }: { readonly remedy: Remedy; readonly issue: string | undefined }) {
  const navigate = useNavigate({ from: "/remedies" });
  const candidates = useQuery(queries.recentIssues());
  const id = useId();
  const items = candidates.data?.items ?? [];
  const isListed = issue === undefined || items.some((each) => each.id === issue);
  const answer = useQuery({ ...queries.explanationWith(issue ?? "", remedy.name), enabled: issue !== undefined });
  return (
    <Panel title="Dry run" id="dry-run">
      <div className="stack">
        <div className="field">
          <label htmlFor={id}>Against the issue</label>
          <select
            id={id}
            className="input dry-run-issue"
            value={issue ?? ""}
            onChange={(event) =>
              void navigate({
                search: (old) => ({ ...old, remedy: remedy.name, issue: event.target.value }),
                replace: true,
              })
            }
          >
            <option value="" disabled>
              Choose one
            </option>
            {!isListed && <option value={issue}>{issue}</option>}
            {items.map((each) => (
              <option key={each.id} value={each.id}>
                {each.id} {clipped(each.title, 90)} ({each.kind} on {each.target})
              </option>
            ))}
          </select>
          <span className="hint">Asks every guard and does nothing.</span>
        </div>
        {issue !== undefined && (
          <Async
            query={answer}
            what="The dry run"
            missing={<p className="muted">There is no issue {clipped(issue, 80)}.</p>}
          >
            {(explanation) => (
              <div className="stack tight" role="status">
                <p className="row top">
                  <span className={explanation.allowed ? "tone-ok" : "tone-warn"}>
                    <Icon name={explanation.allowed ? "check-circle" : "lock"} />
                  </span>
                  <span className="wrap">{clipped(explanation.answer, 600)}</span>
                </p>
                {explanation.guard !== null && (
                  <p className="small muted wrap">
                    Guard <strong>{explanation.guard}</strong>: {clipped(explanation.reason ?? "", 300)}
                    {explanation.until !== null && (
                      <>
                        , until <When at={explanation.until} />
                      </>
                    )}
                  </p>
                )}
              </div>
            )}
          </Async>
        )}
      </div>
    </Panel>
  );
}
