// `node tools/dashboards.ts`: writes the Grafana dashboards of monitoring/grafana/dashboards. Written as tables of panels here,
// so that every query is one line that a test runs against a real Prometheus (packages/prunella/e2e/monitoring.test.ts).
import { readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";

export interface Panel {
  readonly title: string;
  readonly type: "stat" | "timeseries" | "table" | "bargauge" | "state-timeline";
  readonly width: number;
  readonly height?: number;
  readonly unit?: string;
  readonly description?: string;
  readonly queries: readonly (readonly [expr: string, legend: string])[];
  /** Value from which on it turns orange, then red; or, descending, below which. */
  readonly steps?: readonly (readonly [color: string, value: number | null])[];
}
export interface Dashboard {
  readonly file: string;
  readonly title: string;
  readonly variables: readonly (readonly [name: string, query: string])[];
  readonly panels: readonly Panel[];
}

const good = [
  ["red", null],
  ["orange", 0.9],
  ["green", 0.99],
] as const;
const bad = [
  ["green", null],
  ["red", 1],
] as const;

export const dashboards: readonly Dashboard[] = [
  {
    file: "overview",
    title: "Prunella / Overview",
    variables: [],
    panels: [
      {
        title: "Targets healthy",
        type: "stat",
        width: 4,
        unit: "percentunit",
        steps: good,
        queries: [["avg(prunella_target_healthy)", ""]],
      },
      {
        title: "Needs a person",
        type: "stat",
        width: 4,
        steps: bad,
        queries: [["sum(prunella_issues_needing_person)", ""]],
      },
      { title: "Incidents open", type: "stat", width: 4, steps: bad, queries: [["sum(prunella_incidents)", ""]] },
      { title: "Repairs under way", type: "stat", width: 4, queries: [["sum(prunella_repairs_live)", ""]] },
      {
        title: "Alerts that are told",
        type: "stat",
        width: 4,
        queries: [['sum(prunella_alerts{suppressed="no"})', ""]],
      },
      {
        title: "Held",
        type: "stat",
        width: 4,
        steps: bad,
        description: "1: repairs are paused, or storm mode holds them",
        queries: [["max(prunella_paused or prunella_storm)", ""]],
      },
      {
        title: "Targets by state",
        type: "timeseries",
        width: 12,
        queries: [["sum by (state) (prunella_targets)", "{{state}}"]],
      },
      {
        title: "Issues by severity",
        type: "timeseries",
        width: 12,
        queries: [["sum by (severity) (prunella_issues)", "{{severity}}"]],
      },
      {
        title: "Faults seen now",
        type: "table",
        width: 12,
        queries: [
          [
            'max by (target, kind, severity) (prunella_target_faults) > 0 or label_replace(vector(0), "target", "none", "", "")',
            "",
          ],
        ],
      },
      {
        title: "Incidents opened, an hour",
        type: "timeseries",
        width: 12,
        queries: [["sum(increase(prunella_incidents_total[1h]))", "opened"]],
      },
      {
        title: "Detection delay, median and 95th percentile",
        type: "timeseries",
        width: 12,
        unit: "s",
        queries: [
          ["histogram_quantile(0.5, sum by (le) (rate(prunella_detection_delay_seconds_bucket[1h])))", "median"],
          ["histogram_quantile(0.95, sum by (le) (rate(prunella_detection_delay_seconds_bucket[1h])))", "95 %"],
        ],
      },
      {
        title: "Time to recover, median and 95th percentile",
        type: "timeseries",
        width: 12,
        unit: "s",
        queries: [
          ["histogram_quantile(0.5, sum by (le) (rate(prunella_issue_time_to_recover_seconds_bucket[1h])))", "median"],
          ["histogram_quantile(0.95, sum by (le) (rate(prunella_issue_time_to_recover_seconds_bucket[1h])))", "95 %"],
        ],
      },
      {
        title: "Loops: age of the last round",
        type: "timeseries",
        width: 8,
        unit: "s",
        queries: [["time() - prunella_control_loop_last_success_timestamp_seconds", "{{loop}}"]],
      },
      {
        title: "Signals taken in, per second",
        type: "timeseries",
        width: 8,
        queries: [
          ["rate(prunella_signals_taken_total[5m])", "taken"],
          ["sum(rate(prunella_signals_dropped_total[5m]))", "turned away"],
        ],
      },
      {
        title: "Prunella itself: memory",
        type: "timeseries",
        width: 8,
        unit: "bytes",
        queries: [
          ['process_resident_memory_bytes{job="prunella"}', "resident"],
          ['nodejs_heap_size_used_bytes{job="prunella"}', "heap"],
        ],
      },
      { title: "Store", type: "timeseries", width: 8, unit: "bytes", queries: [["prunella_store_size_bytes", "size"]] },
      {
        title: "Notifications, by outcome",
        type: "timeseries",
        width: 8,
        queries: [
          ["sum by (receiver, outcome) (increase(prunella_notifications_total[1h]))", "{{receiver}} {{outcome}}"],
        ],
      },
      {
        title: "Event-loop lag of the control plane",
        type: "timeseries",
        width: 8,
        unit: "s",
        queries: [["nodejs_eventloop_lag_p99_seconds", "99 %"]],
      },
    ],
  },
  {
    file: "service",
    title: "Prunella / Service",
    variables: [["service", "label_values(prunella_target_info, target)"]],
    panels: [
      {
        title: "State",
        type: "state-timeline",
        width: 24,
        height: 6,
        queries: [['prunella_target_state{target=~"$service"} == 1', "{{target}} {{state}}"]],
      },
      {
        title: "Healthy, last hour",
        type: "stat",
        width: 6,
        unit: "percentunit",
        steps: good,
        queries: [['avg_over_time(prunella_target_healthy{target=~"$service"}[1h])', "{{target}}"]],
      },
      {
        title: "Up since",
        type: "stat",
        width: 6,
        unit: "s",
        queries: [['time() - prunella_target_start_timestamp_seconds{target=~"$service"}', "{{target}}"]],
      },
      {
        title: "Starts, last hour",
        type: "stat",
        width: 6,
        queries: [['changes(prunella_target_start_timestamp_seconds{target=~"$service"}[1h])', "{{target}}"]],
      },
      {
        title: "Last heard of",
        type: "stat",
        width: 6,
        unit: "s",
        queries: [['time() - prunella_target_last_seen_timestamp_seconds{target=~"$service"}', "{{target}}"]],
      },
      {
        title: "Memory",
        type: "timeseries",
        width: 12,
        unit: "bytes",
        queries: [
          ['prunella_target_resident_memory_bytes{target=~"$service"}', "{{target}} resident"],
          ['prunella_target_heap_used_bytes{target=~"$service"}', "{{target}} heap"],
          ['prunella_target_memory_limit_bytes{target=~"$service"}', "{{target}} limit"],
        ],
      },
      {
        title: "CPU, cores",
        type: "timeseries",
        width: 12,
        queries: [['prunella_target_cpu_cores{target=~"$service"}', "{{target}}"]],
      },
      {
        title: "Requests and errors, per second",
        type: "timeseries",
        width: 12,
        queries: [
          ['prunella_target_request_rate{target=~"$service"}', "{{target}} requests"],
          ['prunella_target_request_error_rate{target=~"$service"}', "{{target}} errors"],
        ],
      },
      {
        title: "Latency, 95th percentile",
        type: "timeseries",
        width: 12,
        unit: "s",
        queries: [['prunella_target_request_duration_p95_seconds{target=~"$service"}', "{{target}}"]],
      },
      {
        title: "Event-loop lag, 99th percentile",
        type: "timeseries",
        width: 12,
        unit: "s",
        queries: [['prunella_target_event_loop_lag_p99_seconds{target=~"$service"}', "{{target}}"]],
      },
      {
        title: "Descriptors and threads",
        type: "timeseries",
        width: 12,
        queries: [
          ['prunella_target_open_fds{target=~"$service"}', "{{target}} descriptors"],
          ['prunella_target_threads{target=~"$service"}', "{{target}} threads"],
        ],
      },
      {
        title: "Checks",
        type: "timeseries",
        width: 12,
        queries: [['prunella_check_up{target=~"$service"}', "{{target}} {{check}}"]],
      },
      {
        title: "Duration of checks",
        type: "timeseries",
        width: 12,
        unit: "s",
        queries: [['prunella_check_duration_seconds{target=~"$service"}', "{{target}} {{check}}"]],
      },
    ],
  },
  {
    file: "repairs",
    title: "Prunella / Repairs",
    variables: [],
    panels: [
      {
        title: "Repairs that helped, last day",
        type: "stat",
        width: 6,
        unit: "percentunit",
        steps: good,
        description: "Verified, of those that acted",
        queries: [["prunella:repairs_verified:ratio1d", ""]],
      },
      {
        title: "Repairs, last day",
        type: "stat",
        width: 6,
        queries: [["sum(increase(prunella_repairs_total[1d]))", ""]],
      },
      {
        title: "Recovered without a person, last day",
        type: "stat",
        width: 6,
        unit: "percentunit",
        queries: [
          [
            'sum(increase(prunella_incidents_ended_total{recovered_by=~"repair|cause"}[1d])) / sum(increase(prunella_incidents_ended_total{recovered_by!="itself"}[1d]))',
            "",
          ],
        ],
      },
      {
        title: "Longest undecided",
        type: "stat",
        width: 6,
        unit: "s",
        steps: [
          ["green", null],
          ["red", 300],
        ],
        queries: [
          [
            "(time() - prunella_undecided_since_timestamp_seconds) * (prunella_undecided_since_timestamp_seconds > bool 0)",
            "",
          ],
        ],
      },
      {
        title: "Ended, by outcome",
        type: "timeseries",
        width: 12,
        queries: [["sum by (outcome) (increase(prunella_repairs_total[1h]))", "{{outcome}}"]],
      },
      {
        title: "Live, by state",
        type: "timeseries",
        width: 12,
        queries: [["sum by (state) (prunella_repairs_live)", "{{state}}"]],
      },
      {
        title: "Duration, median and 95th percentile",
        type: "timeseries",
        width: 12,
        unit: "s",
        queries: [
          ["histogram_quantile(0.5, sum by (le) (rate(prunella_repair_duration_seconds_bucket[1h])))", "median"],
          ["histogram_quantile(0.95, sum by (le) (rate(prunella_repair_duration_seconds_bucket[1h])))", "95 %"],
        ],
      },
      {
        title: "Incidents ended, by who brought them back",
        type: "timeseries",
        width: 12,
        queries: [["sum by (recovered_by) (increase(prunella_incidents_ended_total[1h]))", "{{recovered_by}}"]],
      },
      {
        title: "Remedies: runs on record",
        type: "table",
        width: 12,
        queries: [["sum by (playbook, outcome) (prunella_remedy_runs_total) > 0", ""]],
      },
      {
        title: "Remedies: mode in force",
        type: "table",
        width: 12,
        queries: [["max by (playbook, mode, in_force) (prunella_remedy_mode)", ""]],
      },
      {
        title: "Budget left",
        type: "bargauge",
        width: 24,
        height: 10,
        queries: [["min by (playbook) (prunella_budget_remaining)", "{{playbook}}"]],
      },
    ],
  },
  {
    file: "guards",
    title: "Prunella / Guards",
    variables: [["service", "label_values(prunella_guard_state, target)"]],
    panels: [
      {
        title: "Guards, by state",
        type: "table",
        width: 12,
        height: 10,
        queries: [['max by (target, guard, name, state) (prunella_guard_state{target=~"$service"})', ""]],
      },
      {
        title: "Breakers that are open",
        type: "stat",
        width: 12,
        height: 10,
        steps: bad,
        queries: [['count(prunella_guard_state{guard="breaker", state="open"}) or vector(0)', ""]],
      },
      {
        title: "Refused, per second",
        type: "timeseries",
        width: 12,
        queries: [
          [
            'sum by (target, guard, name) (rate(prunella_guard_events_total{target=~"$service", event="refused"}[5m]))',
            "{{target}} {{guard}} {{name}}",
          ],
        ],
      },
      {
        title: "Opened",
        type: "timeseries",
        width: 12,
        queries: [
          [
            'sum by (target, name) (increase(prunella_guard_events_total{target=~"$service", guard="breaker", event="opened"}[1h]))',
            "{{target}} {{name}}",
          ],
        ],
      },
      {
        title: "Everything guards count, per second",
        type: "timeseries",
        width: 12,
        queries: [
          [
            'sum by (target, guard, event) (rate(prunella_guard_events_total{target=~"$service"}[5m]))',
            "{{target}} {{guard}} {{event}}",
          ],
        ],
      },
      {
        title: "Values",
        type: "timeseries",
        width: 12,
        queries: [['prunella_guard_value{target=~"$service"}', "{{target}} {{guard}} {{name}} {{field}}"]],
      },
    ],
  },
  {
    file: "slo",
    title: "Prunella / SLO",
    variables: [["service", "label_values(prunella_slo_goal_ratio, target)"]],
    panels: [
      {
        title: "Budget left",
        type: "bargauge",
        width: 12,
        height: 10,
        unit: "percentunit",
        steps: [
          ["red", null],
          ["orange", 0.1],
          ["green", 0.5],
        ],
        queries: [['prunella_slo_budget_left_ratio{target=~"$service"}', "{{target}} {{objective}}"]],
      },
      {
        title: "Achieved against demanded",
        type: "table",
        width: 12,
        height: 10,
        unit: "percentunit",
        queries: [
          ['prunella_slo_current_ratio{target=~"$service"}', "achieved"],
          ['prunella_slo_goal_ratio{target=~"$service"}', "demanded"],
        ],
      },
      {
        title: "Burn rate",
        type: "timeseries",
        width: 24,
        description: "1 spends the budget exactly by the end of its window",
        queries: [['prunella_slo_burn_rate{target=~"$service"}', "{{target}} {{objective}} {{window}}"]],
      },
      { title: "State", type: "table", width: 12, queries: [['prunella_slo_state{target=~"$service"} == 1', ""]] },
      {
        title: "Healthy, by hour",
        type: "timeseries",
        width: 12,
        unit: "percentunit",
        queries: [['prunella:target_healthy:avg1h{target=~"$service"}', "{{target}}"]],
      },
    ],
  },
  {
    file: "drills",
    title: "Prunella / Drills",
    variables: [],
    panels: [
      {
        title: "Drills that passed, of those that have run",
        type: "stat",
        width: 6,
        unit: "percentunit",
        steps: good,
        queries: [
          ['sum(prunella_drill_outcome{outcome="passed"}) / sum(prunella_drill_outcome{outcome=~"passed|failed"})', ""],
        ],
      },
      {
        title: "Failing",
        type: "stat",
        width: 6,
        steps: bad,
        queries: [['sum(prunella_drill_outcome{outcome="failed"})', ""]],
      },
      {
        title: "Not run yet",
        type: "stat",
        width: 6,
        queries: [['sum(prunella_drill_outcome{outcome="none"})', ""]],
      },
      {
        title: "Oldest proof",
        type: "stat",
        width: 6,
        unit: "s",
        description: "Since a drill that has passed once last passed; after 30 days it proves nothing any more",
        steps: [
          ["green", null],
          ["orange", 20 * 86_400],
          ["red", 30 * 86_400],
        ],
        queries: [["max(time() - (prunella_drill_last_pass_timestamp_seconds > 0))", ""]],
      },
      {
        title: "Coverage, by layer",
        type: "bargauge",
        width: 12,
        unit: "percentunit",
        description: "Share of known failure modes whose drill or incident showed the layer at work",
        steps: good,
        queries: [
          ["prunella_coverage_proved_modes / on (instance, job) group_left () prunella_coverage_modes", "{{layer}}"],
        ],
      },
      {
        title: "Last outcome",
        type: "table",
        width: 12,
        queries: [["max by (drill, outcome) (prunella_drill_outcome) == 1", ""]],
      },
      {
        title: "From the fault to its detection",
        type: "bargauge",
        width: 8,
        height: 12,
        unit: "s",
        queries: [["max by (drill) (prunella_drill_detection_seconds)", "{{drill}}"]],
      },
      {
        title: "From detection to the end of the repair",
        type: "bargauge",
        width: 8,
        height: 12,
        unit: "s",
        queries: [["max by (drill) (prunella_drill_repair_seconds)", "{{drill}}"]],
      },
      {
        title: "From detection to health",
        type: "bargauge",
        width: 8,
        height: 12,
        unit: "s",
        queries: [["max by (drill) (prunella_drill_recovery_seconds)", "{{drill}}"]],
      },
      {
        title: "Since the last run",
        type: "bargauge",
        width: 24,
        height: 12,
        unit: "s",
        description: "Of the drills that run by themselves and of those that were run by hand",
        queries: [["max by (drill) (time() - (prunella_drill_last_run_timestamp_seconds > 0))", "{{drill}}"]],
      },
    ],
  },
];

/** Grafana's JSON; the grid is 24 columns wide. */
export function grafana(dashboard: Dashboard): unknown {
  const source = { type: "prometheus", uid: "${datasource}" };
  let [x, y, rowHeight] = [0, 0, 0];
  const panels = dashboard.panels.map((panel, at) => {
    const height = panel.height ?? (panel.type === "stat" ? 4 : 8);
    if (x + panel.width > 24) {
      x = 0;
      y += rowHeight;
      rowHeight = 0;
    }
    const gridPos = { x, y, w: panel.width, h: height };
    x += panel.width;
    rowHeight = Math.max(rowHeight, height);
    const isTable = panel.type === "table";
    return {
      id: at + 1,
      type: panel.type,
      title: panel.title,
      ...(panel.description === undefined ? {} : { description: panel.description }),
      gridPos,
      datasource: source,
      fieldConfig: {
        defaults: {
          ...(panel.unit === undefined ? {} : { unit: panel.unit }),
          thresholds: {
            mode: "absolute",
            steps: (panel.steps ?? [["green", null]]).map(([color, value]) => ({ color, value })),
          },
        },
        overrides: [],
      },
      options:
        panel.type === "stat" || panel.type === "bargauge"
          ? { reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false } }
          : panel.type === "timeseries"
            ? { legend: { displayMode: "list", placement: "bottom" }, tooltip: { mode: "multi", sort: "desc" } }
            : {},
      ...(isTable ? { transformations: [{ id: "organize", options: { excludeByName: { Time: true } } }] } : {}),
      targets: panel.queries.map(([expr, legendFormat], index) => ({
        refId: String.fromCharCode(65 + index),
        expr,
        datasource: source,
        ...(legendFormat === "" ? {} : { legendFormat }),
        ...(isTable ? { format: "table", instant: true } : {}),
      })),
    };
  });
  return {
    uid: `prunella-${dashboard.file}`,
    title: dashboard.title,
    tags: ["prunella"],
    schemaVersion: 39,
    version: 1,
    editable: true,
    refresh: "30s",
    time: { from: "now-6h", to: "now" },
    timezone: "",
    annotations: { list: [] },
    templating: {
      list: [
        { name: "datasource", type: "datasource", query: "prometheus" },
        ...dashboard.variables.map(([name, query]) => ({
          name,
          type: "query",
          datasource: source,
          query,
          refresh: 2,
          includeAll: true,
          multi: true,
          allValue: ".*",
          current: { text: "All", value: "$__all" },
        })),
      ],
    },
    panels,
  };
}

export const folder = path.resolve(import.meta.dirname, "../monitoring/grafana/dashboards");

if (process.argv[1] === import.meta.filename)
  for (const dashboard of dashboards) {
    const file = path.join(folder, `${dashboard.file}.json`);
    writeFileSync(file, `${JSON.stringify(grafana(dashboard), null, 2)}\n`);
    console.log(
      `${path.relative(process.cwd(), file)}: ${readFileSync(file).length} bytes, ${dashboard.panels.length} panels`,
    );
  }
