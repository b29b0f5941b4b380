// A PostgreSQL of its own for the tests: a fresh cluster in a scratch folder, reached by a Unix socket, gone afterwards.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";

export interface Cluster {
  /** For `new pg.Client(…)`. */
  readonly connection: { readonly host: string; readonly user: string; readonly database: string };
  stop(): Promise<void>;
}

const debian = "/usr/lib/postgresql";

/** The folder of the newest server installed, or why there is none. */
export function postgresBin(): { readonly bin: string } | { readonly missing: string } {
  const versions = existsSync(debian) ? readdirSync(debian).toSorted((a, b) => Number(b) - Number(a)) : [];
  const bin = versions.map((version) => path.join(debian, version, "bin")).find((each) => existsSync(`${each}/initdb`));
  return bin === undefined ? { missing: `no PostgreSQL server in ${debian} (apt-get install postgresql)` } : { bin };
}

export async function startCluster(bin: string): Promise<Cluster> {
  const folder = mkdtempSync(path.join(os.tmpdir(), "prunella-pg-"));
  // The server refuses to run as root.
  const owner = process.getuid?.() === 0 ? ownerOtherThanRoot() : undefined;
  if (owner !== undefined) chownSync(folder, owner.uid, owner.gid);
  const data = path.join(folder, "data");
  const quiet = { ...owner, cwd: folder, stdio: "ignore" as const };
  execFileSync(path.join(bin, "initdb"), ["-D", data, "-U", "tester", "-A", "trust", "-N", "-E", "UTF8"], quiet);
  const settings = ["listen_addresses=", `unix_socket_directories=${folder}`, "deadlock_timeout=50ms", "fsync=off"];
  const server = spawn(
    path.join(bin, "postgres"),
    ["-D", data, ...settings.flatMap((setting) => ["-c", setting])],
    quiet,
  );
  const connection = { host: folder, user: "tester", database: "postgres" };
  const stop = async (): Promise<void> => {
    const ended = over(server);
    server.kill("SIGINT");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await ready(bin, folder, server);
  } catch (error) {
    await stop();
    throw error;
  }
  return { connection, stop };
}

function ownerOtherThanRoot(): { uid: number; gid: number } {
  const id = (flag: string): number => Number(execFileSync("id", [flag, "nobody"], { encoding: "utf8" }));
  return { uid: id("-u"), gid: id("-g") };
}

function over(server: ChildProcess): Promise<void> {
  if (server.exitCode !== null || server.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => server.once("exit", () => resolve()));
}

async function ready(bin: string, folder: string, server: ChildProcess): Promise<void> {
  for (let turn = 0; turn < 300; turn += 1) {
    if (server.exitCode !== null) throw new Error(`postgres ended with ${server.exitCode} while starting`);
    try {
      execFileSync(path.join(bin, "pg_isready"), ["-h", folder, "-t", "1"], { stdio: "ignore" });
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
  throw new Error("postgres did not accept connections within 30 s");
}
