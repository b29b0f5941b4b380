// Where the sockets of one data folder are. Unix socket addresses hold 107 bytes, so a deep data folder keeps its sockets
// in a short folder of the system's temporary directory, named after a hash of the data folder.
import { chmodSync, lstatSync, mkdirSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";

/** Longest socket address in bytes that Linux accepts, less the ending zero. */
const addressBytesMax = 107;

/** Short, stable name of a data folder (64-bit FNV-1a of its absolute path, in hexadecimal): also marks its processes. */
export function folderHash(dataFolder: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of Buffer.from(path.resolve(dataFolder))) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return hash.toString(16).padStart(16, "0");
}

/** Address of the socket at which the agent of `dataFolder` speaks to the control plane. Touches nothing. */
export function agentSocketPath(dataFolder: string): string {
  return path.join(socketFolder(dataFolder), "agent.sock");
}

/** Address of the socket at which probes report to the agent of `dataFolder`. Touches nothing. */
export function probeSocketPath(dataFolder: string): string {
  return path.join(socketFolder(dataFolder), "probe.sock");
}

/** Makes the folder of the sockets, open to its owner only. Throws when somebody else owns it. */
export function makeSocketFolder(dataFolder: string): void {
  const folder = socketFolder(dataFolder);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const facts = lstatSync(folder);
  if (!facts.isDirectory() || facts.uid !== process.getuid?.())
    throw new Error(
      `${folder} must be a folder of the user who runs Prunella: remove it or choose another --data folder`,
    );
  if (folder !== path.resolve(dataFolder)) chmodSync(folder, 0o700);
}

function socketFolder(dataFolder: string): string {
  const folder = path.resolve(dataFolder);
  if (Buffer.byteLength(path.join(folder, "agent.sock")) <= addressBytesMax) return folder;
  return path.join(tmpdir(), `prunella-${process.getuid?.() ?? 0}-${folderHash(dataFolder)}`);
}
