// Times and durations in words. Pure: the present is an argument.
const units = [
  { ms: 86_400_000, short: "d" },
  { ms: 3_600_000, short: "h" },
  { ms: 60_000, short: "min" },
  { ms: 1_000, short: "s" },
] as const;

/** "340 ms", "4.2 s", "12 s", "3 min 20 s", "2 h 5 min", "6 d". Two units at most, so that it stays readable. */
export function duration(ms: number): string {
  if (!Number.isFinite(ms)) return "–";
  if (ms < 0) return `-${duration(-ms)}`;
  if (ms < 1) return ms === 0 ? "0 ms" : "<1 ms";
  if (ms < 999.5) return `${Math.round(ms)} ms`;
  if (ms < 9_950) return `${ms % 1000 === 0 ? ms / 1000 : (ms / 1000).toFixed(1)} s`;
  const whole = Math.round(ms / 1000) * 1000;
  const at = units.findIndex((unit) => whole >= unit.ms);
  const unit = units[at] ?? units[3];
  const count = Math.floor(whole / unit.ms);
  const next = units[at + 1];
  const rest = next === undefined ? 0 : Math.floor((whole - count * unit.ms) / next.ms);
  return rest === 0 || next === undefined || count >= 10
    ? `${count} ${unit.short}`
    : `${count} ${unit.short} ${rest} ${next.short}`;
}

/** "now", "12 s ago", "in 3 min". Seconds only within the first minute, so that a list does not tick. */
export function relative(at: number, now: number): string {
  const away = Math.abs(now - at);
  if (away < 1_000) return "now";
  const unit = units.find((each) => away >= each.ms) ?? units[3];
  const text = `${Math.floor(away / unit.ms)} ${unit.short}`;
  return at > now ? `in ${text}` : `${text} ago`;
}

/** How long `relative` stays right, ms: what a clock has to wait before it looks again. */
export function relativeStaysMs(at: number, now: number): number {
  const away = Math.abs(now - at);
  return away < 60_000 ? 1_000 : away < 3_600_000 ? 15_000 : 60_000;
}

/** Making a format costs more than a row of a table does, so each is made once; zones are the reader's own, and a test's. */
function inWords(options: Intl.DateTimeFormatOptions): (at: number, zone?: string) => string {
  const formats = new Map<string, Intl.DateTimeFormat>();
  return (at, zone = "") => {
    let format = formats.get(zone);
    if (format === undefined) {
      format = new Intl.DateTimeFormat("en-GB", zone === "" ? options : { ...options, timeZone: zone });
      formats.set(zone, format);
    }
    return format.format(at);
  };
}

/** The exact time in the reader's own zone, with seconds and the zone. */
export const exact = inWords({ dateStyle: "medium", timeStyle: "long" });

/** "14:02:31", for a list whose day is known. */
export const clock = inWords({ hour: "2-digit", minute: "2-digit", second: "2-digit" });

/** "+0 ms", "+4.2 s": since the beginning of a story. */
export function since(at: number, start: number): string {
  return `+${duration(Math.max(0, at - start))}`;
}

/** Values for the marks of a time axis: round steps, at most `marksMax` of them. */
export function axisMarks(from: number, to: number, marksMax: number): readonly number[] {
  const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 21_600, 43_200, 86_400].map(
    (seconds) => seconds * 1000,
  );
  const step =
    steps.find((each) => (to - from) / each <= marksMax) ?? Math.ceil((to - from) / marksMax / 86_400_000) * 86_400_000;
  const marks: number[] = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) marks.push(at);
  return marks;
}
