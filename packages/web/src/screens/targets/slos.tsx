// SLO budgets of one target: what is left, and how fast it burns, as the server computes them.
import { useQuery } from "@tanstack/react-query";
import { queries } from "../../api/queries.ts";
import { share } from "../../format/number.ts";
import { duration } from "../../format/time.ts";
import type { Look } from "../../format/words.ts";
import { lookOf } from "../../format/words.ts";
import { LookChip, Meter } from "../../ui/parts.tsx";
import { Empty, QueryPanel } from "../../ui/states.tsx";

const states: Readonly<Record<string, Look>> = {
  ok: { label: "ok", tone: "ok", icon: "check" },
  burning: { label: "burning", tone: "warn", icon: "alert" },
  exhausted: { label: "exhausted", tone: "bad", icon: "cross" },
  "no-data": { label: "no data", tone: "quiet", icon: "minus" },
};

export function Slos({ target }: { readonly target: string }) {
  const slos = useQuery(queries.slos());
  return (
    <QueryPanel title="SLO budgets" id="slos" flush query={slos} what="SLO budgets" optional>
      {(page) => {
        const own = page.items.filter((slo) => slo.target === target);
        return own.length === 0 ? (
          <Empty title="No SLO is set." icon="minus">
            Write <code>slo: {"{ availability: 99.9% }"}</code> to set one.
          </Empty>
        ) : (
          <ul className="list">
            {own.map((slo) => (
              <li key={slo.objective} className="stack tight">
                <div className="row between">
                  <span>
                    <strong>{slo.objective}</strong> <span className="small faint">over {duration(slo.windowMs)}</span>
                  </span>
                  <LookChip look={lookOf(states, slo.state)} />
                </div>
                {slo.budgetLeft !== null && (
                  <>
                    <Meter
                      value={slo.budgetLeft}
                      tone={slo.budgetLeft <= 0 ? "bad" : slo.budgetLeft < 0.25 ? "warn" : "ok"}
                    />
                    <p className="small muted">
                      {slo.budgetLeft < 0
                        ? `overspent by ${share(-slo.budgetLeft)}`
                        : `${share(slo.budgetLeft)} of the budget left`}
                      {slo.burnRates
                        .filter((burn) => burn.rate !== null)
                        .map((burn) => `, burns ${(burn.rate ?? 0).toFixed(1)}× over ${duration(burn.windowMs)}`)
                        .join("")}
                    </p>
                  </>
                )}
              </li>
            ))}
          </ul>
        );
      }}
    </QueryPanel>
  );
}
