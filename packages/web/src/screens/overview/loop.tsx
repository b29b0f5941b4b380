// The loop as a live strip: what is in each stage now. Stage names and counts are the API's; motion only while something is
// being repaired or verified.
import type { Status } from "@prunella/contract";
import { Link } from "@tanstack/react-router";
import { count } from "../../format/number.ts";
import { Icon } from "../../ui/icon.tsx";

/** What the number of a stage counts, and where to see it. */
const stages: Readonly<Record<string, { readonly counts: string; readonly to: string; readonly q?: string }>> = {
  signal: { counts: "waiting", to: "/itself" },
  finding: { counts: "firing", to: "/issues", q: "is:open" },
  issue: { counts: "open", to: "/issues", q: "is:open" },
  diagnosis: { counts: "being diagnosed", to: "/issues", q: "is:open" },
  repair: { counts: "waiting or acting", to: "/approvals" },
  verification: { counts: "being watched", to: "/approvals" },
  report: { counts: "to deliver", to: "/report" },
};
const healingStages = new Set(["repair", "verification"]);

export function Loop({ status }: { readonly status: Status }) {
  const isHealing = status.healing.length > 0;
  return (
    <nav className={`loop ${isHealing ? "is-healing" : ""}`} aria-label="The loop, with what is in each stage now">
      <ol>
        {Object.entries(status.stages).map(([stage, number]) => {
          const about = stages[stage];
          const tone = number === 0 ? "" : healingStages.has(stage) ? "heal" : stage === "signal" ? "" : "busy";
          return (
            <li key={stage} className={tone}>
              <Link to={about?.to ?? "/"} {...(about?.q === undefined ? {} : { search: { q: about.q } })}>
                <span className="stage">{stage}</span>
                <span className="stage-count">{count(number)}</span>
                <span className="tiny faint">
                  {stage === "signal" && number === 0
                    ? `${count(status.itself.signalsTaken)} taken`
                    : (about?.counts ?? "here")}
                </span>
              </Link>
              <Icon name="right" className="arrow" />
            </li>
          );
        })}
      </ol>
    </nav>
  );
}
