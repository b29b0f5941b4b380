// Actions that run in a process of their own, so that neither a slow database nor a faulty plugin can hold up or bring down the
// agent: sql and plugin. The order goes in as one line of JSON, the outcome comes back as the last line of the output.
import path from "node:path";
import { redact, runCommand, secretValues } from "@prunella/adapters";
import type { Action, StepOutcome } from "@prunella/core";
import { failed, succeeded, unknown } from "./outcome.ts";

const extension = path.extname(import.meta.filename);
const runner = (name: string): string => path.join(import.meta.dirname, `${name}${extension}`);

/** Written by the runners on their last line. */
export interface Answer {
  readonly ok: boolean;
  readonly detail: string;
  /** Nothing has happened yet when it failed. */
  readonly before: boolean;
}

export function sql(
  action: Extract<Action, { type: "sql" }>,
  cwd: string,
  timeoutMs: number,
  environment: NodeJS.ProcessEnv,
): Promise<StepOutcome> {
  const name = /^\$([A-Za-z_]\w*)$/.exec(action.database)?.[1];
  const database = name === undefined ? action.database : environment[name];
  if (database === undefined || database === "")
    return Promise.resolve(failed(`${action.database} is not set in the agent's or the service's environment`, "none"));
  return apart("sql-runner", { database, statement: action.statement, values: action.values, cwd }, cwd, timeoutMs, {
    ...environment,
  });
}

export function plugin(
  action: Extract<Action, { type: "plugin" }>,
  of: { readonly target: string; readonly plugins: readonly string[]; readonly cwd: string },
  timeoutMs: number,
): Promise<StepOutcome> {
  if (of.plugins.length === 0)
    return Promise.resolve(failed(`no plugin is configured, so nobody knows ${action.name}`, "none"));
  const order = { plugins: of.plugins, name: action.name, arguments: action.arguments, target: of.target };
  return apart("plugin-runner", order, of.cwd, timeoutMs, process.env);
}

async function apart(
  name: "sql-runner" | "plugin-runner",
  order: unknown,
  cwd: string,
  timeoutMs: number,
  environment: NodeJS.ProcessEnv,
): Promise<StepOutcome> {
  const done = await runCommand({
    argv: [process.execPath, "--disable-warning=ExperimentalWarning", runner(name)],
    cwd,
    env: { ...environment, NODE_OPTIONS: "", PRUNELLA_ORDER: JSON.stringify(order) },
    timeoutMs: Math.max(1, timeoutMs - 200),
    outputBytesMax: 64_000,
  });
  const clean = (text: string): string => redact(text, secretValues(environment)).slice(0, 4_000);
  if (done.startError !== null) return failed(`cannot be started: ${done.startError}`, "none");
  if (done.timedOut) return unknown(`killed: not done within ${timeoutMs} ms`);
  const answer = answerIn(done.output);
  if (answer === null) return unknown(clean(`it ended with ${done.signal ?? done.code} and no answer\n${done.output}`));
  return answer.ok ? succeeded(clean(answer.detail)) : failed(clean(answer.detail), answer.before ? "none" : "some");
}

function answerIn(output: string): Answer | null {
  const line = output.trimEnd().split("\n").at(-1) ?? "";
  if (!line.startsWith("prunella-answer ")) return null;
  try {
    return JSON.parse(line.slice("prunella-answer ".length)) as Answer;
  } catch {
    return null;
  }
}
