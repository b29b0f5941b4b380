// Entry of the control plane's process. The agent starts it and restarts it; it ends with its agent.
import { enableCompileCache, flushCompileCache } from "node:module";
import process from "node:process";
import { dataFolder } from "./folder.ts";

const named = process.argv[2];
if (named === undefined) {
  console.error("usage: control DATA-FOLDER (started by prunella up)");
  process.exit(2);
}
const folder = dataFolder(named, null);
// Compiled code is kept between starts: the control plane is back sooner. From a checkout there is a place for it already.
enableCompileCache(folder.cache);
const { control } = await import("./app.ts");
const running = await control(folder).catch(async (error: unknown) => {
  console.error(error);
  // The last line is for the person at the terminal: the agent repeats it there.
  console.error(`prunella: ${await inPlainWords(error)}`);
  process.exit(1);
});
// Now, for who is killed at its end keeps nothing.
flushCompileCache();

/** A port that is taken is what a newcomer meets first: who has it, and what to do. */
async function inPlainWords(error: unknown): Promise<string> {
  const { code, port, address, message } = error as NodeJS.ErrnoException & { port?: number; address?: string };
  if (code !== "EADDRINUSE" || port === undefined) return message.replaceAll("\n", " ");
  const [owner] = (await import("@prunella/agent")).portFacts(port).owners;
  const by = owner === undefined ? "another process" : `process ${owner.pid} (${owner.command.slice(0, 100)})`;
  return `http.port: ${address ?? ""}:${port} is taken by ${by}; end it, or choose another port: http: { port: … } in prunella.yaml, --port of prunella run; 0 takes any that is free`;
}

let stopping = false;
async function stop(code: number): Promise<void> {
  if (stopping) return;
  stopping = true;
  const late = setTimeout(() => process.exit(code), 5_000);
  late.unref();
  await running.stop().catch((error: unknown) => console.error(error));
  process.exit(code);
}
for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) process.on(signal, () => void stop(0));

// The agent is our parent. When it is gone, its successor starts a control plane of its own; two must not decide.
// It says who it is: when it died while this process was starting, the parent found here is somebody else already.
const parent = Number(process.env["PRUNELLA_AGENT_PID"] ?? process.ppid);
const watch = setInterval(() => {
  if (process.ppid !== parent) void stop(0);
}, 500);
watch.unref();
