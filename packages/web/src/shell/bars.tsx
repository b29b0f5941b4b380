// What holds healing back everywhere, said on every screen, with the way out beside it: pause, storm, maintenance, a broken
// line. Nothing is decided here; the words are the server's.
import type { Status } from "@prunella/contract";
import { useQuery } from "@tanstack/react-query";
import { orders } from "../api/actions.ts";
import { liveLine } from "../api/line.ts";
import { useConnection } from "../api/live.ts";
import { queries } from "../api/queries.ts";
import { clipped } from "../format/text.ts";
import { actor } from "../format/words.ts";
import { Icon } from "../ui/icon.tsx";
import { OrderButton } from "../ui/order-button.tsx";
import { When } from "../ui/parts.tsx";

export function HoldBars({ status }: { readonly status: Status | undefined }) {
  const connection = useConnection(liveLine());
  const access = useQuery(queries.access());
  return (
    <>
      {connection.state === "lost" && (
        <div className="bar bad" role="status">
          <Icon name="offline" />
          <span>What you see may be old: the line to Prunella is broken. It comes back by itself.</span>
        </div>
      )}
      {access.data?.scope === "read" && (
        <div className="bar" role="status">
          <Icon name="lock" />
          <strong>You look on.</strong>
          <span className="wrap">
            The token of {actor(access.data.by)} has the scope read; what takes operate is shut.
          </span>
        </div>
      )}
      {status?.paused && (
        <div className="bar warn" role="status">
          <Icon name="pause" />
          <strong>Healing is paused.</strong>
          <span className="wrap">
            By {actor(status.paused.by)} <When at={status.paused.since} />
            {status.paused.why === "" ? "" : `: ${clipped(status.paused.why, 200)}`}. Faults are still found and filed.
          </span>
          <OrderButton small icon="play" make={() => orders.resume(null)}>
            Resume healing
          </OrderButton>
        </div>
      )}
      {status?.storm && (
        <div className="bar bad" role="status">
          <Icon name="alert" />
          <strong>Storm: repairs hold.</strong>
          <span className="wrap">
            {clipped(status.storm.why, 300)}, since <When at={status.storm.since} />
          </span>
        </div>
      )}
      {status?.maintenance
        .filter((window) => Date.parse(window.from) <= Date.parse(status.at))
        .slice(0, 3)
        .map((window) => (
          <div className="bar warn" key={window.id} role="status">
            <Icon name="clock" />
            <strong>Maintenance of {window.target ?? "everything"}.</strong>
            <span className="wrap">
              No repair starts; ends <When at={window.to} />
              {window.why === "" ? "" : `: ${clipped(window.why, 200)}`}
            </span>
            <OrderButton small make={() => orders.endMaintenance(window.id)}>
              End it now
            </OrderButton>
          </div>
        ))}
    </>
  );
}
