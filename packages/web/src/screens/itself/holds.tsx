// What holds healing and being told back, and the way out.
import type { Status } from "@prunella/contract";
import { useQuery } from "@tanstack/react-query";
import { orders } from "../../api/actions.ts";
import { queries } from "../../api/queries.ts";
import { clipped } from "../../format/text.ts";
import { actor } from "../../format/words.ts";
import { Panel, When } from "../../ui/parts.tsx";
import { Empty, QueryPanel } from "../../ui/states.tsx";
import { OrderButton, PauseButton, MaintenanceButton } from "../../ui/order-button.tsx";

export function Holds({ status }: { readonly status: Status }) {
  return (
    <Panel
      title="What holds healing back"
      id="holds"
      flush
      aside={
        <div className="row">
          {status.paused === null && (
            <PauseButton target={null} small>
              Pause
            </PauseButton>
          )}
          <MaintenanceButton target={null} small />
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
              <OrderButton small icon="play" make={() => orders.resume(null)}>
                Resume
              </OrderButton>
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
              <OrderButton small make={() => orders.endMaintenance(window.id)}>
                End
              </OrderButton>
            </li>
          ))}
        </ul>
      )}
    </Panel>
  );
}

export function Silences() {
  const silences = useQuery(queries.silences());
  return (
    <QueryPanel title="Silences" id="silences" flush query={silences} what="Silences" optional>
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
                <OrderButton small make={() => orders.endSilence(silence.id)}>
                  End
                </OrderButton>
              </li>
            ))}
          </ul>
        );
      }}
    </QueryPanel>
  );
}
