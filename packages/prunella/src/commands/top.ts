// `top`: the status, live. Owns the terminal while it runs (alternate screen, raw keys) and gives it back whatever ends it.
import type { Incident, Issue, Repair, Status, Target } from "@prunella/contract";
import process from "node:process";
import { emitKeypressEvents } from "node:readline";
import { teach, text, UsageError, wholeNumber, withQuery, type Cli } from "../cli.ts";
import { paintFor } from "../colour.ts";
import { emptyModel, frame, press, type Model } from "../screen/top.ts";
import { seconds } from "./records.ts";

/** Rows fetched of each list. */
const rowsMax = 200;

export function topCommand(cli: Cli): void {
  teach(
    cli.program
      .command("top")
      .description("targets, issues and repairs, live; keys: ? in the view")
      .option("--every <ms>", "how often it looks", "1000")
      .action(async (given: { every: string }) => top(cli, wholeNumber(given.every, "--every", 200, 60_000))),
    [
      ["top", "live, until q"],
      ["top --every 5000", "every five seconds"],
    ],
  );
}

async function top(cli: Cli, everyMs: number): Promise<void> {
  const { stdin, stdout } = process;
  if (!stdout.isTTY || !stdin.isTTY)
    throw new UsageError("top needs a terminal; prunella status and --json are for everything else");
  const { ask } = cli;
  // Fails at once, and in words, when nothing runs.
  cli.connection();
  const paint = paintFor(
    () => cli.options().color,
    () => stdout,
  );
  let model: Model = emptyModel;
  let order: (() => Promise<string>) | null = null;
  let drawn: string[] = [];
  let looking = false;

  function draw(): void {
    const columns = Math.max(1, stdout.columns);
    const lines = frame(model, { columns, rows: Math.max(1, stdout.rows) }, paint);
    // Only lines that changed are written, so that a slow connection keeps up and nothing flickers.
    let out = "";
    lines.forEach((line, at) => {
      if (drawn[at] !== line) out += `\u001b[${at + 1};1H${line}\u001b[0m`;
    });
    drawn = lines;
    if (out !== "") stdout.write(out);
  }
  function redraw(): void {
    drawn = [];
    stdout.write("\u001b[2J");
    draw();
  }

  async function look(): Promise<void> {
    if (looking) return;
    looking = true;
    try {
      const [status, targets, issues, repairs] = await Promise.all([
        ask("GET", "/api/v1/status"),
        ask("GET", `/api/v1/targets?limit=500`),
        ask("GET", withQuery("/api/v1/issues", { status: ["pending", "in-progress"], limit: rowsMax })),
        ask("GET", `/api/v1/repairs?limit=${rowsMax}`),
      ]);
      model = {
        ...model,
        status: status as Status,
        targets: byNeed((targets as { items: Target[] }).items),
        issues: (issues as { items: Issue[] }).items.filter((issue) => issue.origin === "found"),
        repairs: (repairs as { items: Repair[] }).items,
        trouble: null,
      };
    } catch (error) {
      model = { ...model, trouble: error instanceof Error ? error.message : String(error) };
    } finally {
      looking = false;
    }
    draw();
  }

  function askBack(question: string, url: string, body: Readonly<Record<string, unknown>>): void {
    order = async () => ((await ask("POST", url, body)) as { message: string }).message;
    model = { ...model, asks: question, said: null };
  }

  async function answer(yes: boolean): Promise<void> {
    const wanted = order;
    order = null;
    model = { ...model, asks: null, said: yes ? "…" : "left as it is" };
    draw();
    if (!yes || wanted === null) return;
    const said = await wanted().catch((error: unknown) => (error instanceof Error ? error.message : String(error)));
    model = { ...model, said };
    await look();
  }

  async function open(): Promise<void> {
    const at = model.selected[model.pane];
    const row = model[model.pane][at];
    if (row === undefined) return;
    const lines = await details(cli, model, at).catch((error: unknown) => [String(error)]);
    model = { ...model, opened: lines };
    draw();
  }

  function command(key: string): boolean {
    const at = model.selected[model.pane];
    if (key === "p") {
      if (model.status?.paused != null) askBack("resume all repairs?", "/api/v1/resume", {});
      else askBack("pause all new repairs?", "/api/v1/pause", { why: "from top" });
      return true;
    }
    if (key === "r" && model.pane === "targets") {
      const target = model.targets[at];
      if (target === undefined) return true;
      const url = `/api/v1/targets/${encodeURIComponent(target.key)}/actions`;
      askBack(`restart ${target.key}?`, url, { action: "restart", why: "from top" });
      return true;
    }
    if ((key === "a" || key === "x") && model.pane === "repairs") {
      const repair = model.repairs[at];
      if (repair?.state !== "proposed") model = { ...model, said: "only a proposed repair can be approved or refused" };
      else {
        const verb = key === "a" ? "approve" : "refuse";
        askBack(
          `${verb} ${repair.id}: ${repair.plan.map(text).join(", then ")} on ${text(repair.target)}?`,
          `/api/v1/repairs/${repair.id}/${verb}`,
          {},
        );
      }
      return true;
    }
    return false;
  }

  let quit: () => void = () => undefined;
  const ended = new Promise<void>((resolve) => (quit = resolve));
  function onKey(character: string | undefined, key: { name?: string; ctrl?: boolean; shift?: boolean } = {}): void {
    if (key.ctrl === true && (key.name === "c" || key.name === "d")) return quit();
    if (key.ctrl === true && key.name === "l") return redraw();
    const name = character !== undefined && /^[ -~]$/.test(character) ? character : (key.name ?? "");
    if (model.asks !== null) {
      if (name === "y" || name === "n" || name === "escape") void answer(name === "y");
      return;
    }
    if (name === "q") return quit();
    if (name === "return" || name === "enter") return void open();
    if (!command(name)) model = press(model, name, Math.max(1, stdout.rows - 6));
    draw();
  }

  const enter = (): void => void stdout.write("\u001b[?1049h\u001b[?25l\u001b[?7l\u001b[2J");
  const leave = (): void => {
    if (stdin.isTTY) stdin.setRawMode(false);
    stdout.write("\u001b[?7h\u001b[?25h\u001b[?1049l");
  };
  const stop = (): void => quit();
  const suspended = (): void => {
    stdin.setRawMode(true);
    enter();
    redraw();
  };
  emitKeypressEvents(stdin);
  stdin.setRawMode(true);
  stdin.resume();
  process.once("exit", leave);
  enter();
  stdin.on("keypress", onKey);
  stdout.on("resize", redraw);
  for (const signal of ["SIGTERM", "SIGHUP", "SIGINT"] as const) process.on(signal, stop);
  process.on("SIGCONT", suspended);
  const timer = setInterval(() => void look(), everyMs);
  try {
    await look();
    await ended;
  } finally {
    clearInterval(timer);
    stdin.off("keypress", onKey);
    stdout.off("resize", redraw);
    for (const signal of ["SIGTERM", "SIGHUP", "SIGINT"] as const) process.off(signal, stop);
    process.off("SIGCONT", suspended);
    process.off("exit", leave);
    leave();
    stdin.pause();
  }
}

/** What asks for attention first, then by name. */
function byNeed(targets: readonly Target[]): Target[] {
  const order = ["down", "needs-person", "failing", "healing", "unknown", "starting", "stopped", "healthy"];
  return targets
    .filter((target) => target.kind !== "self")
    .sort((a, b) => order.indexOf(a.state) - order.indexOf(b.state) || (a.key < b.key ? -1 : 1));
}

async function details({ ask }: Cli, model: Model, at: number): Promise<string[]> {
  switch (model.pane) {
    case "targets": {
      const target = model.targets[at];
      if (target === undefined) return [];
      return [
        `${target.key}: ${target.state} since ${target.stateSince ?? "?"}`,
        ...(target.dependsOn.length === 0 ? [] : [`needs ${target.dependsOn.join(", ")}`]),
        ...target.checks.map(
          (check) =>
            `check ${check.name} (${check.role}): ${check.state}, ${check.latencyMs ?? "?"} ms ${check.message}`,
        ),
        "",
        ...Object.entries(target.values).map(([name, value]) => `${name}: ${Number(value.toFixed(3))}`),
      ];
    }
    case "issues": {
      const issue = model.issues[at];
      if (issue === undefined) return [];
      const { items } = (await ask("GET", `/api/v1/issues/${issue.id}/incidents?limit=10`)) as { items: Incident[] };
      return [
        `${issue.id} ${issue.title}`,
        `${issue.severity}, ${issue.status}${issue.regressed ? ", came back" : ""}; seen ${issue.occurrences} times, last ${issue.lastSeen}`,
        ...(issue.needsPerson === null ? [] : [`needs you: ${issue.needsPerson}`]),
        `root cause: ${issue.rootCause ?? "not known"}`,
        `solution: ${issue.solution ?? "none"}`,
        "",
        ...items.map(
          (incident) =>
            `${incident.id} ${incident.detectedAt} ${incident.outcome ?? incident.state}${incident.repairMs === null ? "" : ` after ${seconds(incident.repairMs)}`}`,
        ),
      ];
    }
    case "repairs": {
      const repair = model.repairs[at];
      if (repair === undefined) return [];
      return [
        `${repair.id} ${repair.remedy} on ${repair.target}: ${repair.outcome ?? repair.state}`,
        `why: ${repair.why}`,
        `approved by: ${repair.approvedBy ?? "nobody yet"}`,
        "",
        ...(repair.steps.length === 0
          ? repair.plan.map((step, number) => `${number + 1}. ${step}`)
          : repair.steps.map(
              (step, number) => `${number + 1}. ${step.action}: ${step.outcome ?? "under way"} ${step.detail ?? ""}`,
            )),
      ];
    }
    default:
      return model.pane satisfies never;
  }
}
