// KPIs against their targets, as the server words and judges them, with the daily course of the last 30 days where there is
// one. A rate without cases says so instead of showing a good number.
import type { Kpis } from "@prunella/contract";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { queries } from "../../api/queries.ts";
import { Icon } from "../../ui/icon.tsx";
import { Panel, Spark } from "../../ui/parts.tsx";
import { Async, isNotAvailable } from "../../ui/states.tsx";

/** Which number of a day's KPIs a row's spark line shows. */
const numberOf: Readonly<Record<string, (kpis: Kpis) => number | null>> = {
  availability: (kpis) => kpis.availability.share,
  "error rate": (kpis) => kpis.errorRate.share,
  "response time p95": (kpis) => kpis.latencyMsP95,
  memory: (kpis) => kpis.memoryBytesMax,
  CPU: (kpis) => kpis.cpuShareMean,
  "auto-recovery rate": (kpis) => kpis.autoRecovery.share,
  "detection time (median)": (kpis) => kpis.detection.p50Ms,
  "repair time (median)": (kpis) => kpis.repair.p50Ms,
  "false-positive rate": (kpis) => kpis.falsePositives.share,
};

export function KpiPanel() {
  const now = useQuery(queries.kpis());
  const days = useQuery(queries.kpiDays());
  return (
    <Panel
      title="KPIs, last 24 hours"
      id="kpis"
      className="kpi-panel"
      flush
      aside={
        <Link to="/report" className="small">
          Report
        </Link>
      }
    >
      <Async query={now} what="KPIs">
        {(kpis) => (
          <ul className="list kpi-list">
            {kpis.rows.map((row) => {
              const pick = numberOf[row.name];
              const values = pick === undefined ? [] : (days.data?.items ?? []).map((day) => pick(day.kpis));
              const known = values.filter((value) => value !== null).length;
              return (
                <li key={row.name} className="kpi">
                  <span className={row.met === null ? "tone-quiet" : row.met ? "tone-ok" : "tone-bad"}>
                    <Icon name={row.met === null ? "minus" : row.met ? "check" : "cross"} />
                    <span className="visually-hidden">
                      {row.met === null ? "not known" : row.met ? "met" : "missed"}
                    </span>
                  </span>
                  <span className="grow">
                    <span className="kpi-name">{row.name}</span>
                    <span className="tiny faint">target {row.target}</span>
                  </span>
                  {known > 1 ? (
                    <Spark values={values} line width={56} label={`${row.name}, ${known} of the last 30 days`} />
                  ) : null}
                  <strong className="kpi-value">{row.value}</strong>
                </li>
              );
            })}
          </ul>
        )}
      </Async>
      {days.isError && !isNotAvailable(days.error) && (
        <p className="tiny faint kpi-note">The course of the last 30 days cannot be shown.</p>
      )}
    </Panel>
  );
}
