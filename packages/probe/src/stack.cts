// What a blocked main thread is doing, asked from the worker. An inspector session interrupts JavaScript wherever it is
// (loops and regular expressions included) and runs one expression on top of the blocked stack. That takes about 10 ms
// and needs no debugger: `Debugger.enable` would announce every script of the application and change how it runs.
//
// A session to the main thread makes Node print "Waiting for the debugger to disconnect..." should the process exit
// meanwhile, so one is opened only while the loop is blocked, and for 300 ms at most.
import type { Session } from "node:inspector";
import type { ProfilesModule } from "./profiles.cts";
import type { Frame, StackValue } from "./wire.ts";

const fs = require("node:fs") as typeof import("node:fs");

const part = (name: string): unknown => require(`./${name}.cjs`);
const { fileOf } = part("profiles") as ProfilesModule;

const framesMax = 50;
/** A stack not given within this time: the thread is outside JavaScript. */
const answerMsMax = 300;

// Runs in the host, in an interrupt: synchronous, no regular expression (it would disturb one that is interrupted),
// and Error is left as it was. The first two frames are the expression's own.
const expression = `(() => {
  const prepare = Object.getOwnPropertyDescriptor(Error, "prepareStackTrace");
  const limit = Object.getOwnPropertyDescriptor(Error, "stackTraceLimit");
  try {
    Error.stackTraceLimit = ${framesMax + 2};
    Error.prepareStackTrace = (_, sites) => sites.slice(2).map((site) => {
      const type = site.getTypeName(), name = site.getFunctionName(), method = site.getMethodName();
      const native = site.isNative() || site.getLineNumber() === null;
      return {
        function: name === null ? "(anonymous)" : native && type !== null && method !== null ? type + "." + name : name,
        url: site.getFileName() ?? (native ? "native" : ""),
        line: site.getLineNumber() ?? 0,
        column: site.getColumnNumber() ?? 0,
      };
    });
    const holder = {};
    Error.captureStackTrace(holder);
    return JSON.stringify(holder.stack);
  } finally {
    if (prepare) Object.defineProperty(Error, "prepareStackTrace", prepare); else delete Error.prepareStackTrace;
    if (limit) Object.defineProperty(Error, "stackTraceLimit", limit); else delete Error.stackTraceLimit;
  }
})()`;

/** The main thread's stack, given that its loop has not turned for `blockedMs`. */
async function mainStack(openSession: () => Session, blockedMs: number): Promise<StackValue> {
  const frames = await evaluate(openSession);
  if (frames === undefined) return { state: "native", blockedIn: "native", blockedMs, ...kernelView() };
  // Nothing below the expression: the loop came back while we asked.
  return frames.length === 0 ? { state: "turning" } : { state: "blocked", blockedMs, frames };
}

function evaluate(openSession: () => Session): Promise<Frame[] | undefined> {
  return new Promise((resolve, reject) => {
    const session = openSession();
    const timer = setTimeout(() => {
      session.disconnect();
      resolve(undefined);
    }, answerMsMax);
    session.post("Runtime.evaluate", { expression, returnByValue: true, silent: true }, (error, answer) => {
      // After the deadline the disconnection answers with an error; the promise is settled by then.
      if (error !== null) {
        reject(new Error(error.message));
        return;
      }
      clearTimeout(timer);
      session.disconnect();
      const text: unknown = answer.result.value;
      const value: unknown = typeof text === "string" ? JSON.parse(text) : undefined;
      if (Array.isArray(value)) resolve((value as Frame[]).map((frame) => ({ ...frame, url: fileOf(frame.url) })));
      // Error is frozen or replaced in this host: the text that V8 makes by itself, its first three lines ours.
      else if (typeof value === "string")
        resolve(
          value
            .split("\n")
            .slice(3)
            .map((line) => ({ function: line.trim(), url: "", line: 0, column: 0 })),
        );
      else reject(new Error("the main thread gave no stack"));
    });
  });
}

/** What Linux says about the main thread, whose id is the process's; nulls elsewhere or where it is not allowed. */
function kernelView(): { wchan: string | null; syscall: string | null; status: Record<string, string> } {
  const read = (file: string): string | null => {
    try {
      return fs.readFileSync(`/proc/self/task/${process.pid}/${file}`, "utf8").trim();
    } catch {
      return null;
    }
  };
  const status: Record<string, string> = {};
  for (const line of (read("status") ?? "").split("\n")) {
    const [name = "", value = ""] = line.split(":");
    if (name === "State" || name.endsWith("_ctxt_switches")) status[name] = value.trim();
  }
  return { wchan: read("wchan"), syscall: read("syscall"), status };
}

export type StackModule = { readonly mainStack: typeof mainStack };
module.exports = { mainStack } satisfies StackModule;
