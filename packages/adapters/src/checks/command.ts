// Runs a program without a shell, bounded in time and output; its whole process group is killed at the limit. Used by the
// command check (exit status 0 is good) and by the agent's exec action.
import { spawn } from "node:child_process";
import { result, type CheckResult, type How } from "./result.ts";

export interface CommandOutcome {
  /** Null when it could not be started or was killed. */
  readonly code: number | null;
  readonly signal: string | null;
  /** stdout and stderr as they came, the first `outputBytesMax` bytes. */
  readonly output: string;
  readonly truncated: boolean;
  readonly timedOut: boolean;
  /** Why it could not be started; nothing has happened then. */
  readonly startError: string | null;
}

export interface CommandOptions {
  readonly argv: readonly string[];
  readonly cwd: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly timeoutMs: number;
  /** Output kept in bytes; the rest is read and dropped. Default 16,384. */
  readonly outputBytesMax?: number;
}

export function runCommand(options: CommandOptions): Promise<CommandOutcome> {
  const bytesMax = options.outputBytesMax ?? 16_384;
  const [program = "", ...args] = options.argv;
  return new Promise((resolve) => {
    const chunks: Buffer[] = [];
    let held = 0;
    let truncated = false;
    let timedOut = false;
    const outcome = (code: number | null, signal: string | null, startError: string | null): CommandOutcome => ({
      code,
      signal,
      output: Buffer.concat(chunks).toString(),
      truncated,
      timedOut,
      startError,
    });
    let child;
    try {
      child = spawn(program, args, {
        cwd: options.cwd,
        env: options.env ?? process.env,
        detached: true,
        stdio: ["ignore", "pipe", "pipe"],
      });
    } catch (error) {
      resolve(outcome(null, null, error instanceof Error ? error.message : String(error)));
      return;
    }
    const started = child;
    const killGroup = (): void => {
      try {
        if (started.pid !== undefined) process.kill(-started.pid, "SIGKILL");
      } catch {
        // The group is gone already.
      }
    };
    const finish = (code: number | null, signal: string | null, startError: string | null): void => {
      clearTimeout(timer);
      // What the program left behind in its group ends with it, and holds no pipe of ours open.
      killGroup();
      started.stdout.destroy();
      started.stderr.destroy();
      resolve(outcome(code, signal, startError));
    };
    const timer = setTimeout(() => {
      timedOut = true;
      killGroup();
    }, options.timeoutMs);
    const take = (chunk: Buffer): void => {
      const kept = chunk.subarray(0, bytesMax - held);
      truncated ||= kept.length < chunk.length;
      held += kept.length;
      if (kept.length > 0) chunks.push(kept);
    };
    started.stdout.on("data", take);
    started.stderr.on("data", take);
    started.once("error", (error) => {
      if (started.pid === undefined) finish(null, null, error.message);
    });
    // "exit" may come before the last output was read, "close" never comes while a stray child holds the pipe.
    started.once("exit", (code, signal) => {
      const late = setTimeout(() => finish(code, signal, null), 100);
      started.once("close", () => {
        clearTimeout(late);
        finish(code, signal, null);
      });
    });
  });
}

export async function commandCheck(how: How<"command">, timeoutMs: number): Promise<CheckResult> {
  const startedAt = performance.now();
  const done = await runCommand({ argv: how.argv, cwd: how.cwd, timeoutMs, outputBytesMax: 4_096 });
  const said = done.output.trim() === "" ? "" : `: ${done.output}`;
  if (done.startError !== null) return result(false, startedAt, `cannot be started: ${done.startError}`);
  if (done.timedOut) return result(false, startedAt, `not done within ${Math.round(timeoutMs)} ms, killed${said}`);
  if (done.signal !== null) return result(false, startedAt, `ended by ${done.signal}${said}`);
  return result(done.code === 0, startedAt, `exit status ${done.code}${said}`);
}
