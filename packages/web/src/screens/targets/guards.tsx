// The guards inside a service, live: breaker states, limiter values, queue levels, as its probe reports them.
import { useQuery } from "@tanstack/react-query";
import { short } from "../../format/number.ts";
import { clipped } from "../../format/text.ts";
import type { Look } from "../../format/words.ts";
import { lookOf } from "../../format/words.ts";
import { LookChip } from "../../ui/parts.tsx";
import { Table } from "../../ui/table.tsx";
import { Async, Empty } from "../../ui/states.tsx";
import { queries } from "../../api/queries.ts";

const states: Readonly<Record<string, Look>> = {
  closed: { label: "closed", tone: "ok", icon: "check" },
  open: { label: "open", tone: "bad", icon: "cross" },
  "half-open": { label: "half-open", tone: "warn", icon: "clock" },
  ok: { label: "ok", tone: "ok", icon: "check" },
  normal: { label: "normal", tone: "ok", icon: "check" },
  idle: { label: "idle", tone: "quiet", icon: "minus" },
};
/** Guards change by the second and are not told by the live line. */
const everyMs = 2_000;

export function Guards({ target }: { readonly target: string }) {
  const guards = useQuery({ ...queries.guards(target), refetchInterval: everyMs });
  return (
    <section className="panel" aria-label="Guards">
      <Async
        query={guards}
        what="Guards"
        empty={
          <Empty title="This target reports no guards." icon="minus" centre>
            A Node service that uses @prunella/resilience shows its breakers, limiters, queues and pools here.
          </Empty>
        }
      >
        {(page) => (
          <Table label="Guards" columns={["Guard", "Name", "State", "Values"]}>
            {page.items.slice(0, 300).map((guard, at) => (
              <tr key={`${guard.guard}-${guard.name}-${at}`}>
                <td>{clipped(String(guard.guard), 60)}</td>
                <td>
                  <strong>{clipped(String(guard.name), 120)}</strong>
                </td>
                <td>
                  <LookChip look={lookOf(states, clipped(String(guard.state), 40))} />
                </td>
                <td className="small muted">
                  {Object.entries({ ...guard.counts, ...guard.values })
                    .filter((entry): entry is [string, number] => typeof entry[1] === "number")
                    .slice(0, 14)
                    .map(([name, value]) => `${name} ${short(value)}`)
                    .join(" · ")}
                </td>
              </tr>
            ))}
          </Table>
        )}
      </Async>
    </section>
  );
}
