// Short answers to what a person did, with an undo where there is one. Read out by screen readers; they wait while pointed at.
import { useEffect, useState, useSyncExternalStore } from "react";
import { clipped } from "../format/text.ts";
import { Icon } from "./icon.tsx";
import { Button } from "./parts.tsx";

interface Toast {
  readonly id: number;
  readonly text: string;
  readonly isFailure: boolean;
  readonly undo: (() => void) | null;
}

/** Toasts at once; the oldest goes first. How long one stays, ms. */
const toastsMax = 4;
const shownMs = { plain: 6_000, undo: 12_000 } as const;

let toasts: readonly Toast[] = [];
let lastId = 0;
const listeners = new Set<() => void>();
const become = (next: readonly Toast[]): void => {
  toasts = next;
  for (const listener of listeners) listener();
};

export function toast(text: string, more: { readonly isFailure?: boolean; readonly undo?: () => void } = {}): void {
  const next = { id: (lastId += 1), text, isFailure: more.isFailure ?? false, undo: more.undo ?? null };
  become([...toasts, next].slice(-toastsMax));
}
const drop = (id: number): void => become(toasts.filter((each) => each.id !== id));

export function Toasts() {
  const all = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => toasts,
  );
  return (
    <div className="toasts no-print" role="region" aria-label="Answers">
      <div aria-live="polite" className="stack tight">
        {all.map((each) => (
          <One key={each.id} of={each} />
        ))}
      </div>
    </div>
  );
}

function One({ of }: { readonly of: Toast }) {
  const [held, setHeld] = useState(false);
  useEffect(() => {
    if (held) return;
    const timer = window.setTimeout(() => drop(of.id), of.undo === null ? shownMs.plain : shownMs.undo);
    return () => window.clearTimeout(timer);
  }, [held, of]);
  return (
    <div
      className="toast"
      onPointerEnter={() => setHeld(true)}
      onPointerLeave={() => setHeld(false)}
      onFocus={() => setHeld(true)}
      onBlur={() => setHeld(false)}
    >
      <span className={of.isFailure ? "tone-bad" : "tone-ok"}>
        <Icon name={of.isFailure ? "cross-circle" : "check-circle"} />
      </span>
      <p>{clipped(of.text)}</p>
      {of.undo !== null && (
        <Button
          small
          icon="undo"
          onClick={() => {
            drop(of.id);
            of.undo?.();
          }}
        >
          Undo
        </Button>
      )}
      <Button small look="plain" icon="cross" name="Close" onClick={() => drop(of.id)} />
    </div>
  );
}
