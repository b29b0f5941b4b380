// Draws docs/detect/*.svg: what each detector says about a series made here. `node packages/detect/bench/pictures.ts`.
import { mkdirSync, writeFileSync } from "node:fs";
import path from "node:path";
import {
  absence,
  anomaly,
  burnRate,
  changePoints,
  changeRate,
  exhaustion,
  findCause,
  HourlyCounts,
  logWatch,
  peers,
  quantileSketch,
  ratio,
  remainingLife,
  streamChanges,
  threshold,
  trainLife,
  type LifeRow,
  type TemplateFinding,
} from "@prunella/detect";
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

function drawExhaustion(): void {
  const next = normal(seeded(12));
  const minutes = 2 * 24 * 60;
  const begins = 20 * 60;
  const meets = 40 * 60;
  // A collector's sawtooth, as a heap has it.
  const usual = (i: number): number => 30 + (6 * (i % 25)) / 25 + next();
  const leak = range(meets).map((i) => Math.min(100, usual(i) + 65 * Math.max(0, (i - begins) / (meets - begins))));
  const levelling = range(minutes).map((i) => usual(i) + 45 * (1 - Math.exp(-Math.max(0, i - begins) / 200)));
  const wave = leak.map((value, i) => Math.min(100, value + 6 * Math.sin((2 * Math.PI * i) / 360)));
  const hours = (values: readonly number[]): number[] => {
    const forecaster = exhaustion({ limit: 100 });
    return values.map((value, i) => {
      const verdict = forecaster.update(i * minute, value);
      return verdict.firing ? verdict.secondsToLimit / 3600 : NaN;
    });
  };
  const [told, quiet, waved] = [hours(leak), hours(levelling), hours(wave)];
  // Drawn at every third minute: the picture stays small.
  const drawn = (values: readonly number[]): number[] => values.filter((_, i) => i % 3 === 0);
  const some = (values: readonly number[]): number[] =>
    where(drawn(values).map((value) => !Number.isNaN(value))).filter((i) => i % 7 === 0);
  draw("exhaustion", [
    {
      title: "A leak from the 20th hour on; the limit is met in the 40th",
      lines: [{ label: "value (red: warning)", values: drawn(leak) }],
      level: 100,
      marks: some(told),
      shaded: [[begins / 3, meets / 3]],
    },
    {
      title: "Hours to the limit",
      lines: [
        { label: "told", values: drawn(told) },
        { label: "true", values: drawn(leak.map((_, i) => (i < begins ? NaN : (meets - i) / 60))), colour: "#a0aec0" },
      ],
    },
    {
      title: "It levels off below the limit",
      lines: [{ label: "value (red: warning)", values: drawn(levelling) }],
      level: 100,
      marks: some(quiet),
    },
    {
      title: "Where it is weak: with a long steep wave on the leak warnings come and go",
      lines: [{ label: "value (red: warning)", values: drawn(wave) }],
      level: 100,
      marks: some(waved),
      shaded: [[begins / 3, meets / 3]],
    },
  ]);
}

function drawChangePoints(): void {
  const next = normal(seeded(13));
  const trend = range(300).map((i) => {
    const level = i < 80 ? 20 : i < 150 ? 35 : i < 220 ? 35 - 0.25 * (i - 150) : 17.5;
    return level + 1.5 * next() + (i === 40 ? 12 : 0);
  });
  const found = changePoints([trend]).map(({ index }) => index);
  const latency = range(600).map((i) => (i < 300 ? 40 : 46) + (i >= 450 ? -6 : 0) + 2 * next() + (i === 150 ? 40 : 0));
  const detector = streamChanges();
  const told: number[] = [];
  const began: number[] = [];
  for (const [i, value] of latency.entries()) {
    const change = detector.update(i * 1000, value);
    if (change === null) continue;
    told.push(i);
    began.push(Math.round(change.atMs / 1000));
  }
  draw("change-points", [
    {
      title: "A finished series: a step, the start and the end of a slope, and a spike that is no change",
      lines: [{ label: "value (red: change point)", values: trend }],
      marks: found,
      shaded: [
        [80, 80],
        [150, 150],
        [220, 220],
      ],
    },
    {
      title: `A stream at one point a second: changes at 300 and 450, told at ${told.join(" and ")}`,
      lines: [{ label: "value (red: where it began)", values: latency }],
      marks: began,
      shaded: [
        [300, 300],
        [450, 450],
      ],
    },
  ]);
}

function drawRemainingLife(): void {
  const random = seeded(14);
  const unitRows = (unit: number): LifeRow[] => {
    const length = 120 + Math.floor(120 * random());
    return range(length).map((i) => {
      const wear = Math.exp((i - length) / 40);
      return { unit, cycle: i + 1, values: [10 * wear + random(), 5 - 6 * wear + random(), random()] };
    });
  };
  const model = trainLife(range(60).flatMap(unitRows), seeded(1), { trees: 60 });
  const own = unitRows(1000);
  const lives = own.map((_, i) => remainingLife(model, own.slice(0, i + 1))[0]!);
  draw("remaining-life", [
    {
      title: "Two readings of a unit that the model has not seen",
      lines: [
        { label: "first", values: own.map(({ values }) => values[0]!) },
        { label: "second", values: own.map(({ values }) => values[1]!), colour: "#2f855a" },
      ],
    },
    {
      title: "Cycles left, at most 125",
      lines: [
        { label: "told", values: lives.map(({ cycles }) => cycles) },
        { label: "low and high", values: lives.map(({ low }) => low), colour: "#a0aec0" },
        { label: "", values: lives.map(({ high }) => high), colour: "#a0aec0" },
        { label: "true", values: own.map((_, i) => Math.min(125, own.length - 1 - i)), colour: "#dd6b20" },
      ],
    },
  ]);
}

function drawCauses(): void {
  const next = normal(seeded(15));
  const [usual, during] = [60, 20];
  // The store's slowness is in what everybody above it takes.
  const times: Readonly<Record<string, (slow: number) => number>> = {
    store: (slow) => 5 + 0.3 * next() + slow,
    cart: (slow) => 12 + 0.6 * next() + slow,
    web: (slow) => 30 + 2 * next() + slow,
    search: () => 8 + 0.5 * next(),
  };
  const series = Object.fromEntries(
    Object.entries(times).map(([node, time]) => [node, range(usual + during).map((i) => time(i < usual ? 0 : 40))]),
  );
  const part = (from: number, to?: number) =>
    Object.fromEntries(
      Object.entries(series).map(([node, values]) => [node, { latency_average: values.slice(from, to) }]),
    );
  const edges = [
    { from: "web", to: "cart" },
    { from: "web", to: "search" },
    { from: "cart", to: "store" },
  ];
  const graph = { nodes: Object.keys(times), edges };
  const { ranking, standing } = findCause({ graph, normal: part(0, usual), incident: part(usual) });
  draw("causes", [
    {
      title: `web calls cart and search, cart calls store. ${standing}: ${ranking.map(({ node, score }) => `${node} ${score.toFixed(1)}`).join(", ")}`,
      lines: Object.entries(series).map(([node, values], i) => ({
        label: `${node}, ms`,
        values,
        colour: ["#c53030", "#dd6b20", "#2b6cb0", "#a0aec0"][i]!,
      })),
      shaded: [[usual, usual + during - 1]],
    },
  ]);
}

function drawLogs(): void {
  const random = seeded(16);
  const watch = logWatch();
  const minutes = range(120);
  const findings: TemplateFinding[] = [];
  const counts = minutes.map((at) => {
    const served = 20 + Math.floor(10 * random());
    const refused = at < 70 || at >= 80 ? Math.floor(4 * random()) : 60;
    const lines = [
      ...range(served).map((i) => `GET /orders/${at * 100 + i} 200 ${i + 1} ms`),
      ...range(refused).map((i) => `cannot reach store-${i % 3}: ECONNREFUSED`),
      ...(at < 40 || at >= 95 ? ["cache refreshed"] : []),
    ];
    for (const [i, line] of lines.entries())
      findings.push(...watch.line(line, (at + i / lines.length) * minute).findings);
    findings.push(...watch.tick((at + 1) * minute - 1).findings);
    return { served, refused };
  });
  const said = findings.map(({ kind, state, at }) => `${Math.floor(at / minute)} ${kind} ${state}`).join(", ");
  const at = (kind: TemplateFinding["kind"]): number[] =>
    findings.filter((one) => one.kind === kind && one.state === "firing").map((one) => Math.floor(one.at / minute));
  draw("logs", [
    {
      title: said,
      lines: [
        { label: "cannot reach &lt;*&gt;", values: counts.map(({ refused }) => refused) },
        { label: "GET &lt;*&gt;", values: counts.map(({ served }) => served), colour: "#a0aec0" },
      ],
      marks: at("rate-rose"),
      shaded: [
        [40, 94],
        [70, 79],
      ],
    },
  ]);
}

function drawErrors(): void {
  const random = seeded(17);
  const hour = 60 * minute;
  const counts = new HourlyCounts(0);
  const hours = range(10 * 24).map((i) => {
    const usual = 6 + 4 * Math.sin((2 * Math.PI * i) / 24);
    const events = Math.floor(2 * usual * random()) + (i >= 210 && i < 214 ? 90 : 0);
    counts.add(i * hour, events);
    return { events, ...counts.isEscalating(i * hour + hour - 1) };
  });
  draw("errors", [
    {
      title: "Events an hour of one archived failure, and the limit beyond which it escalates",
      lines: [
        { label: "events (red: escalating)", values: hours.map(({ events }) => events) },
        { label: "limit", values: hours.map(({ limit }) => limit), colour: "#a0aec0" },
      ],
      marks: where(hours.map(({ isEscalating }) => isEscalating)),
      shaded: [[210, 213]],
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
  drawExhaustion,
  drawChangePoints,
  drawRemainingLife,
  drawCauses,
  drawLogs,
  drawErrors,
])
  each();
