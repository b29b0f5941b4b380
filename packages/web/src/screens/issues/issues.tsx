// The issues: the matrix of the status report as a fast table. Filter, order and pages are the server's; what is shown is in
// the address; everything works from the keyboard.
import type { Issue } from "@prunella/contract";
import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { getRouteApi, useNavigate } from "@tanstack/react-router";
import { lazy, Suspense, useCallback, useMemo, useRef, useState } from "react";
import { carryOutAll, isShut, orders, type Order } from "../../api/actions.ts";
import { queries } from "../../api/queries.ts";
import { count, plural } from "../../format/number.ts";
import { useKeys } from "../../shell/keys.ts";
import { Button } from "../../ui/parts.tsx";
import { Async, Empty } from "../../ui/states.tsx";
import { IssueTable, type Sort } from "./table.tsx";
import { Search } from "./search.tsx";
import { givenViews, keepViews, ownViews, viewsMax } from "./views.ts";

const issuesRoute = getRouteApi("/issues");

const Snooze = lazy(() => import("./snooze.tsx"));
const AskName = lazy(() => import("./ask-name.tsx"));

/** Issues that one bulk action may take; more are refused with a word. */
const bulkMax = 500;

export function Issues() {
  const { q = "is:open", sort = "lastSeen", order } = issuesRoute.useSearch();
  const navigate = useNavigate({ from: "/issues" });
  const query = { q, sort, descending: order !== "rising" };
  const pages = useInfiniteQuery({ ...queries.issues(query), placeholderData: (before) => before });
  const total = useQuery(queries.issueCounts({ q }));
  const targets = useQuery(queries.targets());
  const remedies = useQuery(queries.remedies());
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [at, setAt] = useState(0);
  const [dialog, setDialog] = useState<"snooze" | "assign" | "view" | null>(null);
  const [views, setViews] = useState(ownViews);
  const input = useRef<HTMLInputElement>(null);
  const issues = useMemo(() => pages.data?.pages.flatMap((page) => page.items) ?? [], [pages.data]);
  const chosen = (): readonly Issue[] => {
    if (selected.size > 0) return issues.filter((issue) => selected.has(issue.id)).slice(0, bulkMax);
    const current = issues[at];
    return current === undefined ? [] : [current];
  };
  const setQuery = useCallback(
    (next: string) => void navigate({ search: (old) => ({ ...old, q: next === "" ? " " : next }), replace: true }),
    [navigate],
  );
  const bulk = (make: (issue: Issue) => Order, what: string): void => {
    const all = chosen().map(make);
    setSelected(new Set());
    if (all.length > 0) void carryOutAll(all, what);
  };
  const toggle = (id: string): void =>
    setSelected((old) => {
      const next = new Set(old);
      if (!next.delete(id)) next.add(id);
      return next;
    });
  const resolve = (): void => bulk((issue) => orders.resolve(issue.id, ""), "resolved");
  const ignore = (): void => bulk((issue) => orders.ignore(issue.id, ""), "ignored");
  const move = (step: number): void => setAt((old) => Math.max(0, Math.min(issues.length - 1, old + step)));

  useKeys({
    j: () => move(1),
    k: () => move(-1),
    x: () => {
      const current = issues[at];
      if (current !== undefined) toggle(current.id);
    },
    X: () => setSelected(new Set(issues.slice(0, bulkMax).map((issue) => issue.id))),
    e: resolve,
    i: ignore,
    s: () => {
      if (chosen().length > 0 && !isShut()) setDialog("snooze");
    },
    Enter: (event) => {
      const current = issues[at];
      const isOnControl = event.target instanceof HTMLElement && event.target.closest("a,button") !== null;
      if (isOnControl && event.target instanceof HTMLElement) event.target.click();
      else if (current !== undefined) void navigate({ to: "/issues/$id", params: { id: current.id } });
    },
    Escape: () => setSelected(new Set()),
    "/": () => input.current?.focus(),
  });

  const known = useMemo(
    () => ({
      targets: targets.data?.items.map((target) => target.key) ?? [],
      kinds: sorted([
        ...(remedies.data?.items ?? []).flatMap((remedy) => remedy.kinds),
        ...issues.map((issue) => issue.kind),
      ]),
      assignees: sorted(issues.flatMap((issue) => (issue.assignee === null ? [] : [issue.assignee]))),
    }),
    [issues, remedies.data, targets.data],
  );
  const isGiven = [...givenViews, ...views].some((view) => view.q === q.trim());
  return (
    <div className="screen issues">
      <div className="screen-head">
        <h1>Issues</h1>
        <p className="muted" role="status">
          {total.data === undefined ? "" : `${total.data.exact ? "" : "at least "}${plural(total.data.total, "issue")}`}
        </p>
        <div className="grow">
          <Search value={q.trim()} onChange={setQuery} known={known} inputRef={input} />
        </div>
      </div>
      <div className="row folding views" role="group" aria-label="Views">
        {[...givenViews, ...views].map((view) => (
          <span key={`${view.name}:${view.q}`} className="view">
            <Button small aria-pressed={view.q === q.trim()} onClick={() => setQuery(view.q)}>
              {view.name}
            </Button>
            {view.own && view.q === q.trim() && (
              <Button
                small
                look="plain"
                icon="cross"
                name={`Forget the view ${view.name}`}
                onClick={() => {
                  const rest = views.filter((each) => each !== view);
                  setViews(rest);
                  keepViews(rest);
                }}
              />
            )}
          </span>
        ))}
        {!isGiven && views.length < viewsMax && (
          <Button small look="plain" onClick={() => setDialog("view")}>
            Save this view
          </Button>
        )}
      </div>
      <Async query={pages} what="The list of issues" framed>
        {(data) =>
          issues.length === 0 ? (
            <section className="panel">
              <Empty title={q.trim() === "" ? "No issue has been filed yet." : "No issue fits this search."} centre>
                {q.trim() === "is:open" ? (
                  "Nothing is wrong that Prunella knows of."
                ) : q.trim() === "" ? null : (
                  <Button small onClick={() => setQuery("")}>
                    Show all issues
                  </Button>
                )}
              </Empty>
            </section>
          ) : (
            <IssueTable
              issues={issues}
              total={total.data?.total ?? null}
              at={at}
              onAt={setAt}
              selected={selected}
              onToggle={toggle}
              onSelectAll={(all) => setSelected(new Set(all ? issues.slice(0, bulkMax).map((issue) => issue.id) : []))}
              sort={{ by: sort as Sort["by"], descending: order !== "rising" }}
              onSort={(next) =>
                void navigate({
                  search: (old) =>
                    ({
                      ...old,
                      sort: next.by,
                      ...(next.descending ? { order: undefined } : { order: "rising" }),
                    }) as never,
                  replace: true,
                })
              }
              isBusy={pages.isPlaceholderData}
              hasMore={pages.hasNextPage}
              more={() => {
                if (pages.hasNextPage && !pages.isFetching) void pages.fetchNextPage();
              }}
              newer={pages.isStale && data.pages.length > 2 && !pages.isFetching ? () => void pages.refetch() : null}
            />
          )
        }
      </Async>
      {selected.size > 0 && (
        <div className="bulk" role="toolbar" aria-label="What to do with the selected issues">
          <strong aria-live="polite">{count(selected.size)} selected</strong>
          <Button icon="check" needs="operate" onClick={resolve}>
            Resolve
          </Button>
          <Button icon="moon" needs="operate" onClick={() => setDialog("snooze")}>
            Snooze
          </Button>
          <Button icon="mute" needs="operate" onClick={ignore}>
            Ignore
          </Button>
          <Button icon="person" needs="operate" onClick={() => setDialog("assign")}>
            Assign
          </Button>
          <Button look="plain" onClick={() => setSelected(new Set())}>
            Clear
          </Button>
        </div>
      )}
      <Suspense fallback={null}>
        {dialog === "snooze" && (
          <Snooze
            what={plural(chosen().length, "issue")}
            close={() => setDialog(null)}
            onConfirm={(until, why) => bulk((issue) => orders.snooze(issue.id, until, why), "snoozed")}
          />
        )}
        {dialog === "assign" && (
          <AskName
            title={`Assign ${plural(chosen().length, "issue")}`}
            label="To whom"
            hint="A name; empty: to nobody."
            known={known.assignees}
            close={() => setDialog(null)}
            onConfirm={(name) =>
              bulk((issue) => orders.assign(issue.id, name === "" ? null : name, issue.assignee), "assigned")
            }
          />
        )}
        {dialog === "view" && (
          <AskName
            title="Save this view"
            label="Name"
            hint="Kept in this browser."
            required
            close={() => setDialog(null)}
            onConfirm={(name) => {
              const next = [...views, { name, q: q.trim(), own: true }];
              setViews(next);
              keepViews(next);
            }}
          />
        )}
      </Suspense>
    </div>
  );
}

function sorted(names: readonly string[]): string[] {
  return [...new Set(names)].sort();
}
