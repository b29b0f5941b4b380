// The command palette: screens, targets, issues and orders by name. A combobox over a list, as the ARIA practices describe.
import { useQuery } from "@tanstack/react-query";
import { useNavigate } from "@tanstack/react-router";
import { useDeferredValue, useId, useMemo, useState } from "react";
import { useLack } from "../api/access.ts";
import { carryOut, orders } from "../api/actions.ts";
import { queries } from "../api/queries.ts";
import { clipped } from "../format/text.ts";
import Dialog from "../ui/dialog.tsx";
import { Icon, type IconName } from "../ui/icon.tsx";
import { setTheme } from "./theme.ts";
import { places } from "./places.ts";

interface Entry {
  readonly id: string;
  readonly name: string;
  readonly hint: string;
  readonly icon: IconName;
  readonly run: () => void;
}

/** Entries shown at once. */
const entriesMax = 12;

export default function Palette({ close, shortcuts }: { readonly close: () => void; readonly shortcuts: () => void }) {
  const [text, setText] = useState("");
  const [at, setAt] = useState(0);
  const wanted = useDeferredValue(text.trim());
  const navigate = useNavigate();
  const listId = useId();
  const status = useQuery(queries.status());
  const lack = useLack("operate");
  const targets = useQuery(queries.targets());
  const found = useQuery({
    ...queries.foundIssues(wanted),
    enabled: wanted.length >= 2,
  });

  const entries = useMemo(() => {
    const isPaused = status.data?.paused != null;
    const hold: Entry = isPaused
      ? {
          id: "resume",
          name: "Resume healing",
          hint: "everywhere",
          icon: "play",
          run: () => void carryOut(orders.resume(null)),
        }
      : {
          id: "pause",
          name: "Pause healing",
          hint: "everywhere, can be undone",
          icon: "pause",
          run: () => void carryOut(orders.pause(null, "", null)),
        };
    const fixed: Entry[] = [
      ...places.map((place) => ({
        id: place.to,
        name: place.name,
        hint: `g ${place.key}`,
        icon: place.icon,
        run: () => void navigate({ to: place.to }),
      })),
      ...(lack === null ? [hold] : []),
      { id: "light", name: "Light theme", hint: "", icon: "sun", run: () => setTheme("light") },
      { id: "dark", name: "Dark theme", hint: "", icon: "moon", run: () => setTheme("dark") },
      { id: "system", name: "Theme of the system", hint: "", icon: "auto", run: () => setTheme("system") },
      { id: "keys", name: "Keys", hint: "?", icon: "unknown", run: shortcuts },
    ];
    const all: Entry[] = [
      ...fixed,
      ...(targets.data?.items ?? []).map((target) => ({
        id: `target:${target.key}`,
        name: target.key,
        hint: target.state,
        icon: "targets" as const,
        run: () => void navigate({ to: "/targets/$key", params: { key: target.key } }),
      })),
    ];
    // What is typed filters at once: Enter right after the last key must run what was meant.
    const words = text.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const fitting = all.filter((entry) => words.every((word) => entry.name.toLowerCase().includes(word)));
    const issues: Entry[] = (found.data?.items ?? []).map((issue) => ({
      id: `issue:${issue.id}`,
      name: `${issue.id} ${clipped(issue.title, 120)}`,
      hint: issue.status,
      icon: "issues",
      run: () => void navigate({ to: "/issues/$id", params: { id: issue.id } }),
    }));
    return [...fitting.slice(0, entriesMax), ...issues].slice(0, entriesMax + 6);
  }, [found.data, lack, navigate, shortcuts, status.data, targets.data, text]);

  const chosen = Math.min(at, entries.length - 1);
  const run = (entry: Entry | undefined): void => {
    if (entry === undefined) return;
    close();
    entry.run();
  };
  return (
    <Dialog title="Search and commands" close={close} wide>
      <input
        className="input"
        role="combobox"
        aria-label="Search screens, targets, issues and commands"
        aria-expanded="true"
        aria-controls={listId}
        aria-activedescendant={entries.length === 0 ? undefined : `${listId}-${chosen}`}
        autoFocus
        autoComplete="off"
        spellCheck={false}
        placeholder="A screen, a target, an issue, a command…"
        value={text}
        maxLength={200}
        onChange={(event) => {
          setText(event.target.value);
          setAt(0);
        }}
        onKeyDown={(event) => {
          const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
          if (step !== 0) {
            event.preventDefault();
            setAt((chosen + step + entries.length) % Math.max(1, entries.length));
          }
          if (event.key === "Enter") {
            event.preventDefault();
            run(entries[chosen]);
          }
        }}
      />
      <ul role="listbox" id={listId} aria-label="Results" className="palette-list">
        {entries.map((entry, index) => (
          <li
            key={entry.id}
            id={`${listId}-${index}`}
            role="option"
            aria-selected={index === chosen}
            className="option"
            onClick={() => run(entry)}
          >
            <Icon name={entry.icon} />
            <span className="cut">{entry.name}</span>
            <span className="hint nowrap">{entry.hint}</span>
          </li>
        ))}
      </ul>
      {entries.length === 0 && <p className="muted small">Nothing is called that.</p>}
    </Dialog>
  );
}
