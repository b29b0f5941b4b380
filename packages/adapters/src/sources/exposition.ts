// Prometheus' text format, read line by line: samples of one scrape with their families. What cannot be read costs its line.

export interface ScrapedSample {
  readonly name: string;
  readonly type: "counter" | "gauge" | "histogram" | "summary" | "untyped";
  /** Family: the name without _bucket, _sum and _count of a histogram or summary. */
  readonly family: string;
  /** Labels as they stood, for telling series apart. */
  readonly labels: string;
  readonly value: number;
}

/** Samples of one scrape. */
export const samplesMax = 50_000;

export function parseExposition(text: string): ScrapedSample[] {
  const types = new Map<string, ScrapedSample["type"]>();
  const samples: ScrapedSample[] = [];
  for (const line of text.split("\n")) {
    if (line.startsWith("#")) {
      const [, family = "", type = ""] = /^#\s+TYPE\s+(\S+)\s+(\S+)/.exec(line) ?? [];
      if (family !== "" && types.size < samplesMax)
        types.set(
          family,
          (["counter", "gauge", "histogram", "summary"] as const).find((each) => each === type) ?? "untyped",
        );
      continue;
    }
    const match = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{.*\})?\s+(\S+)/.exec(line);
    if (match === null) continue;
    const [, name = "", labels = "", number = ""] = match;
    const value = number === "+Inf" ? Infinity : number === "-Inf" ? -Infinity : Number(number);
    if (!Number.isFinite(value) || samples.length >= samplesMax) continue;
    const stem = name.replace(/_(bucket|sum|count|total)$/, "");
    const family = types.has(name) ? name : types.has(stem) ? stem : name;
    samples.push({ name, type: types.get(family) ?? "untyped", family, labels, value });
  }
  return samples;
}
