// The table of issues: only the rows in view exist, more are fetched as one scrolls, the header sorts on the server. A row is
// one line for the eye and one row for a screen reader.
import type { Issue } from "@prunella/contract";
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import { queries } from "../../api/queries.ts";
import { count, plural } from "../../format/number.ts";
import { clipped } from "../../format/text.ts";
import { healings, issueStatuses, lookOf, severities } from "../../format/words.ts";
import { Icon } from "../../ui/icon.tsx";
import { Button, Chip, LookChip, Spark, State, When } from "../../ui/parts.tsx";

export interface Sort {
  readonly by: "lastSeen" | "firstSeen" | "severity" | "occurrences" | "id";
  readonly descending: boolean;
}

/** Height of a row in the table and as a card on a narrow screen, px. Rows are all alike, so that scrolling never jumps. */
const rowPx = { wide: 56, narrow: 104 } as const;
const narrowPx = 860;
/** The header, which a narrow table has not, and the borders, px. */
const headPx = { wide: 42, narrow: 2 } as const;
/** Trends are asked for when the rows have stood still for so long, ms; trends held at most. */
const settleMs = 150;
const trendsMax = 2_000;
/**
 * Pages are fetched when so few rows are left below: early enough for a fast scroll, and so late that at rest no window needs a
 * third page (a list of more than two is not kept up to date by itself).
 */
const aheadRows = 120;

const columns: readonly { readonly name: string; readonly by: Sort["by"] | null; readonly className: string }[] = [
  { name: "Severity", by: "severity", className: "c-severity" },
  { name: "Title and root cause", by: null, className: "c-title" },
  { name: "Status", by: null, className: "c-status" },
  { name: "Self-healing", by: null, className: "c-heal" },
  { name: "Target", by: null, className: "c-target" },
  { name: "Occurred", by: "occurrences", className: "c-count number" },
  { name: "14 days", by: null, className: "c-trend" },
  { name: "Last seen", by: "lastSeen", className: "c-seen number" },
];

export function IssueTable({
  issues,
  total,
  at,
  onAt,
  selected,
  onToggle,
  onSelectAll,
  sort,
  onSort,
  isBusy,
  hasMore,
  more,
  newer,
}: {
  readonly issues: readonly Issue[];
  readonly total: number | null;
  readonly at: number;
  readonly onAt: (at: number) => void;
  readonly selected: ReadonlySet<string>;
  readonly onToggle: (id: string) => void;
  readonly onSelectAll: (all: boolean) => void;
  readonly sort: Sort;
  readonly onSort: (sort: Sort) => void;
  readonly isBusy: boolean;
  readonly hasMore: boolean;
  readonly more: () => void;
  /** Loads what changed; null: nothing did, or it is loaded already. */
  readonly newer: (() => void) | null;
}) {
  const scroller = useRef<HTMLDivElement>(null);
  const [isNarrow, setNarrow] = useState(false);
  useLayoutEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const look = (): void => setNarrow(element.clientWidth < narrowPx);
    look();
    const observer = new ResizeObserver(look);
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  const height = isNarrow ? rowPx.narrow : rowPx.wide;
  const rows = useVirtualizer({
    count: issues.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => height,
    overscan: 8,
  });
  useEffect(() => rows.measure(), [height, rows]);
  const items = rows.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  useEffect(() => {
    if (hasMore && last > issues.length - aheadRows) more();
  }, [hasMore, issues.length, last, more]);
  const lastAt = useRef(at);
  useEffect(() => {
    if (lastAt.current !== at) {
      rows.scrollToIndex(at);
      // The row that j and k point at has the focus, so that Enter, Tab and screen readers are there too.
      requestAnimationFrame(() =>
        scroller.current?.querySelector<HTMLElement>(`[data-row="${at}"] a`)?.focus({ preventScroll: true }),
      );
    }
    lastAt.current = at;
  }, [at, rows]);
  const shown = items.map((item) => issues[item.index]?.id ?? "").filter(Boolean);
  const trends = useTrends(shown);
  const held = useRef({ onAt, onToggle, onSort, onSelectAll });
  held.current = { onAt, onToggle, onSort, onSelectAll };
  const touch = useCallback((index: number) => {
    lastAt.current = index;
    held.current.onAt(index);
  }, []);
  const toggle = useCallback((id: string) => held.current.onToggle(id), []);
  const order = useCallback((by: Sort) => held.current.onSort(by), []);
  const selectAll = useCallback((all: boolean) => held.current.onSelectAll(all), []);
  const navigate = useNavigate();
  const open = useCallback((id: string) => void navigate({ to: "/issues/$id", params: { id } }), [navigate]);
  const areAllSelected = selected.size > 0 && issues.every((issue) => selected.has(issue.id));

  return (
    <div
      className={`issue-table panel ${isNarrow ? "is-narrow" : ""} ${isBusy ? "is-busy" : ""}`}
      role="table"
      aria-label="Issues"
      aria-rowcount={(total ?? issues.length) + 1}
      aria-busy={isBusy}
      style={{ maxHeight: issues.length * height + (isNarrow ? headPx.narrow : headPx.wide) }}
    >
      <Head
        by={sort.by}
        descending={sort.descending}
        areAllSelected={areAllSelected}
        order={order}
        selectAll={selectAll}
      />
      {newer !== null && (
        <p className="newer">
          <Button small icon="live" onClick={newer}>
            Something changed: show it
          </Button>
        </p>
      )}
      <div className="issue-scroll" ref={scroller} role="rowgroup">
        <div className="issue-space" style={{ height: rows.getTotalSize() }}>
          {items.map((item) => {
            const issue = issues[item.index];
            if (issue === undefined) return null;
            return (
              <Row
                key={issue.id}
                issue={issue}
                index={item.index}
                height={item.size}
                top={item.start}
                isCurrent={item.index === at}
                isSelected={selected.has(issue.id)}
                trend={trends[issue.id]}
                touch={touch}
                toggle={toggle}
                open={open}
              />
            );
          })}
        </div>
      </div>
    </div>
  );
}

const Head = memo(function Head({
  by,
  descending,
  areAllSelected,
  order,
  selectAll,
}: {
  readonly by: Sort["by"];
  readonly descending: boolean;
  readonly areAllSelected: boolean;
  readonly order: (sort: Sort) => void;
  readonly selectAll: (all: boolean) => void;
}) {
  return (
    <div role="rowgroup" className="issue-head-group">
      <div role="row" className="issue-line issue-head" aria-rowindex={1}>
        <span role="columnheader" className="c-select">
          <input
            type="checkbox"
            aria-label="Select all that are loaded"
            checked={areAllSelected}
            onChange={(event) => selectAll(event.target.checked)}
          />
        </span>
        {columns.map((column) => (
          <span
            key={column.name}
            role="columnheader"
            className={column.className}
            aria-sort={column.by === by ? (descending ? "descending" : "ascending") : undefined}
          >
            {column.by === null ? (
              column.name
            ) : (
              <button
                type="button"
                className="sort"
                onClick={() =>
                  column.by !== null && order({ by: column.by, descending: column.by === by ? !descending : true })
                }
              >
                {column.name}
                {column.by === by && <Icon name={descending ? "sink" : "up"} />}
              </button>
            )}
          </span>
        ))}
      </div>
    </div>
  );
});

/** Rows of a list that is scrolled are drawn once, not with every step of the scroll. */
const Row = memo(function Row({
  issue,
  index,
  height,
  top,
  isCurrent,
  isSelected,
  trend,
  touch,
  toggle,
  open,
}: {
  readonly issue: Issue;
  readonly index: number;
  readonly height: number;
  readonly top: number;
  readonly isCurrent: boolean;
  readonly isSelected: boolean;
  readonly trend: readonly number[] | undefined;
  readonly touch: (index: number) => void;
  readonly toggle: (id: string) => void;
  readonly open: (id: string) => void;
}) {
  return (
    <div
      role="row"
      aria-rowindex={index + 2}
      aria-selected={isSelected}
      data-row={index}
      className={`issue-line ${isCurrent ? "is-current" : ""} ${isSelected ? "is-selected" : ""}`}
      // Not a transform: each would be a node that the browser has to look after with every frame.
      style={{ height, top }}
      onPointerDown={() => touch(index)}
    >
      <span role="cell" className="c-select">
        <input
          type="checkbox"
          aria-label={`Select ${issue.id}`}
          checked={isSelected}
          onChange={() => toggle(issue.id)}
        />
      </span>
      <span role="cell" className="c-severity">
        <span className="mono">{issue.id}</span>
        <State look={lookOf(severities, issue.severity)} />
      </span>
      <span role="cell" className="c-title">
        {/* A plain link: the router's own costs too much for rows that fly past. */}
        <a
          href={`/issues/${encodeURIComponent(issue.id)}`}
          className="title cut"
          onClick={(event) => {
            if (event.metaKey || event.ctrlKey || event.shiftKey || event.altKey || event.button !== 0) return;
            event.preventDefault();
            open(issue.id);
          }}
        >
          {clipped(issue.title, 200)}
        </a>
        <span className="small faint cut">
          {issue.regressed && <Chip tone="warn">came back</Chip>}{" "}
          {issue.rootCause === null || issue.rootCause === issue.title ? issue.kind : clipped(issue.rootCause, 240)}
        </span>
      </span>
      <span role="cell" className="c-status">
        <LookChip look={lookOf(issueStatuses, issue.status)} />
      </span>
      <span role="cell" className="c-heal">
        <State look={lookOf(healings, issue.selfHealing)} />
      </span>
      <span role="cell" className="c-target cut" title={issue.target}>
        {issue.target}
      </span>
      <span role="cell" className="c-count number">
        {count(issue.occurrences)}
      </span>
      <span role="cell" className="c-trend">
        {trend !== undefined && (
          <Spark
            values={trend}
            width={72}
            label={`${plural(
              trend.reduce((sum, each) => sum + each, 0),
              "incident",
            )} in 14 days, ${trend.at(-1) ?? 0} today`}
          />
        )}
      </span>
      <span role="cell" className="c-seen number muted">
        <When at={issue.lastSeen} />
      </span>
    </div>
  );
});

/** Trends of the rows in view, asked for once the scrolling has come to rest; what was learned stays. */
function useTrends(ids: readonly string[]): Readonly<Record<string, readonly number[]>> {
  const [settled, setSettled] = useState<readonly string[]>([]);
  const [known, setKnown] = useState<Readonly<Record<string, readonly number[]>>>({});
  const wanted = ids.join(",");
  useEffect(() => {
    const timer = window.setTimeout(() => setSettled(wanted === "" ? [] : wanted.split(",")), settleMs);
    return () => window.clearTimeout(timer);
  }, [wanted]);
  const trends = useQuery(queries.trends(settled));
  useEffect(() => {
    const items = trends.data?.items;
    if (items === undefined) return;
    // Bounded: what was scrolled past long ago is asked for again.
    setKnown((old) => (Object.keys(old).length > trendsMax ? items : { ...old, ...items }));
  }, [trends.data]);
  return known;
}
