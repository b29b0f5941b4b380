// One agent per data folder. The lock is an abstract Unix socket: the kernel gives it to one process only and takes it back
// when that process ends, however it ends, so there is no stale lock to judge. Whoever finds it taken is told the pid.
import { connect, createServer, type Server } from "node:net";
import { folderHash } from "@prunella/adapters";

/** Resolves with the way to give the lock back; rejects with the pid of the agent that holds it. */
export async function lockFolder(dataFolder: string): Promise<() => void> {
  const address = `\0prunella-agent-${folderHash(dataFolder)}`;
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.end(String(process.pid));
  });
  try {
    await listen(server, address);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    const holder = await askHolder(address);
    throw new Error(
      `an agent is already running on ${dataFolder} (process ${holder}): stop it first, or choose another --data folder`,
      { cause: error },
    );
  }
  server.unref();
  return () => server.close();
}

function listen(server: Server, address: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(address, () => {
      server.removeListener("error", reject);
      resolve();
    });
  });
}

function askHolder(address: string): Promise<string> {
  return new Promise((resolve) => {
    let said = "";
    const socket = connect(address);
    socket.setTimeout(1_000, () => socket.destroy());
    socket.on("data", (chunk) => (said += chunk.toString("latin1", 0, 20)));
    socket.on("error", () => {});
    socket.on("close", () => resolve(/^\d+$/.test(said) ? said : "unknown"));
  });
}
