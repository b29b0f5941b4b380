// Sees uncaught exceptions, unhandled rejections and warnings without becoming their handler: what Node prints, and
// whether and how the process dies, stays as it is.
import type { ErrorDescription, ErrorReport } from "./wire.ts";

const messageMax = 2_000;
const stackMax = 8_000;
const causesMax = 5;
const contextFieldsMax = 50;
/** Where the resilience library's `errorContext` keeps what a request was about. */
const contextKey = Symbol.for("prunella.context");
/** Reports an interval; an application that throws in a loop is told from one that throws once all the same. */
const reportsMax = 20;

interface ErrorWatch {
  /** Begins a new interval of at most `reportsMax` reports. */
  collect(): void;
  stop(): void;
}

function watchErrors(report: (error: ErrorReport) => void): ErrorWatch {
  let reports = 0;
  function see(origin: ErrorReport["origin"], error: unknown, fatal: boolean): void {
    try {
      if (!fatal && reports >= reportsMax) return;
      reports += 1;
      report({ type: "error", at: Date.now(), origin, fatal, error: describe(error) });
    } catch {
      // A thrown value may be anything, such as a proxy that throws when looked at.
    }
  }

  const onException = (error: unknown, origin: string): void => {
    const handled = process.listenerCount("uncaughtException") > 0 || process.hasUncaughtExceptionCaptureCallback();
    see(origin === "unhandledRejection" ? origin : "uncaughtException", error, !handled);
  };
  const onWarning = (warning: Error): void => see("warning", warning, false);
  const onRejection = (reason: unknown): void => see("unhandledRejection", reason, false);

  // A listener of ours would make every rejection "handled". So ours is there only while the host has one of its own.
  let listening = false;
  const onNewListener = (event: string | symbol): void => {
    if (event !== "unhandledRejection" || listening) return;
    listening = true;
    process.on("unhandledRejection", onRejection);
  };
  const onRemoveListener = (event: string | symbol): void => {
    if (event !== "unhandledRejection" || !listening) return;
    const listeners = process.listeners("unhandledRejection");
    if (listeners.some((listener) => listener !== onRejection)) return;
    listening = false;
    process.removeListener("unhandledRejection", onRejection);
  };

  process.on("uncaughtExceptionMonitor", onException);
  process.on("warning", onWarning);
  process.on("newListener", onNewListener);
  process.on("removeListener", onRemoveListener);
  return {
    collect() {
      reports = 0;
    },
    stop() {
      process.removeListener("removeListener", onRemoveListener);
      process.removeListener("newListener", onNewListener);
      process.removeListener("warning", onWarning);
      process.removeListener("uncaughtExceptionMonitor", onException);
      process.removeListener("unhandledRejection", onRejection);
    },
  };
}

/** An error, or whatever was thrown instead of one, as plain data. */
function describe(error: unknown): ErrorDescription {
  const causes: Omit<ErrorDescription, "causes" | "context">[] = [];
  let cause = causeOf(error);
  while (cause !== undefined && cause !== null && causes.length < causesMax) {
    causes.push(describeOne(cause));
    cause = causeOf(cause);
  }
  const context = contextOf(error);
  return { ...describeOne(error), causes, ...(context === undefined ? {} : { context }) };
}

/** The context that the error, or the nearest of its causes, carries: flat fields only. */
function contextOf(error: unknown): ErrorDescription["context"] {
  let each = error;
  for (let depth = 0; depth <= causesMax && typeof each === "object" && each !== null; depth += 1) {
    const found = (each as { [contextKey]?: unknown })[contextKey];
    if (typeof found === "object" && found !== null) {
      const kept: Record<string, string | number | boolean> = {};
      for (const [name, value] of Object.entries(found).slice(0, contextFieldsMax)) {
        if (typeof value === "string") kept[cut(name, 100)] = cut(value, 500);
        else if (typeof value === "number" || typeof value === "boolean") kept[cut(name, 100)] = value;
      }
      return kept;
    }
    each = causeOf(each);
  }
  return undefined;
}

function causeOf(error: unknown): unknown {
  return typeof error === "object" && error !== null ? (error as { cause?: unknown }).cause : undefined;
}

function describeOne(error: unknown): Omit<ErrorDescription, "causes" | "context"> {
  if (typeof error !== "object" || error === null)
    return { name: typeof error, message: cut(String(error), messageMax), code: null, stack: null };
  const { name, message, code, stack } = error as {
    name?: unknown;
    message?: unknown;
    code?: unknown;
    stack?: unknown;
  };
  return {
    name: typeof name === "string" ? cut(name, 200) : "Object",
    message: cut(typeof message === "string" ? message : Object.prototype.toString.call(error), messageMax),
    code: typeof code === "string" || typeof code === "number" ? cut(String(code), 200) : null,
    stack: typeof stack === "string" ? cut(stack, stackMax) : null,
  };
}

function cut(text: string, lengthMax: number): string {
  return text.length <= lengthMax ? text : `${text.slice(0, lengthMax)}…`;
}

export type ErrorsModule = { readonly watchErrors: typeof watchErrors; readonly describe: typeof describe };
module.exports = { watchErrors, describe } satisfies ErrorsModule;
