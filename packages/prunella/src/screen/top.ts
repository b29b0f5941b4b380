// The frame of `prunella top`: what is known at this moment, drawn into exactly the lines and columns there are. Pure: what is
// shown depends on the model, the screen and nothing else.
import type { Issue, Repair, Status, Target } from "@prunella/contract";
import { text } from "../cli.ts";
import { toneOf, type Paint } from "../colour.ts";
import { ago, cut, fit, wrap } from "./lines.ts";
import type { Screen } from "./status.ts";

export const panes = ["targets", "issues", "repairs"] as const;
export type Pane = (typeof panes)[number];

export interface Model {
  readonly status: Status | null;
  readonly targets: readonly Target[];
  readonly issues: readonly Issue[];
  readonly repairs: readonly Repair[];
  readonly pane: Pane;
  /** Selected row of each pane. */
  readonly selected: Readonly<Record<Pane, number>>;
  /** An opened row; null: none. */
  readonly opened: readonly string[] | null;
  readonly help: boolean;
  /** Why nothing new is known; null while all is well. */
  readonly trouble: string | null;
  /** What an order came to. */
  readonly said: string | null;
  /** Waits for y or n. */
  readonly asks: string | null;
}

export const emptyModel: Model = {
  status: null,
  targets: [],
  issues: [],
  repairs: [],
  pane: "targets",
  selected: { targets: 0, issues: 0, repairs: 0 },
  opened: null,
  help: false,
  trouble: null,
  said: null,
  asks: null,
};

/** Below this nothing useful can be drawn. */
export const screenMin: Screen = { columns: 40, rows: 10 };

export function frame(model: Model, screen: Screen, paint: Paint): string[] {
  const { columns, rows } = screen;
  if (columns < screenMin.columns || rows < screenMin.rows)
    return Array.from({ length: rows }, (_, at) =>
      fit(at === 0 ? `make the window larger (${screenMin.columns} x ${screenMin.rows})` : "", columns),
    );
  const head = headLines(model, columns, paint);
  const foot = footLine(model, columns, paint);
  const room = rows - head.length - 1;
  const body = model.help
    ? helpLines
    : model.opened === null
      ? paneLines(model, { columns, rows: room }, paint)
      : model.opened.flatMap((line) => wrap(text(line), columns, 20));
  const lines = [...head, ...body.slice(0, room)];
  while (lines.length < rows - 1) lines.push("");
  return [...lines, foot].map((line) => fit(line, columns));
}

const helpLines = [
  "",
  "  Tab, 1, 2, 3     targets, issues, repairs",
  "  Up, Down, k, j   choose a row          PageUp, PageDown, Home, End",
  "  Enter            open the row          Escape: back",
  "  a                approve the repair    x: refuse it",
  "  r                restart the target",
  "  p                pause, or resume, all repairs",
  "  q, Ctrl-C        quit",
  "",
  "  An order is asked back before it leaves.",
];

function headLines(
  { status, trouble, pane, targets, issues, repairs }: Model,
  columns: number,
  paint: Paint,
): string[] {
  if (status === null) return [paint(trouble === null ? "soft" : "bad", cut(text(trouble ?? "asking…"), columns)), ""];
  const tone = {
    "all-right": "good",
    healing: "wait",
    "needs-person": "bad",
    paused: "wait",
    degraded: "bad",
  } as const;
  const { itself } = status;
  const line =
    trouble === null
      ? paint(tone[status.verdict], cut(text(status.summary), columns))
      : paint("bad", cut(`${text(trouble)}; what follows is from ${status.at.slice(11, 19)} UTC`, columns));
  const figures = `Prunella ${text(itself.version)}, pid ${itself.pid}, ${Math.round(itself.rssBytes / 1e6)} MB; ${itself.signalsTaken} signals, ${itself.signalsWaiting} wait; ${status.at.slice(11, 19)} UTC`;
  const counts = { targets: targets.length, issues: issues.length, repairs: repairs.length };
  const tabs = panes
    .map((each, at) => {
      const label = ` ${at + 1} ${each} ${counts[each]} `;
      return each === pane ? paint("strong", `[${label}]`) : paint("soft", ` ${label} `);
    })
    .join("");
  return [line, paint("soft", cut(figures, columns)), cut(tabs, columns)];
}

function footLine({ asks, said }: Model, columns: number, paint: Paint): string {
  if (asks !== null) return paint("wait", cut(`${text(asks)} (y/n)`, columns));
  if (said !== null) return paint("mark", cut(text(said), columns));
  return paint("soft", cut("q quit  Tab pane  Enter open  a approve  x refuse  r restart  p pause  ? help", columns));
}

function paneLines(model: Model, room: Screen, paint: Paint): string[] {
  const { heading, rows } = table(model, paint);
  const widths = heading.map((title, at) =>
    Math.min(
      at === heading.length - 1 ? 400 : 34,
      Math.max(title.length, ...rows.map((row) => visible(row[at] ?? ""))),
    ),
  );
  const line = (cells: readonly string[]): string =>
    cells.map((cell, at) => (at === cells.length - 1 ? cell : fit(cell, widths[at] ?? 0))).join("  ");
  const height = room.rows - 1;
  const chosen = Math.min(model.selected[model.pane], Math.max(0, rows.length - 1));
  // The chosen row stays in sight, as near to the middle as the ends allow.
  const first = Math.max(0, Math.min(chosen - Math.floor(height / 2), rows.length - height));
  return [
    paint("soft", cut(`  ${line(heading)}`, room.columns)),
    ...(rows.length === 0 ? [paint("soft", "  nothing")] : []),
    ...rows
      .slice(first, first + height)
      .map((row, at) => cut(`${first + at === chosen ? paint("strong", "> ") : "  "}${line(row)}`, room.columns)),
  ];
}

function visible(cell: string): number {
  return cell.replaceAll(/\u001b\[[0-9;]*m/g, "").length;
}

function table(
  model: Model,
  paint: Paint,
): { readonly heading: readonly string[]; readonly rows: readonly string[][] } {
  const now = Date.parse(model.status?.at ?? "1970-01-01T00:00:00Z");
  const since = (time: string | null): string => (time === null ? "" : ago(now - Date.parse(time)));
  switch (model.pane) {
    case "targets":
      return {
        heading: ["target", "state", "for", "pid", "memory", "cpu", "req/s", "p95", "issues"],
        rows: model.targets.map((each) => [
          text(each.key),
          paint(toneOf(each.state), each.state),
          since(each.stateSince),
          each.pid === null ? "" : String(each.pid),
          figure(each.values["rssBytes"], (value) => `${Math.round(value / 1e6)} MB`),
          figure(each.values["cpuShare"], (value) => `${Math.round(value * 100)} %`),
          figure(each.values["requestsPerSecond"], (value) => value.toFixed(value < 10 ? 1 : 0)),
          figure(each.values["latencyMsP95"], (value) => `${Math.round(value)} ms`),
          each.openIssues.join(" "),
        ]),
      };
    case "issues":
      return {
        heading: ["issue", "severity", "status", "target", "times", "last", "title"],
        rows: model.issues.map((each) => [
          each.id,
          paint(toneOf(each.severity), each.severity),
          `${paint(toneOf(each.status), each.status)}${each.needsPerson === null ? "" : paint("bad", " needs you")}`,
          text(each.target),
          String(each.occurrences),
          since(each.lastSeen),
          text(each.title),
        ]),
      };
    case "repairs":
      return {
        heading: ["repair", "target", "remedy", "state", "for", "why"],
        rows: model.repairs.map((each) => [
          each.id,
          text(each.target),
          text(each.remedy),
          paint(toneOf(each.outcome ?? each.state), each.outcome ?? each.state),
          since(each.endedAt ?? each.startedAt ?? each.createdAt),
          text(each.why),
        ]),
      };
    default:
      return model.pane satisfies never;
  }
}

function figure(value: number | undefined, show: (value: number) => string): string {
  return value === undefined ? "" : show(value);
}

/** What a key does to the model alone; orders are given by whoever reads the keys. */
export function press(model: Model, key: string, pageRows: number): Model {
  const length = model[model.pane].length;
  const to = (row: number): Model => ({
    ...model,
    said: null,
    selected: { ...model.selected, [model.pane]: Math.max(0, Math.min(length - 1, row)) },
  });
  const at = Math.min(model.selected[model.pane], Math.max(0, length - 1));
  const pane = (next: Pane): Model => ({ ...model, pane: next, opened: null, help: false, said: null });
  switch (key) {
    case "up":
    case "k":
      return to(at - 1);
    case "down":
    case "j":
      return to(at + 1);
    case "pageup":
      return to(at - pageRows);
    case "pagedown":
      return to(at + pageRows);
    case "home":
    case "g":
      return to(0);
    case "end":
    case "G":
      return to(length - 1);
    case "tab":
    case "right":
      return pane(panes[(panes.indexOf(model.pane) + 1) % panes.length] ?? "targets");
    case "left":
      return pane(panes[(panes.indexOf(model.pane) + panes.length - 1) % panes.length] ?? "targets");
    case "1":
    case "2":
    case "3":
      return pane(panes[Number(key) - 1] ?? "targets");
    case "?":
      return { ...model, help: !model.help };
    case "escape":
      return { ...model, opened: null, help: false, said: null };
    default:
      return model;
  }
}
