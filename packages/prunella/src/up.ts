// `prunella up` and `prunella run`: make the plan in a process of its own (so that the agent stays small), then become the
// agent. The agent runs the services and supervises the control plane as it does any service.
import type { Plan } from "@prunella/adapters";
import { startAgent, type Agent } from "@prunella/agent";
import { spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import type { DataFolder } from "./folder.ts";
import { buildWeb } from "./web.ts";

export interface UpOptions {
  readonly folder: DataFolder;
  /** Arguments for `prunella plan`, which prints the plan as JSON. */
  readonly planArguments: readonly string[];
  readonly quiet: boolean;
}

const here = import.meta.dirname;
/** What Node is started with for an entry: from a checkout by way of what keeps the joined sources. */
const startOf = (entry: "main" | "control"): readonly string[] =>
  path.extname(import.meta.filename) === ".ts"
    ? [path.join(here, "..", "bin", "program.mjs"), entry]
    : [path.join(here, `${entry}.js`)];
/**
 * The control plane's young generation grows to 28 MB by itself and is empty most of the time; 2 MB a half is enough. Code is laid
 * out for size, and not optimised before there is work for it (compilers.ts; docs/decisions/small-processes.md).
 */
const controlFlags = ["--max-semi-space-size=2", "--optimize-for-size", "--no-opt", "--no-maglev"];

/** Exit status 2: the configuration is bad; 1: it could not start. Resolves when the agent has stopped. */
export async function up(options: UpOptions): Promise<number> {
  const { folder } = options;
  // From the first moment: a signal without a listener would end this process and leave behind what it has started.
  let isAsked = false;
  const asked = new Promise<void>((resolve) => {
    for (const signal of ["SIGTERM", "SIGINT"] as const)
      process.on(signal, () => {
        isAsked = true;
        resolve();
      });
  });
  let agent: Agent | null = null;
  process.on("SIGHUP", () => void agent?.reload());
  mkdirSync(folder.path, { recursive: true, mode: 0o700 });
  // The probe's file is made there too: from a checkout that takes the stripper, which the agent shall not carry.
  const planArguments = ["--probe-into", folder.path, ...options.planArguments];
  const first = await makePlan(planArguments);
  if (first.plan === null) {
    process.stderr.write(first.problems);
    return 2;
  }
  if (isAsked) return 0;
  writePlan(folder, first.plan);
  const say = (line: string): void => void (options.quiet || process.stdout.write(`${line}\n`));
  const started = await startAgent({
    plan: first.plan,
    dataFolder: folder.path,
    controlCommand: [
      process.execPath,
      "--disable-warning=ExperimentalWarning",
      ...controlFlags,
      ...startOf("control"),
      folder.path,
    ],
    reload: async () => {
      const next = await makePlan(planArguments);
      if (next.plan === null) throw new Error(next.problems);
      writePlan(folder, next.plan);
      return next.plan;
    },
    onEvent: (level, event, fields) => {
      if (level === "info" && quietEvents.has(event)) return;
      if (!options.quiet || level !== "info") process.stdout.write(`${line(level, event, fields)}\n`);
    },
  });
  agent = started;
  const web = isAsked ? null : buildWeb();
  void web?.done.then((problem) => {
    if (problem !== null) say(`the web UI could not be built, the plain page answers instead: ${problem}`);
  });
  const stopped = asked.then(async () => {
    say("stopping: services first, then the control plane");
    web?.stop();
    await started.stop();
  });
  // The control plane may ask too (prunella down).
  const ended = Promise.race([started.stopped, stopped]).then(
    () => 0,
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      return 1;
    },
  );
  await announce(folder, first.plan, say, () => isAsked);
  const status = await ended;
  web?.stop();
  return status;
}

/** Told by `announce` or by the records already. */
const quietEvents = new Set(["state-saved-again"]);

function line(level: string, event: string, fields: Readonly<Record<string, unknown>>): string {
  const detail = Object.entries(fields).map(
    ([key, value]) =>
      `${key}=${typeof value === "string" && !/^[\w./:-]+$/.test(value) ? JSON.stringify(value) : String(value)}`,
  );
  return `${new Date().toISOString().slice(11, 23)} ${level === "info" ? "" : `${level} `}${event} ${detail.join(" ")}`.trimEnd();
}

/** Runs `prunella plan …` and reads what it prints. */
function makePlan(
  planArguments: readonly string[],
): Promise<{ readonly plan: Plan | null; readonly problems: string }> {
  return new Promise((resolve) => {
    const child = spawn(
      process.execPath,
      ["--disable-warning=ExperimentalWarning", ...startOf("main"), "plan", ...planArguments],
      {
        stdio: ["ignore", "pipe", "pipe"],
      },
    );
    let out = "";
    let problems = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (out += text));
    child.stderr.setEncoding("utf8").on("data", (text: string) => (problems += text));
    child.on("error", (error) => resolve({ plan: null, problems: `${error.message}\n` }));
    child.on("close", (code) =>
      resolve(code === 0 ? { plan: JSON.parse(out) as Plan, problems } : { plan: null, problems }),
    );
  });
}

function writePlan(folder: DataFolder, plan: Plan): void {
  const draft = `${folder.plan}.new`;
  writeFileSync(draft, JSON.stringify(plan), { mode: 0o600 });
  renameSync(draft, folder.plan);
}

/** Says where to look, as soon as the control plane answers (at most 15 s are waited for it, and none when it is to stop). */
async function announce(
  folder: DataFolder,
  plan: Plan,
  say: (line: string) => void,
  isAsked: () => boolean,
): Promise<void> {
  const since = Date.now();
  while (Date.now() - since < 15_000) {
    if (isAsked()) return;
    if (existsSync(folder.control) && statSync(folder.control).mtimeMs >= since - 1_000) {
      const { url } = JSON.parse(readFileSync(folder.control, "utf8")) as { url: string };
      say(`Prunella watches ${plan.targets.map((target) => target.key).join(", ")}`);
      say(`  look:    ${url}  (or: prunella status, prunella top)`);
      say(`  data:    ${folder.path}`);
      say(`  stop:    Ctrl-C`);
      return;
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  say(`the control plane has not answered yet; its log: ${path.join(folder.path, "logs", "control.log")}`);
}
