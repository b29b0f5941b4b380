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
const running = await control(folder);
// Now, for who is killed at its end keeps nothing.
flushCompileCache();

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
