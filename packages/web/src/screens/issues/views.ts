// Saved views: a name for a search. Some come with the UI; a person's own are kept in this browser.
export interface View {
  readonly name: string;
  readonly q: string;
  readonly own: boolean;
}

const key = "prunella.views";
/** Views a person may save; the oldest is not pushed out, saving is refused. */
export const viewsMax = 20;

export const givenViews: readonly View[] = [
  { name: "Open", q: "is:open", own: false },
  { name: "Needs a person", q: "is:needs-person -is:ignored", own: false },
  { name: "Healing failed", q: "is:open heal:failed", own: false },
  { name: "Came back", q: "is:regressed is:open", own: false },
  { name: "Snoozed", q: "is:snoozed", own: false },
  { name: "Fixed", q: "is:fixed", own: false },
  { name: "All", q: "", own: false },
];

export function ownViews(): readonly View[] {
  try {
    const kept = JSON.parse(localStorage.getItem(key) ?? "[]") as readonly {
      readonly name?: unknown;
      readonly q?: unknown;
    }[];
    return kept
      .flatMap(({ name, q }) => (typeof name === "string" && typeof q === "string" ? [{ name, q, own: true }] : []))
      .slice(0, viewsMax);
  } catch {
    return [];
  }
}

export function keepViews(views: readonly View[]): void {
  localStorage.setItem(key, JSON.stringify(views.slice(0, viewsMax).map(({ name, q }) => ({ name, q }))));
}
