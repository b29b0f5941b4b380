// Who was told about an issue and who was not, and why not; and that somebody has taken it on, which stops the escalation.
import type { Issue, Notification } from "@prunella/contract";
import { useQuery } from "@tanstack/react-query";
import { orders } from "../../api/actions.ts";
import { queries } from "../../api/queries.ts";
import { clipped } from "../../format/text.ts";
import { actor, lookOf, type Look } from "../../format/words.ts";
import { Icon } from "../../ui/icon.tsx";
import { LookChip, Panel, When } from "../../ui/parts.tsx";
import { Async, isNotAvailable } from "../../ui/states.tsx";
import { OrderButton } from "../../ui/order-button.tsx";

const states: Readonly<Record<Notification["state"], Look>> = {
  waiting: { label: "waiting", tone: "quiet", icon: "clock" },
  delivered: { label: "delivered", tone: "ok", icon: "check" },
  suppressed: { label: "not sent", tone: "quiet", icon: "mute" },
  failing: { label: "failing", tone: "bad", icon: "alert" },
};
/** Notifications listed; the newest come first. */
const shown = 12;

export function Told({ issue }: { readonly issue: Issue }) {
  const notifications = useQuery(queries.notifications(issue.id));
  const isOpen = issue.status === "pending" || issue.status === "in-progress";
  if (isNotAvailable(notifications.error)) return null;
  return (
    <Panel
      title="Who was told"
      id="told"
      aside={
        isOpen && issue.acknowledged === null ? (
          <OrderButton small icon="person" make={() => orders.acknowledge(issue.id)}>
            I take it
          </OrderButton>
        ) : undefined
      }
    >
      <div className="stack tight">
        {issue.acknowledged !== null && (
          <p className="small row top">
            <span className="tone-ok">
              <Icon name="check-circle" />
            </span>
            <span className="wrap">
              Taken on by <strong>{clipped(actor(issue.acknowledged.by), 80)}</strong>{" "}
              <When at={issue.acknowledged.at} />: nobody further is called
              {issue.acknowledged.until !== null && (
                <>
                  {" "}
                  until <When at={issue.acknowledged.until} />
                </>
              )}
              .
            </span>
          </p>
        )}
        <Async
          query={notifications}
          what="Notifications"
          empty={<p className="small faint">Nobody was called for it.</p>}
        >
          {(page) => (
            <ul className="stack tight">
              {page.items.slice(0, shown).map((each) => (
                <li key={`${each.key}-${each.receiver}`} className="small">
                  <span className="row between">
                    <span className="cut" title={clipped(each.title, 200)}>
                      {each.kind} to {clipped(each.receiver, 60)}
                    </span>
                    <LookChip look={lookOf(states, each.state)} />
                  </span>
                  <span className="tiny faint wrap">
                    <When at={each.deliveredAt ?? each.at} />
                    {each.suppressedBy === null ? "" : `, ${clipped(each.suppressedBy, 120)}`}
                    {each.lastError === null ? "" : `, ${clipped(each.lastError, 160)}`}
                  </span>
                </li>
              ))}
            </ul>
          )}
        </Async>
      </div>
    </Panel>
  );
}
