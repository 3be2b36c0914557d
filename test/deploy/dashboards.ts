/** A line of a panel: what is asked, and what it is called; `{{label}}` is that label's value. */
type Line = [expr: string, legend: string];

interface Panel {
  title: string;
  /** Of Grafana: `short`, `s`, `ops`, `bytes`, `percentunit`. */
  unit: string;
  lines: Line[];
}

interface Board {
  /** Also its file. */
  uid: string;
  title: string;
  /** A label by whose values it is filtered, and a metric that has them all. */
  by?: { label: string; of: string };
  panels: Panel[];
}

/** Gauges of the database are the same from every process: the largest is taken. Counters are one process's, and added up. */
const rate = (metric: string, by: string, filter = "") =>
  `sum by (${by}) (rate(${metric}${filter && `{${filter}}`}[$__rate_interval]))`;
const quantile = (share: number, metric: string, filter = "") =>
  `histogram_quantile(${share}, sum by (le) (rate(${metric}_bucket${filter && `{${filter}}`}[$__rate_interval])))`;
const both = (metric: string, filter = ""): Line[] => [
  [quantile(0.5, metric, filter), "half of them within"],
  [quantile(0.99, metric, filter), "99 % within"],
];
const panel = (title: string, unit: string, ...lines: Line[]): Panel => ({ title, unit, lines });

const JOB = 'job_name=~"$job_name"';
const QUEUE = 'queue=~"$queue"';
const INSTANCE = 'instance=~"$instance"';

export const BOARDS: readonly Board[] = [
  {
    uid: "millrace",
    title: "Millrace",
    panels: [
      panel(
        "Runs that wait and run",
        "short",
        ["max(millrace_runs_queued)", "queued"],
        ["max(millrace_runs_running)", "running"],
        ["max(millrace_runs_scheduled)", "scheduled"],
        ["max(millrace_runs_waiting)", "waiting"],
        ["max by (reason) (millrace_runs_held)", "held: {{reason}}"],
      ),
      panel("Attempts per second", "ops", [
        rate("millrace_attempts_total", "outcome"),
        "{{outcome}}",
      ]),
      panel("The oldest run has waited", "s", [
        "topk(10, max by (queue) (millrace_queue_oldest_seconds))",
        "{{queue}}",
      ]),
      panel("From ready to started", "s", ...both("millrace_run_wait_seconds")),
      panel("Failures per second", "ops", [
        `topk(10, ${rate("millrace_attempt_failures_total", "job_name, error")})`,
        "{{job_name}}: {{error}}",
      ]),
      panel(
        "For a person",
        "short",
        ["max(millrace_dead_letters)", "dead letters"],
        ["max(millrace_effects_in_doubt)", "effects in doubt"],
        ["max(millrace_approvals_waiting)", "approvals"],
        ["max(millrace_runs_parked)", "parked"],
      ),
      panel("Calls to others per second", "ops", [
        `topk(10, ${rate("millrace_fetch_duration_seconds_count", "host, outcome")})`,
        "{{host}}: {{outcome}}",
      ]),
      panel("Schedules fire late by", "s", ...both("millrace_schedule_lateness_seconds")),
      panel("HTTP requests per second", "ops", [
        rate("millrace_http_requests_total", "route, status"),
        "{{route}} {{status}}",
      ]),
      panel(
        "Up",
        "short",
        ["min(millrace_database_up)", "database"],
        ["min(millrace_transport_up)", "transport"],
        ['sum(up{job="millrace"})', "processes"],
      ),
    ],
  },
  {
    uid: "millrace-queues",
    title: "Millrace: queues",
    by: { label: "queue", of: "millrace_queue_runs" },
    panels: [
      panel("Runs that wait", "short", [
        `max by (queue, state) (millrace_queue_runs{${QUEUE}})`,
        "{{queue}}, {{state}}",
      ]),
      panel("The oldest has waited", "s", [
        `max by (queue) (millrace_queue_oldest_seconds{${QUEUE}})`,
        "{{queue}}",
      ]),
      panel(
        "Workers that take from it, and that it wants",
        "short",
        [`max by (queue) (millrace_queue_workers{${QUEUE}})`, "{{queue}}: there are"],
        [`max by (queue) (millrace_workers_wanted{${QUEUE}})`, "{{queue}}: wanted"],
      ),
      panel("Paused", "short", [`max by (queue) (millrace_queue_paused{${QUEUE}})`, "{{queue}}"]),
    ],
  },
  {
    uid: "millrace-jobs",
    title: "Millrace: jobs",
    by: { label: "job_name", of: "millrace_attempts_total" },
    panels: [
      panel("Attempts per second", "ops", [
        rate("millrace_attempts_total", "job_name, outcome", JOB),
        "{{job_name}}, {{outcome}}",
      ]),
      panel("Share that fails", "percentunit", [
        `${rate("millrace_attempts_total", "job_name", `${JOB},outcome="failed"`)} / ${rate("millrace_attempts_total", "job_name", `${JOB},outcome=~"completed|failed"`)}`,
        "{{job_name}}",
      ]),
      panel("Failures per second", "ops", [
        rate("millrace_attempt_failures_total", "job_name, error, next", JOB),
        "{{job_name}}: {{error}}, then {{next}}",
      ]),
      panel("From ready to started", "s", ...both("millrace_run_wait_seconds", JOB)),
      panel("From started to ended", "s", ...both("millrace_attempt_duration_seconds", JOB)),
      panel(
        "Lost and crashed per second",
        "ops",
        [rate("millrace_attempts_lost_total", "job_name", JOB), "{{job_name}}: lost"],
        [rate("millrace_crashes_total", "job_name", JOB), "{{job_name}}: crashed"],
      ),
    ],
  },
  {
    uid: "millrace-workers",
    title: "Millrace: workers",
    by: { label: "instance", of: "millrace_worker_slots" },
    panels: [
      panel("Slots taken", "percentunit", [
        `sum by (instance) (millrace_worker_slots{${INSTANCE},state="busy"}) / sum by (instance) (millrace_worker_slots{${INSTANCE}})`,
        "{{instance}}",
      ]),
      panel("Claims take", "s", ...both("millrace_claim_duration_seconds", INSTANCE)),
      panel("Recording outcomes takes", "s", ...both("millrace_record_duration_seconds", INSTANCE)),
      panel(
        "Runs in a batch, half of them have as many",
        "short",
        [quantile(0.5, "millrace_claimed_runs", INSTANCE), "claimed"],
        [quantile(0.5, "millrace_recorded_runs", INSTANCE), "recorded"],
      ),
      panel("The event loop is late by", "s", [
        `nodejs_eventloop_lag_seconds{${INSTANCE},percentile="99"}`,
        "{{instance}}",
      ]),
      panel("Processor", "percentunit", [
        rate("process_cpu_seconds_total", "instance", INSTANCE),
        "{{instance}}",
      ]),
      panel("Memory", "bytes", [`process_resident_memory_bytes{${INSTANCE}}`, "{{instance}}"]),
      panel(
        "Workers lost, handlers stuck",
        "short",
        ["sum(increase(millrace_workers_lost_total[$__rate_interval]))", "lost"],
        [`sum by (instance) (millrace_stuck_handlers{${INSTANCE}})`, "{{instance}}: stuck"],
      ),
    ],
  },
  {
    uid: "millrace-database",
    title: "Millrace: database",
    panels: [
      panel("Claims take, of the slowest worker", "s", [
        "max by (percentile) (millrace_claim_seconds)",
        "{{percentile}}",
      ]),
      panel("The oldest snapshot", "s", ["max(millrace_oldest_snapshot_seconds)", "open for"]),
      panel("Dead rows", "short", ["max by (table) (millrace_dead_rows)", "{{table}}"]),
      panel("Hot tables", "bytes", ["max by (table) (millrace_hot_table_bytes)", "{{table}}"]),
      panel("History", "bytes", ["max by (table) (millrace_history_bytes)", "{{table}}"]),
      panel("Log written", "Bps", [
        "max(rate(millrace_database_wal_bytes[$__rate_interval]))",
        "bytes a second",
      ]),
      panel(
        "Connections",
        "short",
        ["max(millrace_database_connections)", "taken"],
        ["max(millrace_database_max_connections)", "there are"],
        ["sum(millrace_database_pool_waiting)", "statements that wait for one"],
      ),
      panel("Transaction ids since the last freeze", "short", [
        "max(millrace_database_frozen_age_xids)",
        "of two thousand million",
      ]),
    ],
  },
];

const SOURCE = { type: "prometheus", uid: "prometheus" };

/** As Grafana reads it; a line for each panel. */
export function dashboardText({ uid, title, by, panels }: Board): string {
  const variable = by && {
    name: by.label,
    label: by.label,
    type: "query",
    datasource: SOURCE,
    query: `label_values(${by.of}, ${by.label})`,
    refresh: 2,
    includeAll: true,
    multi: true,
    current: { text: "All", value: "$__all" },
  };
  const head = {
    ...{ uid, title, tags: ["millrace"], timezone: "browser", schemaVersion: 39, refresh: "15s" },
    time: { from: "now-1h", to: "now" },
    links: [{ type: "dashboards", tags: ["millrace"], title: "Millrace" }],
    templating: { list: variable ? [variable] : [] },
  };
  const lines = panels.map((each, index) => JSON.stringify(panelOf(each, index)));
  return `${JSON.stringify(head).slice(0, -1)},"panels":[\n${lines.join(",\n")}\n]}\n`;
}

function panelOf({ title, unit, lines }: Panel, index: number) {
  return {
    ...{ id: index + 1, type: "timeseries", title, datasource: SOURCE },
    gridPos: { h: 8, w: 8, x: (index % 3) * 8, y: Math.floor(index / 3) * 8 },
    fieldConfig: { defaults: { unit, min: 0 }, overrides: [] },
    targets: lines.map(([expr, legendFormat], line) => ({
      refId: String.fromCharCode(65 + line),
      expr,
      legendFormat,
    })),
  };
}
