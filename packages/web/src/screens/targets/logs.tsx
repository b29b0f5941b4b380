// The output of a service: the newest lines, following, with search, levels by colour as the service wrote them, and a pause.
// Followed by the server's own stream where there is one, else by asking again; lines are bounded either way.
import type { Target } from "@prunella/contract";
import { useQuery } from "@tanstack/react-query";
import { useVirtualizer } from "@tanstack/react-virtual";
import { useDeferredValue, useEffect, useLayoutEffect, useMemo, useRef, useState } from "react";
import type { LogLine } from "../../api/shapes.ts";
import { clock } from "../../format/time.ts";
import { plural } from "../../format/number.ts";
import { clipped } from "../../format/text.ts";
import { AnsiText } from "../../ui/ansi-text.tsx";
import { Button, Chip, When } from "../../ui/parts.tsx";
import { number, Table } from "../../ui/table.tsx";
import { Async, Empty, Failure, isNotAvailable, Loading } from "../../ui/states.tsx";
import { useLines } from "./lines.ts";
import { queries } from "../../api/queries.ts";

export function Logs({ target }: { readonly target: Target }) {
  const [containing, setContaining] = useState("");
  const [isPaused, setPaused] = useState(false);
  const wanted = useDeferredValue(containing.trim());
  const { lines, error, lost } = useLines(target.key, wanted, isPaused, target.kind === "service");
  if (target.kind !== "service")
    return (
      <section className="panel">
        <Empty title="Its output is not kept." icon="minus" centre>
          {target.key} is watched but not run by Prunella.
        </Empty>
      </section>
    );
  return (
    <div className="stack">
      <section className="panel log-panel" aria-label={`Output of ${target.key}`}>
        <div className="panel-head">
          <input
            className="input filter"
            type="search"
            aria-label="Lines that contain"
            placeholder="Lines that contain…"
            maxLength={200}
            value={containing}
            onChange={(event) => setContaining(event.target.value)}
          />
          <span className="small faint" role="status">
            {lines === null
              ? ""
              : `${plural(lines.length, "line")}${lost > 0 ? `, ${plural(lost, "line")} left out` : ""}${isPaused ? ", paused" : ""}`}
          </span>
          <Button small icon={isPaused ? "play" : "pause"} onClick={() => setPaused(!isPaused)}>
            {isPaused ? "Follow" : "Pause"}
          </Button>
        </div>
        {lines === null ? (
          error === null ? (
            <Loading what="Output" />
          ) : (
            <Failure error={error} what="Output" />
          )
        ) : lines.length === 0 ? (
          <Empty title={wanted === "" ? "It has written nothing yet." : "No line contains that."} icon="minus" />
        ) : (
          <Lines lines={lines} isFollowing={!isPaused} />
        )}
      </section>
      <Templates target={target.key} />
    </div>
  );
}

function Lines({ lines, isFollowing }: { readonly lines: readonly LogLine[]; readonly isFollowing: boolean }) {
  const scroller = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);
  const rows = useVirtualizer({
    count: lines.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => 20,
    overscan: 20,
  });
  useLayoutEffect(() => {
    // Follows while the reader is at the end; whoever scrolled up stays where they are.
    if (isFollowing && isAtEnd.current) rows.scrollToIndex(lines.length - 1, { align: "end" });
  }, [isFollowing, lines, rows]);
  useEffect(() => {
    const element = scroller.current;
    if (element === null) return;
    const look = (): void => {
      isAtEnd.current = element.scrollTop + element.clientHeight >= element.scrollHeight - 40;
    };
    element.addEventListener("scroll", look, { passive: true });
    return () => element.removeEventListener("scroll", look);
  }, []);
  const items = rows.getVirtualItems();
  const start = items[0]?.start ?? 0;
  return (
    <div className="log-lines mono" ref={scroller} tabIndex={0} role="log" aria-live="off" aria-label="Lines">
      <div style={{ height: rows.getTotalSize() }} className="log-space">
        <div style={{ transform: `translateY(${start}px)` }}>
          {items.map((item) => {
            const line = lines[item.index];
            return line === undefined ? null : (
              <div
                key={item.key}
                ref={rows.measureElement}
                data-index={item.index}
                className={`log-line ${line.stream === "err" ? "is-err" : ""}`}
              >
                <time dateTime={line.at} className="faint">
                  {clock(Date.parse(line.at))}
                </time>
                <span className="faint log-stream">{line.stream}</span>
                <span className="log-text">
                  <AnsiText line={line.text} />
                </span>
              </div>
            );
          })}
        </div>
      </div>
    </div>
  );
}

function Templates({ target }: { readonly target: string }) {
  const templates = useQuery({ ...queries.logTemplates(target), refetchInterval: 10_000 });
  const sorted = useMemo(
    () =>
      [...(templates.data?.items ?? [])].sort((a, b) => Number(b.isNew) - Number(a.isNew) || b.perMinute - a.perMinute),
    [templates.data],
  );
  if (isNotAvailable(templates.error)) return null;
  return (
    <section className="panel" aria-labelledby="templates">
      <div className="panel-head">
        <h2 id="templates">Log templates</h2>
      </div>
      <Async query={templates} what="Log templates">
        {() =>
          sorted.length === 0 ? (
            <Empty title="No template has been learned yet." icon="minus" />
          ) : (
            <Table
              label="Log templates"
              columns={["Template", "Level", number("Per minute"), number("Seen"), number("Last")]}
            >
              {sorted.slice(0, 50).map((template) => (
                <tr key={template.id}>
                  <td>
                    {template.isNew && <Chip tone="warn">new</Chip>} <code>{clipped(template.template, 300)}</code>
                  </td>
                  <td>{template.level ?? "–"}</td>
                  <td className="number">{template.perMinute.toFixed(1)}</td>
                  <td className="number">{template.count}</td>
                  <td className="number">
                    <When at={template.lastSeen} />
                  </td>
                </tr>
              ))}
            </Table>
          )
        }
      </Async>
    </section>
  );
}
