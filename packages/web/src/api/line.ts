// The one live line of this tab, opened at first use: it refreshes what is on screen when something changed.
import { live, type Live } from "./live.ts";
import { queryClient, refresh } from "./queries.ts";

let line: Live | null = null;

export function liveLine(): Live {
  line ??= live({
    change: refresh,
    // What was missed is not known: everything on screen is asked for anew, everything held is marked as old.
    reset: () => void queryClient.invalidateQueries(),
  });
  return line;
}
