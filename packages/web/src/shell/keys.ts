// Keys that work while nothing is being typed. A binding is one key ("j", "?"), a key with ctrl or cmd ("mod+k"), or two
// keys one after the other ("g i").
import { useEffect, useRef } from "react";

/** The second key of a pair must come within this time, ms. */
const pairMs = 1_200;

export type Bindings = Readonly<Record<string, (event: KeyboardEvent) => void>>;

let first: { readonly key: string; readonly at: number } | null = null;

export function useKeys(bindings: Bindings, isOn = true): void {
  const held = useRef(bindings);
  held.current = bindings;
  useEffect(() => {
    if (!isOn) return;
    const listen = (event: KeyboardEvent): void => {
      if (event.defaultPrevented) return;
      const isCommand = (event.ctrlKey || event.metaKey) && !event.altKey;
      const name = isCommand ? `mod+${event.key.toLowerCase()}` : event.key;
      if (!isCommand && (event.altKey || isTyping(event.target) || isInDialog())) return;
      const pair = first !== null && event.timeStamp - first.at < pairMs ? `${first.key} ${event.key}` : null;
      const action = (pair === null ? undefined : held.current[pair]) ?? held.current[name];
      if (action !== undefined) {
        event.preventDefault();
        first = null;
        action(event);
      }
    };
    window.addEventListener("keydown", listen);
    return () => window.removeEventListener("keydown", listen);
  }, [isOn]);
}

// Registered after all others, so that each of them still sees the key before.
window.addEventListener("keyup", (event) => {
  if (event.key.length === 1 && !isTyping(event.target)) first = { key: event.key, at: event.timeStamp };
});

function isTyping(target: EventTarget | null): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}
function isInDialog(): boolean {
  return document.querySelector('[role="dialog"],[role="alertdialog"],[role="menu"]') !== null;
}
