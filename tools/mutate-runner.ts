// The half of the mutator that watches the process in which tests run (mutate-run.ts): starts it anew when it is used up, and
// ends it when a mutant has made something endless.
import { fork, type ChildProcess } from "node:child_process";
import { readFileSync } from "node:fs";
import path from "node:path";

/** A run of tests is given up after this much more CPU time than unchanged; the mutant counts as noticed. */
const endlessMsMin = 3000;
const endlessTimes = 5;
/** Mutants that one process runs: each leaves its modules behind. */
const servedMax = 50;

/** Runs the tests of one file with one text after another in its place. */
export class Runner {
  readonly #args: readonly string[];
  #child: ChildProcess | undefined = undefined;
  #served = 0;
  /** CPU time in ms after which a run is given up: it has become endless. By CPU, so that a busy machine changes no verdict. */
  #cpuMsMax = 60_000;

  constructor(copy: string, file: string, tests: readonly string[]) {
    this.#args = [copy, file, ...tests];
  }

  /** Whether the tests pass with the file as it is; sets the measure for what is endless. */
  async passesUnchanged(text: string): Promise<boolean> {
    const passed = await this.passes(text);
    this.#cpuMsMax = endlessMsMin + endlessTimes * cpuMs(this.#child?.pid);
    return passed;
  }

  async passes(text: string): Promise<boolean> {
    if (this.#served === servedMax) this.close();
    this.#served += 1;
    const child = (this.#child ??= fork(path.join(import.meta.dirname, "mutate-run.ts"), this.#args, {
      stdio: "ignore",
      execArgv: ["--disable-warning=ExperimentalWarning"],
    }));
    const before = cpuMs(child.pid);
    return new Promise((resolve) => {
      const watch = setInterval(() => cpuMs(child.pid) - before > this.#cpuMsMax && child.kill("SIGKILL"), 200);
      const end = (passed: boolean): void => {
        clearInterval(watch);
        child.removeAllListeners();
        resolve(passed);
      };
      child.once("message", (passed) => end(passed === true));
      child.once("exit", () => {
        this.close();
        end(false);
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
