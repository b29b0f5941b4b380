// Draws docs/detect/*.svg: what each detector says about a series made here. `node packages/detect/bench/pictures.ts`.
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import { absence, anomaly, burnRate, changeRate, peers, quantileSketch, ratio, threshold } from "@prunella/detect";
import { normal, seeded } from "../test/series/synthetic.ts";

interface Line {
  readonly label: string;
  readonly values: readonly number[];
  readonly colour?: string;
}

interface Panel {
  readonly title: string;
  readonly lines: readonly Line[];
  /** Horizontal dashed line. */
  readonly level?: number;
  /** Positions with a red dot on the first line. */
  readonly marks?: readonly number[];
  /** Shaded stretches: where a fault was put. */
  readonly shaded?: readonly (readonly [first: number, last: number])[];
}

const folder = path.resolve(import.meta.dirname, "../../../docs/detect");
const [width, panelHeight, left, gap] = [860, 150, 56, 34];

function draw(name: string, panels: readonly Panel[]): void {
  const height = panels.length * (panelHeight + gap) + 10;
  const parts = panels.map((panel, i) => drawPanel(panel, i * (panelHeight + gap) + gap));
  const open = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`;
  const svg = [open, `<rect width="${width}" height="${height}" fill="#fff"/>`, ...parts, "</svg>"].join("\n");
  writeFileSync(path.join(folder, `${name}.svg`), `${svg}\n`);
  console.log(`docs/detect/${name}.svg`);
}

function drawPanel({ title, lines, level, marks = [], shaded = [] }: Panel, top: number): string {
  const all = lines.flatMap(({ values }) => values.filter(Number.isFinite));
  if (level !== undefined) all.push(level);
  const low = all.reduce((least, each) => Math.min(least, each), Infinity);
  const high = all.reduce((most, each) => Math.max(most, each), -Infinity);
  const count = Math.max(...lines.map(({ values }) => values.length));
  const x = (i: number): string => (left + ((width - left - 10) * i) / Math.max(1, count - 1)).toFixed(1);
  const y = (value: number): string => (top + panelHeight * (1 - (value - low) / (high - low || 1))).toFixed(1);
  const text = (at: string, label: string, extra = ""): string => `<text ${at} fill="#333" ${extra}>${label}</text>`;
  const legend = lines.map(({ label, colour = "#2b6cb0" }) => `<tspan fill="${colour}"> ${label}</tspan>`).join(" ");
  return [
    ...shaded.map(
      ([first, last]) =>
        `<rect x="${x(first - 1)}" y="${top}" width="${Math.max(3, Number(x(last + 1)) - Number(x(first - 1)))}" height="${panelHeight}" fill="#fde68a"/>`,
    ),
    text(`x="${left}" y="${top - 8}"`, `${title}:${legend}`),
    text(`x="${left - 6}" y="${top + 10}"`, String(Number(high.toPrecision(3))), 'text-anchor="end"'),
    text(`x="${left - 6}" y="${top + panelHeight}"`, String(Number(low.toPrecision(3))), 'text-anchor="end"'),
    `<path d="M${left},${top}V${top + panelHeight}H${width - 10}" fill="none" stroke="#999"/>`,
    ...(level === undefined
      ? []
      : [`<path d="M${left},${y(level)}H${width - 10}" stroke="#999" stroke-dasharray="4 4"/>`]),
    ...lines.map(({ values, colour = "#2b6cb0" }) => {
      const points = values.flatMap((value, i) => (Number.isFinite(value) ? [`${x(i)},${y(value)}`] : []));
      return `<polyline points="${points.join(" ")}" fill="none" stroke="${colour}" stroke-width="1"/>`;
    }),
    ...marks.map((i) => `<circle cx="${x(i)}" cy="${y(lines[0]!.values[i]!)}" r="4" fill="#c53030"/>`),
  ].join("\n");
}

const minute = 60_000;
const where = (flags: readonly boolean[]): number[] => flags.flatMap((flag, i) => (flag ? [i] : []));
const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

function drawAnomaly(): void {
  const perDay = 288;
  const next = normal(seeded(42));
  const faults = [
    [4 * perDay + 130, 4 * perDay + 133],
    [5 * perDay + 10, 5 * perDay + 16],
    [6 * perDay + 60, 6 * perDay + 100],
  ] as const;
  const values = range(7 * perDay).map((i) => {
    const usual = 60 - 40 * Math.cos((2 * Math.PI * i) / perDay) + 2 * next();
    if (i >= faults[0][0] && i <= faults[0][1]) return usual + 60;
    if (i >= faults[1][0] && i <= faults[1][1]) return 75 + next();
    if (i >= faults[2][0] && i <= faults[2][1]) return usual + (i % 2 === 0 ? 25 : -25);
    return usual;
  });
  const detector = anomaly();
  const verdicts = values.map((value, i) => detector.update({ at: i * 5 * minute, value }));
  draw("anomaly", [
    {
      title: "A week of a daily rhythm at five minutes; shaded: a spike, a noon value at midnight, unrest",
      lines: [{ label: "value (red: alarm)", values }],
      marks: where(verdicts.map(({ anomalous }) => anomalous)),
      shaded: faults,
    },
    { title: "Score", lines: [{ label: "score", values: verdicts.map(({ score }) => score) }], level: 0.5 },
    {
      title: "Surprise, nats, before suppression",
      lines: [{ label: "mean of six evidences", values: verdicts.map(({ surprise }) => surprise) }],
    },
  ]);
}

function drawThreshold(): void {
  const next = normal(seeded(7));
  const values = range(300).map((i) => 70 + 25 * Math.sin(i / 40) + 3 * next());
  const detector = threshold({ above: 90, clearAbove: 80, forMs: 5 * minute, clearForMs: 5 * minute });
  const firing = values.map((value, i) => detector.update({ at: i * minute, value }).firing);
  draw("threshold", [
    {
      title: "Above 90 for 5 minutes, clear under 80",
      lines: [{ label: "value (red: firing)", values }],
      level: 90,
      marks: where(firing),
    },
  ]);
}

function drawChangeRate(): void {
  const next = normal(seeded(8));
  const values = range(300).map((i) => 20 + Math.max(0, Math.min(60, (i - 150) * 3)) + next());
  const detector = changeRate({ windowMs: 10 * minute, above: 1.5 / 60 });
  const verdicts = values.map((value, i) => detector.update({ at: i * minute, value }));
  draw("change-rate", [
    {
      title: "A ramp",
      lines: [{ label: "value (red: firing)", values }],
      marks: where(verdicts.map(({ firing }) => firing)),
    },
    {
      title: "Change per second over ten minutes",
      lines: [{ label: "rate", values: verdicts.map(({ rate }) => rate ?? NaN) }],
      level: 1.5 / 60,
    },
  ]);
}

function drawAbsence(): void {
  const detector = absence();
  const silent = range(300).map((i) => {
    if (i % 2 === 0 && (i < 150 || i > 210)) detector.update({ at: i * minute });
    return detector.check(i * minute);
  });
  draw("absence", [
    {
      title: "A sample every two minutes, then an hour of silence; allowed: five usual intervals",
      lines: [
        { label: "minutes of silence (red: absent)", values: silent.map(({ silentMs }) => (silentMs ?? 0) / minute) },
      ],
      level: 10,
      marks: where(silent.map(({ absent }) => absent)),
    },
  ]);
}

function drawRatio(): void {
  const random = seeded(9);
  const detector = ratio({ windowMs: 15 * minute, above: 0.2, totalMin: 20 });
  const samples = range(300).map((i) => {
    const total = i < 100 ? Math.floor(random() * 2) : 20;
    const chance = i < 100 ? 0.3 : i >= 180 && i < 220 ? 0.4 : 0.03;
    return { at: i * minute, total, part: range(total).filter(() => random() < chance).length };
  });
  const verdicts = samples.map((sample) => detector.update(sample));
  draw("ratio", [
    {
      title: "Failed of all, each minute: hardly any traffic, then twenty a minute; shaded: a fault",
      lines: [{ label: "failed / all", values: samples.map(({ part, total }) => (total === 0 ? NaN : part / total)) }],
      shaded: [[180, 219]],
    },
    {
      title: "Over fifteen minutes, with at least twenty events",
      lines: [{ label: "ratio (red: firing)", values: verdicts.map(({ ratio: share }) => share ?? NaN) }],
      level: 0.2,
      marks: where(verdicts.map(({ firing }) => firing)),
    },
  ]);
}

function drawBurnRate(): void {
  const detector = burnRate({ objective: 0.999 });
  const burns = range(24 * 60).map((i) => {
    const bad = i >= 400 && i < 430 ? 100 : i >= 900 && i < 1200 ? 8 : 0;
    return detector.update({ at: i * minute, good: 1000 - bad, bad }).burns;
  });
  draw("burn-rate", [
    {
      title: "Objective 99.9 %: half an hour at 10 % bad, later five hours at 0.8 %; page, 14.4 in 1 h and 5 min",
      lines: [
        { label: "1 h (red: firing)", values: burns.map(([fast]) => fast!.longBurn) },
        { label: "5 min", values: burns.map(([fast]) => fast!.shortBurn), colour: "#a0aec0" },
      ],
      level: 14.4,
      marks: where(burns.map(([fast]) => fast!.firing)),
    },
    {
      title: "Page, 6 in 6 h and 30 min",
      lines: [
        { label: "6 h (red: firing)", values: burns.map(([, slow]) => slow!.longBurn) },
        { label: "30 min", values: burns.map(([, slow]) => slow!.shortBurn), colour: "#a0aec0" },
      ],
      level: 6,
      marks: where(burns.map(([, slow]) => slow!.firing)),
    },
  ]);
}

function drawPeers(): void {
  const next = normal(seeded(10));
  const names = ["a", "b", "c", "d", "e", "f"];
  const detector = peers({ forMs: 5 * minute });
  const rows = range(300).map((i) => {
    const load = 50 + 30 * Math.sin(i / 50);
    return names.map((name) => load + 2 * next() + (name === "c" && i >= 180 && i < 230 ? 30 : 0));
  });
  const firing = rows.map((row, i) => {
    const values = Object.fromEntries(row.map((value, which) => [names[which]!, value]));
    return detector.update({ at: i * minute, values }).outliers.length > 0;
  });
  const line = (which: number): number[] => rows.map((row) => row[which]!);
  draw("peers", [
    {
      title: "Six instances under a common load; one leaves its siblings",
      lines: [
        { label: "c (red: outlier)", values: line(2) },
        ...[0, 1, 3, 4, 5].map((which) => ({ label: names[which]!, values: line(which), colour: "#a0aec0" })),
      ],
      marks: where(firing),
      shaded: [[180, 229]],
    },
  ]);
}

function drawQuantileSketch(): void {
  const random = seeded(11);
  const values = range(100_000).map(() =>
    Math.exp(3 * Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(6.283 * random())),
  );
  const sketch = quantileSketch();
  for (const value of values) sketch.add(value);
  const sorted = values.toSorted((a, b) => a - b);
  const errors = range(1000).map((i) => {
    const exact = sorted[Math.floor((i / 1000) * (sorted.length - 1))]!;
    return 100 * (sketch.quantile(i / 1000) / exact - 1);
  });
  draw("quantile-sketch", [
    {
      title: "Error of the quantiles 0 to 0.999 of 100,000 log-normal values, %",
      lines: [{ label: "error", values: errors }],
      level: 0,
    },
  ]);
}

mkdirSync(folder, { recursive: true });
for (const each of [
  drawAnomaly,
  drawThreshold,
  drawChangeRate,
  drawAbsence,
  drawRatio,
  drawBurnRate,
  drawPeers,
  drawQuantileSketch,
])
  each();
