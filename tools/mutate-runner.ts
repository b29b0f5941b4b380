// The half of the mutator that watches the process in which tests run (mutate-run.ts): starts it anew when it is used up, and
// ends it when a mutant has made something endless.
import { fork, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";

/** A run of tests is given up after this much CPU time more than unchanged; the mutant counts as noticed. */
const endlessMsMin = 300;
const endlessTimes = 5;
/** Mutants that one process runs: each leaves its modules behind. */
const servedMax = 100;

/** Runs the tests of one file with one text after another in its place. */
export class Runner {
  readonly #args: readonly string[];
  readonly #unchanged: string;
  #child: ChildProcess | undefined = undefined;
  #served = 0;
  /** CPU time in ms after which a run has become endless. By CPU, so that a busy machine changes no verdict. */
  #cpuMsMax = Infinity;

  constructor(copy: string, file: string, unchanged: string, tests: readonly string[]) {
    this.#args = [copy, file, ...tests];
    this.#unchanged = unchanged;
  }

  /** What fails with the file as it is, if anything; sets the measure for what is endless. */
  async failureUnchanged(): Promise<string | undefined> {
    const child = await this.#started();
    const before = cpuMs(child.pid);
    const failure = await this.failure(this.#unchanged);
    this.#cpuMsMax = endlessMsMin + endlessTimes * (cpuMs(child.pid) - before);
    return failure;
  }

  /** What the tests say against this text; undefined when they pass. */
  async failure(text: string): Promise<string | undefined> {
    if (this.#served === servedMax) this.close();
    this.#served += 1;
    const child = await this.#started();
    const endsAt = cpuMs(child.pid) + this.#cpuMsMax;
    const watch = setInterval(() => cpuMs(child.pid) > endsAt && child.kill("SIGKILL"), 200);
    const failure = await this.#ask(child, text);
    clearInterval(watch);
    return failure;
  }

  /** The process; a new one has run the unchanged tests once, which loads and compiles what stays. */
  async #started(): Promise<ChildProcess> {
    if (this.#child !== undefined) return this.#child;
    const child = fork(path.join(import.meta.dirname, "mutate-run.ts"), this.#args, {
      stdio: "ignore",
      execArgv: ["--disable-warning=ExperimentalWarning"],
    });
    this.#child = child;
    await this.#ask(child, this.#unchanged);
    return child;
  }

  #ask(child: ChildProcess, text: string): Promise<string | undefined> {
    return new Promise((resolve) => {
      const end = (failure: string | undefined): void => {
        child.removeAllListeners();
        resolve(failure);
      };
      child.once("message", ({ failure }: { failure?: string }) => end(failure));
      child.once("exit", (code, signal) => {
        this.close();
        end(`ended by ${signal ?? code}`);
      });
      child.send(text);
    });
  }

  close(): void {
    this.#child?.kill("SIGKILL");
    this.#child = undefined;
    this.#served = 0;
  }
}

/** CPU time that a process has used, in ms; where /proc is not, the time on the wall, which is more. */
function cpuMs(pid: number | undefined): number {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
    return 10 * (Number(fields[11]) + Number(fields[12]));
  } catch {
    return performance.now();
  }
}
