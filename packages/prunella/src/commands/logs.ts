// `logs`: the last lines of a service's output, and those that follow.
import process from "node:process";
import { teach, text, wholeNumber, withQuery, type Cli } from "../cli.ts";

interface Line {
  readonly stream: string;
  readonly at: string;
  readonly text: string;
}

/** How often new lines are asked for while following, ms, and how many are looked at each time. */
const followEveryMs = 500;
const followLines = 1_000;

export function logCommand(cli: Cli): void {
  const { program, ask, say, paint } = cli;
  const logs = program
    .command("logs <target>")
    .description("last lines of a service's output")
    .option("-n, --lines <number>", "how many", "50")
    .option("-f, --follow", "go on as lines come, until Ctrl-C")
    .option("--contains <text>", "only lines that contain this")
    .option("--times", "with the time of each line")
    .action(async (target: string, given: { lines: string; follow?: boolean; contains?: string; times?: boolean }) => {
      const read = async (lines: number): Promise<readonly Line[]> =>
        (
          (await ask(
            "GET",
            withQuery(`/api/v1/targets/${encodeURIComponent(target)}/logs`, { lines, containing: given.contains }),
          )) as { items: readonly Line[] }
        ).items;
      const show = (line: Line): string => {
        const shown = line.stream === "err" ? paint("bad", text(line.text)) : text(line.text);
        return given.times === true ? `${paint("soft", line.at)} ${shown}` : shown;
      };
      const count = wholeNumber(given.lines, "--lines", 1, 5_000);
      let known = await read(given.follow === true ? Math.max(count, followLines) : count);
      const first = known.slice(-count);
      if (given.follow !== true) {
        say({ items: first, next: null }, () => first.map(show).join("\n"));
        return;
      }
      const print = (lines: readonly Line[]): void => {
        for (const line of lines)
          process.stdout.write(`${cli.options().json === true ? JSON.stringify(line) : show(line)}\n`);
      };
      print(first);
      const ended = new AbortController();
      for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => ended.abort());
      while (!ended.signal.aborted) {
        await rest(followEveryMs, ended.signal);
        if (ended.signal.aborted) break;
        const now = await read(followLines).catch((error: unknown) => {
          if (ended.signal.aborted) return known;
          throw error;
        });
        print(newLines(known, now));
        known = now;
      }
    });
  teach(logs, [
    ["logs api", "the last 50 lines"],
    ["logs api -f --contains ERROR", "errors as they come"],
    ["logs api -n 500 --times", "with their times"],
  ]);
}

/** Lines of `now` that follow what was known: after the longest end of `known` that `now` holds as a stretch. */
export function newLines(known: readonly Line[], now: readonly Line[]): readonly Line[] {
  if (known.length === 0) return now;
  const key = (line: Line | undefined): string => (line === undefined ? "" : `${line.stream} ${line.text}`);
  const last = key(known.at(-1));
  for (let at = now.length - 1; at >= 0; at -= 1) {
    if (key(now[at]) !== last) continue;
    const back = Math.min(at + 1, known.length, 50);
    let same = true;
    for (let step = 1; step < back && same; step += 1)
      same = key(now[at - step]) === key(known[known.length - 1 - step]);
    if (same) return now.slice(at + 1);
  }
  return now;
}

function rest(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
