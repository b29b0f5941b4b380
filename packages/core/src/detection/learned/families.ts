// Metrics that move together say one thing, not many: memory, processor, waiting, traffic, failures, files. Evidence from
// two families is two witnesses; from one family it is one witness heard twice.

const families: readonly (readonly [RegExp, string])[] = [
  [/error|fail|exception|reject|timeout/i, "failures"],
  [/latenc|duration|lag|oldest|wait|gcMs/i, "waiting"],
  [/cpu|utili[sz]ation|load|gcShare/i, "processor"],
  [/rss|heap|external|memory|bytes(used|free)?$/i, "memory"],
  [/request|call|perSecond|throughput/i, "traffic"],
  [/descriptor|socket|pipe|thread|process|connection/i, "handles"],
];

/** The family a metric's name suggests; a name that suggests none is its own family. */
export function familyOf(metric: string): string {
  if (/bytesPerSecond$/i.test(metric)) return "transfer";
  return families.find(([pattern]) => pattern.test(metric))?.[1] ?? metric;
}

/** Families that people who use the service feel. */
export const felt: ReadonlySet<string> = new Set(["failures", "waiting"]);
