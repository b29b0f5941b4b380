// Parsers for the files of /proc that the agent reads, and nothing else: text in, facts out, null for what is not there.

export interface ProcessStat {
  readonly pid: number;
  readonly name: string;
  /** One letter: R running, S sleeping, D waiting for a device, T stopped, t traced, Z zombie, X dead. */
  readonly state: string;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  /** User and system time in clock ticks. */
  readonly cpuTicks: number;
  readonly threads: number;
  /** Start in clock ticks since boot: with the pid, the identity of a process. */
  readonly startTicks: number;
  readonly residentPages: number;
}

/** /proc/PID/stat. The name is in parentheses and may itself hold spaces and parentheses. */
export function parseStat(text: string): ProcessStat | null {
  const open = text.indexOf("(");
  const close = text.lastIndexOf(")");
  if (open < 0 || close < open) return null;
  const fields = text.slice(close + 2).split(" ");
  if (fields.length < 22) return null;
  const number = (at: number): number => Number(fields[at]);
  return {
    pid: Number(text.slice(0, open - 1)),
    name: text.slice(open + 1, close),
    state: fields[0] ?? "?",
    parent: number(1),
    group: number(2),
    session: number(3),
    cpuTicks: number(11) + number(12),
    threads: number(17),
    startTicks: number(19),
    residentPages: number(21),
  };
}

/** /proc/PID/io: bytes that reached or came from storage. */
export function parseIo(text: string): { readonly readBytes: number; readonly writtenBytes: number } | null {
  const read = /^read_bytes: (\d+)$/m.exec(text)?.[1];
  const written = /^write_bytes: (\d+)$/m.exec(text)?.[1];
  return read === undefined || written === undefined
    ? null
    : { readBytes: Number(read), writtenBytes: Number(written) };
}

/** The value of one line of /proc/PID/status or a cgroup's memory.events ("Name:\tvalue" or "name value"). */
export function parseField(text: string, name: string): string | null {
  for (const line of text.split("\n")) {
    if (line.startsWith(name) && /^[:\s]/.test(line.slice(name.length)))
      return line.slice(name.length).replace(/^:?\s*/, "");
  }
  return null;
}

/** Inodes of the sockets that listen on `port`: /proc/net/tcp or tcp6. */
export function parseListeners(text: string, port: number): readonly string[] {
  const inodes: string[] = [];
  for (const line of text.split("\n").slice(1)) {
    const fields = line.trim().split(/\s+/);
    const local = fields[1]?.split(":")[1];
    // State 0A is LISTEN.
    if (local === undefined || fields[3] !== "0A" || Number.parseInt(local, 16) !== port) continue;
    const inode = fields[9];
    if (inode !== undefined) inodes.push(inode);
  }
  return inodes;
}

/** A name's user and group id in the text of /etc/passwd; a number stands for itself. */
export function parseUser(passwd: string, user: string): { readonly uid: number; readonly gid: number } | null {
  for (const line of passwd.split("\n")) {
    const fields = line.split(":");
    if (fields[0] === user || (fields[2] === user && fields[2] !== undefined))
      return { uid: Number(fields[2]), gid: Number(fields[3]) };
  }
  return /^\d+$/.test(user) ? { uid: Number(user), gid: Number(user) } : null;
}

/** What kind of thing a descriptor's link points at. */
export function descriptorKind(link: string): "socket" | "pipe" | "file" | "other" {
  if (link.startsWith("socket:")) return "socket";
  if (link.startsWith("pipe:")) return "pipe";
  return link.startsWith("/") && !link.startsWith("/dev/") ? "file" : "other";
}
