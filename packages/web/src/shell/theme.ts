// Light, dark, or as the system says; kept in this browser and set before the first paint by /theme.js.
import { useSyncExternalStore } from "react";

export type Theme = "system" | "light" | "dark";
const key = "prunella.theme";
const listeners = new Set<() => void>();

export function theme(): Theme {
  const set = document.documentElement.dataset["theme"];
  return set === "light" || set === "dark" ? set : "system";
}

export function setTheme(next: Theme): void {
  if (next === "system") {
    delete document.documentElement.dataset["theme"];
    localStorage.removeItem(key);
  } else {
    document.documentElement.dataset["theme"] = next;
    localStorage.setItem(key, next);
  }
  for (const listener of listeners) listener();
}

export function useTheme(): Theme {
  return useSyncExternalStore((listener) => {
    listeners.add(listener);
    return () => listeners.delete(listener);
  }, theme);
}
