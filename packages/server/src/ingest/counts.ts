// What came in through the ingest routes since start, and what was turned away and why. Sources, kinds and reasons are fixed
// words of the routes.

export interface IngestCounts {
  accept(source: string, kind: string, count?: number): void;
  drop(source: string, reason: string, count?: number): void;
  each(what: "accepted" | "dropped", use: (source: string, word: string, count: number) => void): void;
}

/** Pairs of words counted; they are fixed in the routes, so this is never reached. */
const pairsMax = 500;

export function ingestCounts(): IngestCounts {
  const counts = { accepted: new Map<string, number>(), dropped: new Map<string, number>() };
  const add = (to: Map<string, number>, source: string, word: string, count: number): void => {
    const key = `${source} ${word}`;
    if (count > 0 && (to.has(key) || to.size < pairsMax)) to.set(key, (to.get(key) ?? 0) + count);
  };
  return {
    accept: (source, kind, count = 1) => add(counts.accepted, source, kind, count),
    drop: (source, reason, count = 1) => add(counts.dropped, source, reason, count),
    each(what, use) {
      for (const [key, count] of counts[what]) {
        const [source = "", word = ""] = key.split(" ");
        use(source, word, count);
      }
    },
  };
}
