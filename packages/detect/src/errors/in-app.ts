// Whose code a frame is, when the sender does not say: the application's, or a library's and the runtime's. Also which
// frames are machinery of asynchronous code that says nothing about the failure.
import type { StackFrame } from "./event.ts";

const libraryPath =
  /(?:^|\/)(?:node_modules|site-packages|dist-packages|vendor|\.yarn|\.pnpm|bower_components|gems|pkg\/mod|\.cargo|rustc)\/|(?:^|\/)(?:usr\/)?lib(?:64)?\/(?:python|ruby|jvm|go)\b|^node:|^internal\/|^native |^<frozen |^\(?native code|\/go\/src\/(?:runtime|net|internal)\/|go\/src\/runtime\/|\/libexec\/src\/|(?:^|\/)jdk\.|^(?:chrome|moz|safari-web)-extension:|\bextensions?:\/\//i;
const libraryModule =
  /^(?:java|javax|jdk|sun|com\.sun|kotlin|kotlinx|scala|groovy|clojure|org\.(?:springframework|apache|hibernate|eclipse|jboss|junit|aspectj|mockito)|io\.(?:netty|micronaut|quarkus|vertx|grpc)|reactor|rx|okhttp3|com\.(?:google\.common|fasterxml|zaxxer))(?:\.|$)|^(?:runtime|net\/http|net|reflect|sync|testing|internal)(?:[./]|$)|^(?:asyncio|threading|concurrent|importlib|runpy|logging|unittest|multiprocessing)(?:\.|$)/;

export function isInApp(frame: StackFrame): boolean {
  if (frame.inApp !== undefined) return frame.inApp;
  const path = (frame.absPath ?? frame.filename ?? "").replaceAll("\\", "/");
  if (libraryPath.test(path)) return false;
  if (path === "" && frame.module === undefined && frame.function === undefined) return false;
  if (/^(?:<anonymous>|\[native code\]|native|unknown source)$/i.test(path)) return false;
  return frame.module === undefined || !libraryModule.test(frame.module);
}

const machinery =
  /^(?:process\.)?(?:processTicksAndRejections|runMicrotasks|_tickCallback|processImmediate|listOnTimeout|processTimers)$|^(?:__awaiter|__generator|asyncGeneratorStep|_asyncToGenerator|regeneratorRuntime\b.*|tryCatch|_next|_throw|fulfilled|rejected|step|Generator\.(?:next|throw|_invoke)|Generator\.<anonymous>)$|^Promise(?:\.(?:then|all|race|any|allSettled|catch|finally)|$)|^Promise\.all \(index \d+\)$|^(?:async\*|promise callback\*|setTimeout handler\*)$|^new Promise$/;

/** A suspension mark or a helper that compilers and runtimes put between an await and its caller. */
export function isAsyncMachinery(frame: StackFrame): boolean {
  const name = frame.function;
  if (name === undefined) return /^\[?asynchronous/i.test(frame.filename ?? "");
  if (!machinery.test(name)) return false;
  // "step" and its like are names people use too: only without a place of their own, or in a helper library.
  return (
    !/^(?:tryCatch|_next|_throw|fulfilled|rejected|step)$/.test(name) ||
    /tslib|regenerator|babel|asyncToGenerator/.test(frame.filename ?? "")
  );
}
