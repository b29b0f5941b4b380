// Keeps what has happened: GET /run?items=N puts so many entries into the history and tells how much heap each tenth of them
// left behind. Without guards the history is a list that only grows.
import { history } from "@prunella/resilience";
import { guardsOn, serve, sleep } from "./kit.ts";

interface Entry {
  readonly at: number;
  readonly channel: string;
  readonly text: string;
}
const bounded = history<Entry>({ name: "messages" });
const unbounded: Entry[] = [];
const channels = ["mail", "chat", "push"];

/** Heap in use after a full collection, bytes. */
function heapUsed(): number {
  const { gc } = globalThis as { gc?: () => void };
  gc?.();
  gc?.();
  return process.memoryUsage().heapUsed;
}

serve({
  "/run": async ({ query }) => {
    const items = Number(query.get("items") ?? 5_000_000);
    const tenths: number[] = [];
    for (let tenth = 0; tenth < 10; tenth += 1) {
      for (let at = 0; at < items / 10; at += 1) {
        const entry: Entry = { at, channel: channels[at % 3] ?? "mail", text: `message ${at}` };
        if (guardsOn) bounded.add(entry, entry.channel);
        else if (unbounded.length < 4_000_000) unbounded.push(entry);
        // Turns now and then, so that the health check is answered.
        if (at % 20_000 === 0) await sleep(0);
      }
      tenths.push(heapUsed());
    }
    const [first = 0, last = 0] = [tenths[0], tenths.at(-1)];
    return {
      items,
      held: guardsOn ? bounded.size : unbounded.length,
      total: guardsOn ? bounded.counters.total : null,
      byChannel: [...bounded.counters.byChannel.values()].reduce((sum, each) => sum + each, 0),
      byDay: [...bounded.counters.byDay.values()].reduce((sum, each) => sum + each, 0),
      heapMb: tenths.map((bytes) => Math.round(bytes / 1e5) / 10),
      growthShare: Math.round((last / first - 1) * 10_000) / 10_000,
    };
  },
});
