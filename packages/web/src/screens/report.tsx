// The status report, live: summary, matrix, layers, KPIs and what to do next, as the server computes them from the records.
// Printable, and saved as Markdown, HTML or JSON in the server's own rendering. Without the full report, its KPIs are shown.
import type { Kpis } from "@prunella/contract";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { readText } from "../api/client.ts";
import { count, share } from "../format/number.ts";
import { clipped } from "../format/text.ts";
import { duration, exact } from "../format/time.ts";
import { healings, issueStatuses, lookOf, severities } from "../format/words.ts";
import { exactly } from "../ui/exactly.ts";
import { Icon } from "../ui/icon.tsx";
import { Button, LookChip, Panel, State, Figure } from "../ui/parts.tsx";
import { number, Table } from "../ui/table.tsx";
import { Async, isNotAvailable } from "../ui/states.tsx";
import { toast } from "../ui/toasts.tsx";
import { queries } from "../api/queries.ts";

const reportRoute = getRouteApi("/report");

interface ReportRow {
  readonly id: string;
  readonly origin: string;
  readonly severity: string;
  readonly title: string;
  readonly target: string | null;
  readonly status: string;
  readonly regressed: boolean;
  readonly remark: string | null;
  readonly selfHealing: string;
  readonly rootCause: string | null;
  readonly solution: string | null;
  readonly occurrences: number;
  readonly proof: { readonly at: string; readonly kind: string; readonly by: string; readonly text: string } | null;
}
interface KpiLine {
  readonly name: string;
  readonly group?: string;
  readonly target: string;
  readonly value: string;
  readonly count: number;
  readonly of: number;
  readonly low: number | null;
  readonly high: number | null;
  readonly met: boolean | null;
  readonly previous: string | null;
}
interface Report {
  readonly at: string;
  readonly from: string;
  readonly to: string;
  readonly summary: {
    readonly total: number;
    readonly byStatus: Readonly<Record<string, number>>;
    readonly needsPerson: number;
    readonly selfHealingActive: number;
    readonly incidents: number;
    readonly incidentsBefore: number | null;
  };
  readonly matrix: readonly ReportRow[];
  readonly catalogue?: readonly ReportRow[];
  readonly layers: readonly {
    readonly name: string;
    readonly share: number | null;
    readonly count: number;
    readonly of: number;
    readonly low: number | null;
    readonly high: number | null;
  }[];
  readonly kpis: readonly KpiLine[];
  readonly drills: readonly KpiLine[];
  readonly longRuns: readonly {
    readonly kind: string;
    readonly at: string;
    readonly coveredMs: number;
    readonly passed: boolean;
    readonly summary: string;
  }[];
  readonly nextActions: readonly { readonly urgency: string; readonly about: string; readonly text: string }[];
}

const periods = ["1", "7", "30", "90"] as const;
const formats = [
  { format: "markdown", name: "Markdown", ending: "md", type: "text/markdown" },
  { format: "html", name: "HTML", ending: "html", type: "text/html" },
  { format: "json", name: "JSON", ending: "json", type: "application/json" },
] as const;
/** Rows of the matrix on this page; the whole is in the saved report. */
const rowsMax = 200;

export function Report() {
  const { days: asked } = reportRoute.useSearch();
  const days = periods.find((each) => each === asked) ?? "1";
  // Whole minutes, so that the same question has the same answer while the page is open.
  const to = new Date(Math.ceil(Date.now() / 300_000) * 300_000);
  const from = new Date(to.getTime() - Number(days) * 86_400_000);
  const period = { from: from.toISOString(), to: to.toISOString() };
  const report = useQuery({
    ...queries.report({ format: "json", ...period, compare: true }),
    placeholderData: (before) => before,
  });
  const kpis = useQuery({ ...queries.kpis(), enabled: isNotAvailable(report.error) });
  return (
    <div className="screen report">
      <div className="screen-head">
        <h1>Report</h1>
        <p className="muted">
          {exact(from.getTime())} to {exact(Math.min(to.getTime(), Date.now()))}
        </p>
        <span className="grow" />
        <div className="row no-print" role="group" aria-label="Period">
          {periods.map((each) => (
            <Link
              key={each}
              to="/report"
              search={(each === "1" ? { days: undefined } : { days: each }) as never}
              className="button small"
              data-on={days === each}
              activeOptions={exactly}
              replace
            >
              {each === "1" ? "24 hours" : `${each} days`}
            </Link>
          ))}
        </div>
        <div className="row folding no-print" role="group" aria-label="Save the report">
          {formats.map((each) => (
            <Button
              key={each.format}
              small
              disabled={report.data === undefined}
              onClick={() => void save(each, { ...period, compare: true })}
            >
              {each.name}
            </Button>
          ))}
          <Button small icon="report" onClick={() => window.print()}>
            Print
          </Button>
        </div>
      </div>
      {isNotAvailable(report.error) ? (
        <>
          <p className="muted">
            This build serves the KPIs of the last 24 hours; the full report is not available in it.
          </p>
          <Panel title="KPIs" id="report-kpis" flush>
            <Async query={kpis} what="KPIs">
              {(data) => <KpiTable rows={data.rows.map((row) => ({ ...row, ...none }))} kpis={data} />}
            </Async>
          </Panel>
        </>
      ) : (
        <Async query={report} what="The report">
          {(data) => <Body report={data as Report} />}
        </Async>
      )}
    </div>
  );
}

const none = { count: 0, of: 0, low: null, high: null, previous: null } as const;

async function save(
  format: (typeof formats)[number],
  period: Readonly<Record<string, string | boolean>>,
): Promise<void> {
  try {
    const text = await readText("/report", { ...period, format: format.format });
    const url = URL.createObjectURL(new Blob([text], { type: format.type }));
    const link = document.createElement("a");
    link.href = url;
    link.download = `prunella-report-${new Date().toISOString().slice(0, 10)}.${format.ending}`;
    link.click();
    URL.revokeObjectURL(url);
  } catch (error) {
    toast(error instanceof Error ? error.message : String(error), { isFailure: true });
  }
}

function Body({ report }: { readonly report: Report }) {
  const { summary } = report;
  const before = summary.incidentsBefore;
  return (
    <>
      <section className="panel figure-row padded" aria-label="Summary">
        <Figure name="Issues" value={count(summary.total)} note={statusText(summary.byStatus)} />
        <Figure name="Need a person" value={count(summary.needsPerson)} note="now" />
        <Figure
          name="Incidents"
          value={count(summary.incidents)}
          note={before === null ? "in the period" : `${count(before)} in the period before`}
        />
        <Figure
          name="Self-healing active"
          value={count(summary.selfHealingActive)}
          note={`of ${count(summary.total)} issues`}
        />
        {report.layers.map((layer) => (
          <Figure
            key={layer.name}
            name={`Layer ${layer.name}`}
            value={share(layer.share)}
            note={`${count(layer.count)} of ${count(layer.of)} proved`}
          />
        ))}
      </section>
      {report.nextActions.length > 0 && (
        <Panel title="What to do next" id="next-actions" flush>
          <ul className="list">
            {report.nextActions.slice(0, 50).map((action, at) => (
              <li key={at} className="row top">
                <span className="urgency small">{action.urgency}</span>
                <span className="grow wrap">
                  <strong>{clipped(action.about, 100)}</strong>{" "}
                  <span className="muted">{clipped(action.text, 400)}</span>
                </span>
              </li>
            ))}
          </ul>
        </Panel>
      )}
      <Panel title="KPIs" id="report-kpis" flush>
        <KpiTable rows={report.kpis} kpis={null} />
      </Panel>
      {report.drills.length > 0 && (
        <Panel title="Drills" id="report-drills" flush>
          <KpiTable rows={report.drills} kpis={null} />
        </Panel>
      )}
      <Panel title={`Matrix (${report.matrix.length})`} id="matrix" flush>
        <MatrixTable rows={report.matrix} />
      </Panel>
      {(report.catalogue?.length ?? 0) > 0 && (
        <Panel title={`Catalogue (${report.catalogue?.length ?? 0})`} id="report-catalogue" flush>
          <MatrixTable rows={report.catalogue ?? []} />
        </Panel>
      )}
      {report.longRuns.length > 0 && (
        <Panel title="Long runs" id="long-runs" flush>
          <ul className="list">
            {report.longRuns.map((run, at) => (
              <li key={at} className="row top">
                <span className={run.passed ? "tone-ok" : "tone-bad"}>
                  <Icon name={run.passed ? "check" : "cross"} />
                </span>
                <span className="grow wrap">
                  <strong>{run.kind}</strong>, {duration(run.coveredMs)} covered:{" "}
                  <span className="muted">{clipped(run.summary, 300)}</span>
                </span>
              </li>
            ))}
          </ul>
        </Panel>
      )}
    </>
  );
}

function statusText(by: Readonly<Record<string, number>>): string {
  return Object.entries(by)
    .filter(([, value]) => value > 0)
    .map(([status, value]) => `${count(value)} ${lookOf(issueStatuses, status).label}`)
    .join(", ");
}

function KpiTable({ rows, kpis }: { readonly rows: readonly KpiLine[]; readonly kpis: Kpis | null }) {
  const hasCounts = rows.some((row) => row.of > 0 || row.previous !== null);
  return (
    <Table
      label="KPIs"
      columns={["KPI", "Target", "Value", ...(hasCounts ? [number("Counted"), "95 % interval", "Before"] : []), "Met"]}
      {...(kpis !== null
        ? {
            note: (
              <>
                Detection: {kpis.detection.count} incidents, median{" "}
                {kpis.detection.p50Ms === null ? "–" : duration(kpis.detection.p50Ms)}. Repair: {kpis.repair.count}{" "}
                repairs, median {kpis.repair.p50Ms === null ? "–" : duration(kpis.repair.p50Ms)}.
              </>
            ),
          }
        : {})}
    >
      {rows.map((row) => (
        <tr key={row.name}>
          <td>{row.name}</td>
          <td className="muted">{row.target}</td>
          <td>
            <strong>{row.value}</strong>
          </td>
          {hasCounts && (
            <>
              <td className="number">{counted(row)}</td>
              <td>{row.low === null || row.high === null ? "–" : `${share(row.low)} to ${share(row.high)}`}</td>
              <td className="muted">{row.previous ?? "–"}</td>
            </>
          )}
          <td>
            <span className={`state ${row.met === null ? "tone-quiet" : row.met ? "tone-ok" : "tone-bad"}`}>
              <Icon name={row.met === null ? "minus" : row.met ? "check" : "cross"} />
              {row.met === null ? "no data" : row.met ? "met" : "missed"}
            </span>
          </td>
        </tr>
      ))}
    </Table>
  );
}

/** Availability counts time, everything else counts cases. */
function counted(row: KpiLine): string {
  if (row.of === 0) return "–";
  const text = row.name === "availability" ? duration : (value: number): string => count(Math.round(value));
  return `${text(row.count)} of ${text(row.of)}`;
}

function MatrixTable({ rows }: { readonly rows: readonly ReportRow[] }) {
  return (
    <Table
      label="Matrix"
      className="matrix-table"
      columns={["Issue", "Severity", "Title", "Status", "Self-healing", "Root cause", "Solution", "Proof"]}
      {...(rows.length > rowsMax
        ? {
            note: (
              <>
                The first {rowsMax}; all {rows.length} are in the saved report.
              </>
            ),
          }
        : {})}
    >
      {rows.slice(0, rowsMax).map((row) => (
        <tr key={row.id}>
          <td className="mono nowrap">
            {row.origin === "catalogue" ? (
              row.id
            ) : (
              <Link to="/issues/$id" params={{ id: row.id }}>
                {row.id}
              </Link>
            )}
          </td>
          <td>
            <State look={lookOf(severities, row.severity)} />
          </td>
          <td>
            {clipped(row.title, 200)}
            {row.remark !== null && <span className="block tiny tone-warn">{clipped(row.remark, 200)}</span>}
          </td>
          <td>
            <LookChip look={lookOf(issueStatuses, row.status)} />
          </td>
          <td>
            <State look={lookOf(healings, row.selfHealing)} />
          </td>
          <td className="muted">{row.rootCause === null ? "–" : clipped(row.rootCause, 200)}</td>
          <td className="muted">{row.solution === null ? "–" : clipped(row.solution, 200)}</td>
          <td className="small muted">{row.proof === null ? "–" : `${row.proof.kind} ${row.proof.by}`}</td>
        </tr>
      ))}
    </Table>
  );
}
