// The addresses of the screens. Each screen is a file of its own, loaded when it is first opened or pointed at; what it
// shows is in its address, so that every state can be shared as a link.
import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Link } from "@tanstack/react-router";
import { Shell } from "./shell/shell.tsx";
import { Empty, Failure, Loading } from "./ui/states.tsx";

const root = createRootRoute({
  component: Shell,
  notFoundComponent: () => (
    <Empty title="There is no such page" icon="unknown" centre>
      <Link to="/">Go to the overview</Link>
    </Empty>
  ),
});

/** Keeps the named parameters when they are text, and drops everything else. */
const search =
  <const Name extends string>(...names: readonly Name[]) =>
  (given: Record<string, unknown>): { readonly [K in Name]?: string } =>
    Object.fromEntries(
      names.flatMap((name) => {
        const value = given[name];
        const text = typeof value === "number" || typeof value === "boolean" ? String(value) : value;
        return typeof text === "string" && text !== "" && text.length <= 500 ? [[name, text]] : [];
      }),
    ) as { readonly [K in Name]?: string };

const route = { getParentRoute: () => root } as const;
export const overviewRoute = createRoute({
  ...route,
  path: "/",
  component: lazyRouteComponent(() => import("./screens/overview/overview.tsx"), "Overview"),
});
export const issuesRoute = createRoute({
  ...route,
  path: "/issues",
  validateSearch: search("q", "sort", "order"),
  component: lazyRouteComponent(() => import("./screens/issues/issues.tsx"), "Issues"),
});
export const issueRoute = createRoute({
  ...route,
  path: "/issues/$id",
  validateSearch: search("incident", "scale", "tab"),
  component: lazyRouteComponent(() => import("./screens/issue/issue.tsx"), "IssueScreen"),
});
export const approvalsRoute = createRoute({
  ...route,
  path: "/approvals",
  validateSearch: search("repair"),
  component: lazyRouteComponent(() => import("./screens/approvals/approvals.tsx"), "Approvals"),
});
export const targetsRoute = createRoute({
  ...route,
  path: "/targets",
  validateSearch: search("state", "q"),
  component: lazyRouteComponent(() => import("./screens/targets/targets.tsx"), "Targets"),
});
export const targetRoute = createRoute({
  ...route,
  path: "/targets/$key",
  validateSearch: search("tab", "period"),
  component: lazyRouteComponent(() => import("./screens/targets/target.tsx"), "TargetScreen"),
});
export const remediesRoute = createRoute({
  ...route,
  path: "/remedies",
  validateSearch: search("remedy", "issue"),
  component: lazyRouteComponent(() => import("./screens/remedies.tsx"), "Remedies"),
});
export const drillsRoute = createRoute({
  ...route,
  path: "/drills",
  validateSearch: search("drill", "run"),
  component: lazyRouteComponent(() => import("./screens/drills/drills.tsx"), "Drills"),
});
export const reportRoute = createRoute({
  ...route,
  path: "/report",
  validateSearch: search("days"),
  component: lazyRouteComponent(() => import("./screens/report.tsx"), "Report"),
});
export const itselfRoute = createRoute({
  ...route,
  path: "/itself",
  component: lazyRouteComponent(() => import("./screens/itself/itself.tsx"), "Itself"),
});

export const router = createRouter({
  routeTree: root.addChildren([
    overviewRoute,
    issuesRoute,
    issueRoute,
    approvalsRoute,
    targetsRoute,
    targetRoute,
    remediesRoute,
    drillsRoute,
    reportRoute,
    itselfRoute,
  ]),
  defaultPreload: "intent",
  defaultPreloadStaleTime: 0,
  defaultPendingMs: 150,
  scrollRestoration: true,
  defaultPendingComponent: () => <Loading what="The screen" />,
  defaultErrorComponent: ({ error, reset }) => <Failure error={error} retry={reset} what="This screen" />,
});

declare module "@tanstack/react-router" {
  interface Register {
    router: typeof router;
  }
}
