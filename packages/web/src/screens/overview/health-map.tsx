// Targets as a health map: size by weight, colour and icon by state, motion only where something heals. Weight is the label
// `weight` when a target carries one, else one plus the number of targets that depend on it.
import type { Target } from "@prunella/contract";
import { useQuery } from "@tanstack/react-query";
import { Link } from "@tanstack/react-router";
import { useLayoutEffect, useMemo, useRef, useState } from "react";
import { queries } from "../../api/queries.ts";
import { bytes, share } from "../../format/number.ts";
import { lookOf, targetStates } from "../../format/words.ts";
import { treemap } from "../../layout/treemap.ts";
import { Icon } from "../../ui/icon.tsx";
import { Panel } from "../../ui/parts.tsx";
import { Async, Empty } from "../../ui/states.tsx";

/** Gap between tiles, px. */
const gap = 4;

export function HealthMap() {
  const targets = useQuery(queries.targets());
  return (
    <Panel
      title="Targets"
      id="health-map"
      aside={
        <Link to="/targets" className="small">
          All targets
        </Link>
      }
    >
      <Async query={targets} what="The health map">
        {(page) => {
          const watched = page.items.filter((target) => target.kind !== "self");
          return watched.length === 0 ? (
            <Empty title="Nothing is watched yet." icon="targets">
              Name services and targets in prunella.yaml, or start one with <code>prunella run -- command</code>.
            </Empty>
          ) : (
            <Map targets={watched} />
          );
        }}
      </Async>
    </Panel>
  );
}

function Map({ targets }: { readonly targets: readonly Target[] }) {
  const box = useRef<HTMLUListElement>(null);
  const [width, setWidth] = useState(0);
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    setWidth(element.clientWidth);
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);
  // About 150 px by 84 px for each, but never more than half a screen high.
  const height = Math.min(420, Math.max(96, Math.ceil((targets.length * 150 * 84) / Math.max(1, width) / 12) * 12));
  const tiles = useMemo(() => {
    const dependents: Record<string, number> = {};
    for (const target of targets) for (const key of target.dependsOn) dependents[key] = (dependents[key] ?? 0) + 1;
    const weight = (target: Target): number => {
      const given = Number(target.labels["weight"]);
      return Number.isFinite(given) && given > 0 ? given : 1 + (dependents[target.key] ?? 0);
    };
    return treemap(targets, weight, width + gap, height + gap);
  }, [targets, width, height]);
  return (
    <ul className="health-map" ref={box} style={{ height }}>
      {tiles.map(({ item, x, y, width: w, height: h }) => {
        const look = lookOf(targetStates, item.state);
        const memory = item.values["rssBytes"];
        const cpu = item.values["cpuShare"];
        return (
          <li
            key={item.key}
            style={{
              transform: `translate(${x}px, ${y}px)`,
              width: Math.max(0, w - gap),
              height: Math.max(0, h - gap),
            }}
          >
            <Link
              to="/targets/$key"
              params={{ key: item.key }}
              className={`tile tile-${look.tone} ${item.state === "healing" ? "tile-moves" : ""}`}
              title={`${item.key}: ${look.label}`}
            >
              <span className="row">
                <Icon name={look.icon} className={item.state === "healing" ? "healing-icon" : ""} />
                <strong className={w > 130 ? "cut" : w > 56 ? "cut small" : "visually-hidden"}>{item.key}</strong>
              </span>
              <span className={w > 90 && h > 52 ? "tiny cut" : "visually-hidden"}>{look.label}</span>
              {w > 110 && h > 76 && memory !== undefined && (
                <span className="tiny tile-values">
                  {bytes(memory)}
                  {cpu === undefined || w < 150 ? "" : ` · ${share(Math.round(cpu * 1000) / 1000)} cpu`}
                </span>
              )}
            </Link>
          </li>
        );
      })}
    </ul>
  );
}
