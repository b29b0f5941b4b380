// A PostgreSQL of the drill's own, where one is installed: a cluster in a folder, one server, reached over its socket with
// the simple query protocol. No client library: five kinds of messages are all that is needed.
import { execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, readdirSync } from "node:fs";
import { connect, type Socket } from "node:net";
import path from "node:path";
import process from "node:process";
import { sleep } from "./kit.ts";

export interface Postgres {
  /** Runs statements on a connection shared by all callers, one after another. */
  query(statement: string): Promise<readonly (readonly (string | null)[])[]>;
  /** A connection of one's own. */
  connection(): Promise<Connection>;
}
export interface Connection {
  query(statement: string): Promise<readonly (readonly (string | null)[])[]>;
  close(): void;
}

const root = "/usr/lib/postgresql";

/** Null where no PostgreSQL is installed, or none may be run. */
export async function startPostgres(folder: string): Promise<Postgres | null> {
  const version = existsSync(root) ? readdirSync(root).toSorted().at(-1) : undefined;
  if (version === undefined) return null;
  const bin = path.join(root, version, "bin");
  mkdirSync(folder, { recursive: true });
  // The server refuses to run as root.
  const as = process.getuid?.() === 0 ? ["runuser", "-u", "postgres", "--"] : [];
  try {
    if (as.length > 0) {
      // Its user must be able to reach the folder.
      for (let each = folder; each !== "/" && each !== "/tmp"; each = path.dirname(each)) chmodSync(each, 0o755);
      execFileSync("chown", ["postgres", folder]);
    }
    const data = path.join(folder, "data");
    if (!existsSync(data))
      run([...as, path.join(bin, "initdb"), "-D", data, "-A", "trust", "-U", "postgres", "--no-sync", "-E", "UTF8"]);
    const [program, ...args] = [
      ...as,
      path.join(bin, "postgres"),
      "-D",
      data,
      "-k",
      folder,
      "-c",
      "listen_addresses=",
      "-c",
      "fsync=off",
      "-c",
      "deadlock_timeout=200ms",
      "-c",
      "max_connections=20",
    ];
    const server = spawn(program, args, { stdio: "ignore" });
    server.on("error", () => undefined);
    process.on("exit", () => server.kill("SIGINT"));
    for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => process.exit(0));
  } catch {
    return null;
  }
  const socket = path.join(folder, ".s.PGSQL.5432");
  for (let tries = 0; tries < 200; tries += 1) {
    await sleep(50);
    if (!existsSync(socket)) continue;
    try {
      const shared = await open(socket);
      return { query: (statement) => shared.query(statement), connection: () => open(socket) };
    } catch {
      // It is still starting up.
    }
  }
  return null;
}

function run([program = "", ...args]: string[]): void {
  execFileSync(program, args, { stdio: "ignore" });
}

class PostgresError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

async function open(file: string): Promise<Connection> {
  const socket: Socket = connect(file);
  let held = Buffer.alloc(0);
  let rows: (string | null)[][] = [];
  let failure: Error | null = null;
  let ready: (() => void) | null = null;
  let broken: Error | null = null;
  const turn = (): Promise<void> =>
    new Promise((resolve, reject) => {
      if (broken !== null) reject(broken);
      ready = () => {
        ready = null;
        if (broken !== null) reject(broken);
        else resolve();
      };
    });
  socket.on("error", (error) => {
    broken = error;
    ready?.();
  });
  socket.on("close", () => {
    broken ??= new Error("the connection was closed");
    ready?.();
  });
  socket.on("data", (data: Buffer) => {
    held = Buffer.concat([held, data]);
    while (held.length >= 5) {
      const length = held.readUInt32BE(1);
      if (held.length < 1 + length) return;
      take(String.fromCharCode(held[0] ?? 0), held.subarray(5, 1 + length));
      held = held.subarray(1 + length);
    }
  });
  function take(kind: string, body: Buffer): void {
    if (kind === "D") {
      const row: (string | null)[] = [];
      for (let at = 2, left = body.readUInt16BE(0); left > 0; left -= 1) {
        const size = body.readInt32BE(at);
        row.push(size < 0 ? null : body.toString("utf8", at + 4, at + 4 + size));
        at += 4 + Math.max(0, size);
      }
      rows.push(row);
    } else if (kind === "E") {
      const fields = new Map(
        body
          .toString("utf8")
          .split("\0")
          .map((field) => [field[0] ?? "", field.slice(1)]),
      );
      failure = new PostgresError(fields.get("C") ?? "", fields.get("M") ?? "error");
    } else if (kind === "Z") ready?.();
  }
  const parameters = Buffer.from("user\0postgres\0database\0postgres\0\0");
  const start = Buffer.alloc(8);
  start.writeUInt32BE(8 + parameters.length, 0);
  start.writeUInt32BE(196_608, 4);
  const first = turn();
  socket.write(Buffer.concat([start, parameters]));
  await first;
  let lane: Promise<unknown> = Promise.resolve();
  async function query(statement: string): Promise<(string | null)[][]> {
    rows = [];
    failure = null;
    const text = Buffer.from(`${statement.replaceAll("\0", "")}\0`);
    const head = Buffer.alloc(5);
    head.write("Q", 0);
    head.writeUInt32BE(4 + text.length, 1);
    const end = turn();
    socket.write(Buffer.concat([head, text]));
    await end;
    if (failure !== null) throw failure as Error;
    return rows;
  }
  return {
    query(statement) {
      const next = lane.then(() => query(statement));
      lane = next.catch(() => undefined);
      return next;
    },
    close: () => socket.end(),
  };
}
