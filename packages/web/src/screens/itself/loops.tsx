// The loops, queues and store of Prunella, each with what is amiss about it.
import type { Status } from "@prunella/contract";
import { liveLine } from "../../api/line.ts";
import { useConnection } from "../../api/live.ts";
import { bytes, count } from "../../format/number.ts";
import { duration } from "../../format/time.ts";
import { Icon } from "../../ui/icon.tsx";

/** A loop that has not turned for this long is shown as late, ms; the server's verdict says the same. */
const lateMs = 10_000;

export function Loops({ status }: { readonly status: Status }) {
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
