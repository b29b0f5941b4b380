// The way into a Node service that runs: its inspector, opened by a signal on a loopback port, used for one call and closed
// again. It changes the running program, so it is for drills only, and it makes sure that it talks to the process it means.
import process from "node:process";
import { InjectionRefused } from "./injector.ts";

/** Where Node listens when SIGUSR1 opens its inspector. */
const inspectorPort = 9229;
const openMsMax = 5_000;
const answerMsMax = 10_000;

/** Runs an expression in a process's main thread and returns its value. Throws InjectionRefused when it cannot be reached. */
export async function evaluate(pid: number, expression: string): Promise<unknown> {
  const socket = await open(pid);
  try {
    const owner = await call(socket, "process.pid");
    if (owner !== pid)
      throw new InjectionRefused(
        `the inspector on port ${inspectorPort} belongs to process ${String(owner)}, not to ${pid}; close that one first`,
      );
    return await call(socket, expression);
  } finally {
    // Closed in a later turn, so that this answer still leaves.
    await call(socket, "setTimeout(() => process.getBuiltinModule('node:inspector').close(), 50).unref(), true").catch(
      () => undefined,
    );
    socket.close();
    // Whoever asks next must not meet the one that is closing.
    for (let looks = 0; looks < 50 && (await debuggerUrl()) !== null; looks += 1)
      await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

async function open(pid: number): Promise<WebSocket> {
  const until = Date.now() + openMsMax;
  let signalled = false;
  while (Date.now() < until) {
    const address = await debuggerUrl();
    if (address !== null) return connected(address);
    if (!signalled) process.kill(pid, "SIGUSR1");
    signalled = true;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new InjectionRefused(
    `process ${pid} opened no inspector on port ${inspectorPort}; this fault needs a Node service that allows it`,
  );
}

async function debuggerUrl(): Promise<string | null> {
  try {
    const response = await fetch(`http://127.0.0.1:${inspectorPort}/json/list`, { signal: AbortSignal.timeout(1_000) });
    const [first] = (await response.json()) as { readonly webSocketDebuggerUrl?: string }[];
    return first?.webSocketDebuggerUrl ?? null;
  } catch {
    return null;
  }
}

function connected(address: string): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(address);
    socket.addEventListener("open", () => resolve(socket));
    socket.addEventListener("error", () => reject(new InjectionRefused(`the inspector at ${address} refused`)));
  });
}

let lastId = 0;
function call(socket: WebSocket, expression: string): Promise<unknown> {
  const id = (lastId += 1);
  return new Promise((resolve, reject) => {
    const late = setTimeout(
      () => reject(new InjectionRefused("the process does not answer its inspector")),
      answerMsMax,
    );
    const onMessage = ({ data }: MessageEvent): void => {
      const answer = JSON.parse(String(data)) as {
        readonly id?: number;
        readonly result?: {
          readonly result?: { readonly value?: unknown };
          readonly exceptionDetails?: { readonly exception?: { readonly description?: string } };
        };
      };
      if (answer.id !== id) return;
      clearTimeout(late);
      socket.removeEventListener("message", onMessage);
      const thrown = answer.result?.exceptionDetails;
      if (thrown !== undefined) reject(new InjectionRefused(thrown.exception?.description ?? "it threw"));
      else resolve(answer.result?.result?.value);
    };
    socket.addEventListener("message", onMessage);
    socket.send(
      JSON.stringify({
        id,
        method: "Runtime.evaluate",
        params: { expression, returnByValue: true, awaitPromise: true },
      }),
    );
  });
}

/** True when the process is Node: only then does SIGUSR1 do no harm. */
export function isNode(executable: string): boolean {
  return /(^|\/)node(js)?$/.test(executable);
}
