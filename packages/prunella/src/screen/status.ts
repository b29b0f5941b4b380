// The status as one screen: is everything all right, what is being healed, what needs me. What needs a person comes first and
// keeps its room; what is healthy is only named. Never more lines or columns than the screen has.
import type { Status, Target } from "@prunella/contract";
import { text } from "../cli.ts";
import { toneOf, type Paint } from "../colour.ts";
import { ago, cut, fit, wrap } from "./lines.ts";

export interface Screen {
  readonly columns: number;
  readonly rows: number;
}

/** Lines of a status, at most `rows`, each at most `columns` wide. */
export function statusLines(status: Status, targets: readonly Target[], screen: Screen, paint: Paint): string[] {
  const { columns } = screen;
  const tone = {
    "all-right": "good",
    healing: "wait",
    "needs-person": "bad",
    paused: "wait",
    degraded: "bad",
  } as const;
  const head = wrap(text(status.summary), columns, 3).map((line) => paint(tone[status.verdict], line));
  const now = Date.parse(status.at);
  const all: readonly Block[] = [
    {
      title: "needs you",
      lines: status.needsPerson.map(
        (issue) => `  ${paint("strong", issue.id)} ${text(issue.title)}: ${text(issue.needsPerson)}`,
      ),
      more: (count) => `  and ${count} more: prunella issues --needs-person`,
    },
    {
      title: "waits for your decision",
      lines: status.approvals.map(
        (repair) =>
          `  ${paint("strong", repair.id)} ${text(repair.target)}: ${repair.plan.map(text).join(", then ")} (prunella repairs approve ${repair.id})`,
      ),
      more: (count) => `  and ${count} more: prunella repairs --state proposed`,
    },
    {
      title: "being healed",
      lines: status.healing.map(
        (repair) =>
          `  ${paint("strong", repair.id)} ${text(repair.target)}: ${text(repair.remedy)}, ${paint(toneOf(repair.state), repair.state)}${repair.startedAt === null ? "" : ` for ${ago(now - Date.parse(repair.startedAt))}`}`,
      ),
      more: (count) => `  and ${count} more: prunella repairs`,
    },
    {
      title: "maintenance",
      lines: status.maintenance.map(
        (window) => `  ${window.id} ${text(window.target ?? "everything")} until ${window.to}: ${text(window.why)}`,
      ),
      more: (count) => `  and ${count} more: prunella maintenance`,
    },
    targetBlock(targets, paint),
  ];
  const blocks = all.filter((block) => block.lines.length > 0);
  const foot = footOf(status, targets, columns, paint);
  const room = Math.max(0, screen.rows - head.length - foot.length);
  return [...head, ...arrange(blocks, room, columns, paint), ...foot]
    .slice(0, screen.rows)
    .map((line) => cut(line, columns));
}

interface Block {
  readonly title: string;
  readonly lines: readonly string[];
  readonly more: (count: number) => string;
}

/** Every block gets its title and one line before any gets a second; in order of importance. */
function arrange(blocks: readonly Block[], room: number, columns: number, paint: Paint): string[] {
  const shown = blocks.map(() => 0);
  let left = room;
  // A block costs an empty line, its title and a line that says how many more there are.
  for (const [at, block] of blocks.entries()) {
    const cost = Math.min(3, block.lines.length + 2);
    if (left < cost) continue;
    shown[at] = 1;
    left -= cost + (block.lines.length > 1 ? 1 : 0);
  }
  for (const [at, block] of blocks.entries()) {
    if (shown[at] === 0) continue;
    while ((shown[at] ?? 0) < block.lines.length && left > 0) {
      shown[at] = (shown[at] ?? 0) + 1;
      left -= 1;
    }
    // The last one takes the place of the line that would have said "one more".
    if ((shown[at] ?? 0) === block.lines.length - 1) shown[at] = block.lines.length;
  }
  return blocks.flatMap((block, at) => {
    const count = shown[at] ?? 0;
    if (count === 0) return [];
    const hidden = block.lines.length - count;
    return [
      "",
      paint("soft", `${block.title}:`),
      ...block.lines.slice(0, count).map((line) => cut(line, columns)),
      ...(hidden > 0 ? [paint("soft", block.more(hidden))] : []),
    ];
  });
}

function targetBlock(targets: readonly Target[], paint: Paint): Block {
  const order = ["down", "needs-person", "failing", "healing", "unknown", "starting", "stopped", "healthy"];
  const width = Math.min(28, Math.max(4, ...targets.map((target) => target.key.length)));
  const lines = targets
    .filter((target) => target.kind !== "self")
    .sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state) || (a.key < b.key ? -1 : 1))
    .map((target) => {
      const pid = target.pid === null ? "" : `pid ${target.pid}`;
      const memory = target.values["rssBytes"];
      const cpu = target.values["cpuShare"];
      return `  ${fit(text(target.key), width)}  ${fit(paint(toneOf(target.state), target.state), 12)}  ${fit(pid, 11)}  ${fit(memory === undefined ? "" : `${Math.round(memory / 1e6)} MB`, 7)}  ${fit(cpu === undefined ? "" : `${Math.round(cpu * 100)} %`, 5)}  ${target.openIssues.join(" ")}`.trimEnd();
    });
  return { title: "targets", lines, more: (count) => `  and ${count} more: prunella targets` };
}

/** One line of figures, when something of it is worth saying. */
function footOf(status: Status, targets: readonly Target[], columns: number, paint: Paint): string[] {
  const { itself } = status;
  const healthy = targets.filter((target) => target.state === "healthy").length;
  const watched = targets.filter((target) => target.kind !== "self").length;
  const parts = [
    `${healthy} of ${watched} healthy`,
    `${status.openIssues} open issues`,
    ...(itself.signalsShed > 0 ? [`${itself.signalsShed} signals shed`] : []),
    ...(itself.storeFailures > 0 ? [`${itself.storeFailures} store failures`] : []),
  ];
  return ["", paint("soft", cut(parts.join(" · "), columns))];
}
