// What the screens ask for, by name. A key starts with the kind of record, so that a change can refresh exactly what it
// touches. Nothing polls where the live line tells; what it does not tell (metrics, logs) is asked anew in its own pace.
import type {
  Access,
  Comment,
  Explanation,
  Incident,
  Issue,
  Kpis,
  Notification,
  Page,
  Remedy,
  Repair,
  Silence,
  Status,
  Target,
  Token,
  Transition,
} from "@prunella/contract";
import { infiniteQueryOptions, QueryClient, queryOptions } from "@tanstack/react-query";
import { ApiError, read, type Query } from "./client.ts";
import type { Folded } from "./events.ts";
import type { Coverage, Drill, DrillRun, Guard, LogTemplate, SeriesPoint, Slo } from "./shapes.ts";

/** Answers not looked at for this long are forgotten, ms. */
const keptMs = 10 * 60_000;
/** Rows of a page of a long list. */
export const pageRows = 100;

export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      // The live line says when something is out of date; a screen opens from what is held, then refreshes.
      staleTime: 5_000,
      gcTime: keptMs,
      refetchOnWindowFocus: false,
      retry: (failures, error) => error instanceof ApiError && error.kind === "offline" && failures < 2,
      retryDelay: 1_000,
      networkMode: "always",
    },
    mutations: { networkMode: "always" },
  },
});

const get = <T>(key: readonly unknown[], path: string, query: Query = {}) =>
  queryOptions({ queryKey: key, queryFn: ({ signal }) => read<T>(path, query, signal) });
const part = encodeURIComponent;

export const queries = {
  status: () => get<Status>(["status"], "/status"),
  targets: () => get<Page<Target>>(["targets"], "/targets", { limit: 500 }),
  target: (key: string) => get<Target>(["target", key], `/targets/${part(key)}`),
  issues: (query: Query) =>
    infiniteQueryOptions({
      queryKey: ["issues", query],
      queryFn: ({ pageParam, signal }) =>
        read<Page<Issue>>("/issues", { ...query, limit: pageRows, after: pageParam }, signal),
      // A long list is not fetched anew under the reader's eyes: once a change marked it as old, the screen offers to.
      staleTime: Number.POSITIVE_INFINITY,
      initialPageParam: null as string | null,
      getNextPageParam: (last) => last.next,
    }),
  issueCounts: (query: Query) =>
    get<{ readonly total: number; readonly exact: boolean }>(["issues", "count", query], "/issue-counts", query),
  trends: (ids: readonly string[]) =>
    queryOptions({
      queryKey: ["trends", ids.join(",")],
      queryFn: ({ signal }) =>
        read<{ readonly days: readonly string[]; readonly items: Readonly<Record<string, readonly number[]>> }>(
          "/issue-trends",
          { ids },
          signal,
        ),
      staleTime: 60_000,
      enabled: ids.length > 0,
    }),
  openIssues: (limit: number) =>
    get<Page<Issue>>(["issues", "open", limit], "/issues", {
      q: "is:open",
      limit,
      sort: "severity",
      descending: true,
    }),
  foundIssues: (text: string) =>
    get<Page<Issue>>(["issues", "found", text], "/issues", { text, limit: 6, sort: "lastSeen", descending: true }),
  recentIssues: () =>
    get<Page<Issue>>(["issues", "recent"], "/issues", { limit: 50, sort: "lastSeen", descending: true }),
  issue: (id: string) => get<Issue>(["issue", id], `/issues/${part(id)}`),
  issueIncidents: (id: string) =>
    get<Page<Incident>>(["issue", id, "incidents"], `/issues/${part(id)}/incidents`, { limit: 50 }),
  issueTransitions: (id: string) =>
    get<Page<Transition>>(["issue", id, "transitions"], `/issues/${part(id)}/transitions`, { limit: 300 }),
  issueComments: (id: string) => get<Page<Comment>>(["issue", id, "comments"], `/issues/${part(id)}/comments`),
  explanation: (id: string) => get<Explanation>(["issue", id, "explain"], `/issues/${part(id)}/explain`),
  explanationWith: (id: string, remedy: string) =>
    get<Explanation>(["issue", id, "explain", remedy], `/issues/${part(id)}/explain`, { remedy }),
  issueRepairs: (id: string) => get<Page<Repair>>(["repairs", "issue", id], "/repairs", { issue: id, limit: 100 }),
  incident: (id: string) => get<Incident>(["incident", id], `/incidents/${part(id)}`),
  targetIncidents: (target: string) =>
    get<Page<Incident>>(["incidents", "target", target], "/incidents", { target, limit: 30 }),
  repairs: (query: Query) => get<Page<Repair>>(["repairs", query], "/repairs", query),
  repair: (id: string) => get<Repair>(["repair", id], `/repairs/${part(id)}`),
  remedies: () => get<Page<Remedy>>(["remedies"], "/remedies"),
  kpis: () => ({ ...get<Kpis>(["kpis"], "/kpis"), staleTime: 30_000 }),
  kpiDays: () =>
    queryOptions({
      ...get<{ readonly items: readonly { readonly day: string; readonly kpis: Kpis }[] }>(["kpi-days"], "/kpi-days", {
        days: 30,
      }),
      staleTime: 60_000,
    }),
  series: (target: string, query: Query) =>
    get<{
      readonly items: readonly (SeriesPoint | { readonly metric: string; readonly points: readonly SeriesPoint[] })[];
    }>(["series", target, query], `/targets/${part(target)}/series`, query),
  logTemplates: (target: string) =>
    get<{ readonly items: readonly LogTemplate[] }>(
      ["log-templates", target],
      `/targets/${part(target)}/log-templates`,
    ),
  guards: (target: string) =>
    get<{ readonly items: readonly Guard[] }>(["guards", target], `/targets/${part(target)}/guards`),
  targetTransitions: (target: string) =>
    get<Page<Transition>>(["transitions", target], "/transitions", { target, limit: 100 }),
  transitions: () => get<Page<Transition>>(["transitions"], "/transitions", { limit: 30 }),
  notifications: (issue: string) =>
    get<Page<Notification>>(["notifications", issue], "/notifications", { issue, limit: 50 }),
  silences: () => get<{ readonly items: readonly Silence[] }>(["silences"], "/silences"),
  slos: () => get<Page<Slo>>(["slos"], "/slos"),
  drills: () => get<Page<Drill>>(["drills"], "/drills"),
  drillRuns: (drill: string | null) => get<Page<DrillRun>>(["drill-runs", drill], "/drill-runs", { drill, limit: 50 }),
  drillRun: (id: string) => get<DrillRun>(["drill-run", id], `/drill-runs/${part(id)}`),
  coverage: () => get<Coverage>(["coverage"], "/coverage"),
  report: (query: Query) => ({ ...get<unknown>(["report", query], "/report", query), staleTime: 30_000 }),
  maintenance: () => get<{ readonly items: Status["maintenance"] }>(["maintenance"], "/maintenance"),
  configuration: () => get<unknown>(["configuration"], "/configuration"),
  agents: () => get<Page<Agent>>(["agents"], "/agents"),
  access: () => ({ ...get<Access>(["access"], "/access"), staleTime: 60_000 }),
  tokens: () => get<{ readonly items: readonly Token[] }>(["tokens"], "/tokens"),
};

export interface Agent {
  readonly machine: string;
  readonly connected: boolean;
  readonly targets: number;
}

/** Refreshes what is on screen and touched by the changes; what is not on screen is only marked as out of date. */
export function refresh(folded: Folded): void {
  const touches = (names: ReadonlySet<string> | null, name: unknown): boolean =>
    names === null || (typeof name === "string" && names.has(name));
  void queryClient.invalidateQueries({
    refetchType: "none",
    predicate: ({ queryKey, state }) => queryKey[0] === "issues" && pagesOf(state.data) > pagesRefreshedMax,
  });
  void queryClient.invalidateQueries({
    predicate: ({ queryKey: [kind, name], state }) => {
      switch (kind) {
        case "issues":
          return pagesOf(state.data) <= pagesRefreshedMax;
        case "status":
        case "targets":
        case "repairs":
        case "incidents":
        case "transitions":
        case "maintenance":
        case "notifications":
        case "silences":
          return true;
        case "drills":
        case "drill-runs":
        case "drill-run":
          // What this build does not serve is not asked for again with every change.
          return !(state.error instanceof ApiError && state.error.status === 404);
        case "target":
          return touches(folded.targets, name);
        case "issue":
          return touches(folded.issues, name) || folded.issues?.size === 0;
        case "repair":
          return touches(folded.repairs, name) || folded.repairs?.size === 0;
        case "incident":
          return true;
        default:
          return false;
      }
    },
  });
}

/** A list with more pages than this is not fetched anew by itself. */
const pagesRefreshedMax = 2;
function pagesOf(data: unknown): number {
  const pages = typeof data === "object" && data !== null ? (data as { readonly pages?: unknown }).pages : undefined;
  return Array.isArray(pages) ? pages.length : 1;
}
