// Numbers with their units, short and never false: a rate always comes with its counts.
const whole = new Intl.NumberFormat("en-GB");

export function count(value: number): string {
  return whole.format(value);
}

export function bytes(value: number): string {
  if (Math.abs(value) < 1000) return `${Math.round(value)} B`;
  const names = ["kB", "MB", "GB", "TB"];
  let scaled = value;
  let at = -1;
  while (Math.abs(scaled) >= 999.5 && at < names.length - 1) {
    scaled /= 1000;
    at += 1;
  }
  return `${Math.abs(scaled) < 9.95 ? scaled.toFixed(1) : Math.round(scaled)} ${names[at] ?? ""}`;
}

export function share(value: number | null): string {
  if (value === null) return "–";
  const percent = value * 100;
  if (percent === 0 || percent === 100) return `${percent} %`;
  // 99.99 must not read 100, nor 0.004 read 0.
  if (percent > 0 && percent < 0.01) return "<0.01 %";
  return `${percent > 99 || percent < 1 ? cut(percent, 2) : cut(percent, 1)} %`;
}

function cut(value: number, digits: number): string {
  const factor = 10 ** digits;
  return String(Math.trunc(value * factor) / factor);
}

export function plural(value: number, noun: string, many = `${noun}s`): string {
  return `${count(value)} ${value === 1 ? noun : many}`;
}

/** Values by the unit that their name ends with: rssBytes, latencyMsP95, cpuShare, requestsPerSecond. */
export function metricValue(metric: string, value: number): string {
  if (/Bytes/.test(metric)) return bytes(value);
  if (/Ms(P\d+|Max|Mean|$)|Ms$/.test(metric)) return value < 10 ? `${value.toFixed(1)} ms` : `${Math.round(value)} ms`;
  if (/Share/.test(metric)) return `${(value * 100).toFixed(value < 0.1 ? 1 : 0)} %`;
  if (/PerSecond/.test(metric)) return `${short(value)} /s`;
  return short(value);
}

export function short(value: number): string {
  if (Number.isInteger(value)) return count(value);
  return Math.abs(value) < 10 ? value.toFixed(2) : count(Math.round(value));
}

/** "rssBytes" reads "rss", "latencyMsP95" reads "latency p95": the unit is beside the number already. */
export function metricName(metric: string): string {
  const known: Readonly<Record<string, string>> = {
    rssBytes: "memory (rss)",
    cpuShare: "cpu",
    latencyMsP95: "latency p95",
  };
  return (
    known[metric] ??
    metric
      .replace(/(Bytes|Share|Ms)(?=P\d|Max|Mean|$)/, "")
      .replace(/([a-z])([A-Z])/g, "$1 $2")
      .toLowerCase()
  );
}
