// One TCP proxy: listens, connects on to its upstream, and lets the toxics at the bytes between. Disabled it refuses
// connections as a dead server does. Bounded in connections and in bytes held; closing it ends every connection.
import { createServer, connect, type Server, type Socket } from "node:net";
import { readToxic, through, type Connection, type Piece, type Toxic } from "./toxics.ts";

/** Connections at once; one more is closed at once. */
export const connectionsMax = 2_000;
/** Bytes held of one direction before its source is paused. */
const heldBytesMax = 1_048_576;

export interface ProxyOptions {
  readonly name: string;
  /** "host:port"; port 0: any free one. */
  readonly listen: string;
  readonly upstream: string;
  readonly random?: () => number;
}

export interface Proxy {
  readonly name: string;
  /** The address it listens on; fixed from its first start, so that it comes back where it was. */
  readonly listen: string;
  readonly upstream: string;
  readonly enabled: boolean;
  readonly toxics: readonly Toxic[];
  readonly connections: number;
  readonly bytes: { readonly upstream: number; readonly downstream: number };
  /** Down: refuses connections and ends those there are. */
  setEnabled(enabled: boolean): Promise<void>;
  setUpstream(upstream: string): void;
  add(toxic: unknown): Toxic;
  change(name: string, toxic: unknown): Toxic | null;
  remove(name: string): boolean;
  reset(): Promise<void>;
  close(): Promise<void>;
}

export async function proxy(options: ProxyOptions): Promise<Proxy> {
  const random = options.random ?? Math.random;
  const links = new Set<Link>();
  const bytes = { upstream: 0, downstream: 0 };
  let toxics: readonly Toxic[] = [];
  let upstream = options.upstream;
  let address = options.listen;
  let server: Server | null = null;

  async function start(): Promise<void> {
    if (server !== null) return;
    const next = createServer({ allowHalfOpen: true }, (client) => {
      if (links.size >= connectionsMax) {
        client.destroy();
        return;
      }
      const link = open(client);
      links.add(link);
    });
    const { host, port } = parsed(address);
    await new Promise<void>((resolve, reject) => {
      next.once("error", reject);
      next.listen(port, host, () => resolve());
    });
    next.on("error", () => undefined);
    const bound = next.address();
    if (typeof bound === "object" && bound !== null) address = `${host}:${bound.port}`;
    server = next;
  }

  async function stop(): Promise<void> {
    const old = server;
    server = null;
    for (const link of links) link.end();
    if (old !== null) await new Promise<void>((resolve) => old.close(() => resolve()));
  }

  interface Link {
    readonly sockets: readonly [Socket, Socket];
    end(): void;
    /** The list of toxics changed. */
    changed(): void;
  }

  function open(client: Socket): Link {
    const to = parsed(upstream);
    const target = connect({ host: to.host, port: to.port, allowHalfOpen: true });
    const timers = new Map<string, NodeJS.Timeout>();
    const chance = new Map<string, boolean>();
    const sleepers = new Set<() => void>();
    let isClosed = false;

    /** Whether a toxic hits this connection: decided once, so that half a request is never spared. */
    const hits = (toxic: Toxic): boolean => {
      const known = chance.get(toxic.name);
      if (known !== undefined) return known;
      const hit = random() < toxic.toxicity;
      chance.set(toxic.name, hit);
      return hit;
    };
    const active = (stream: Toxic["stream"]): Toxic[] =>
      toxics.filter((toxic) => toxic.stream === stream && hits(toxic));

    function finish(): void {
      if (isClosed) return;
      isClosed = true;
      for (const timer of timers.values()) clearTimeout(timer);
      for (const wake of sleepers) wake();
      links.delete(link);
      client.destroy();
      target.destroy();
    }
    function reset(): void {
      if (isClosed) return;
      client.resetAndDestroy();
      target.resetAndDestroy();
      finish();
    }
    /** How long slow_close holds the end of a direction back, ms. */
    const slownessOf = (stream: Toxic["stream"]): number =>
      Math.max(
        0,
        ...active(stream)
          .filter((toxic) => toxic.type === "slow_close")
          .map((toxic) => toxic.attributes["delay"] ?? 0),
      );

    const connection = (): Connection => ({
      passed: 0,
      get closed() {
        return isClosed;
      },
      random,
      close: finish,
      sleep: (ms) =>
        ms <= 0 || isClosed
          ? Promise.resolve()
          : new Promise((resolve) => {
              const wake = (): void => {
                clearTimeout(timer);
                sleepers.delete(wake);
                resolve();
              };
              const timer = setTimeout(wake, ms);
              sleepers.add(wake);
            }),
    });

    function pump(from: Socket, into: Socket, stream: Toxic["stream"]): void {
      const state = connection();
      const queue: Piece[] = [];
      let held = 0;
      let ended = false;
      let running = false;
      const run = async (): Promise<void> => {
        if (running) return;
        running = true;
        for (let piece = queue.shift(); piece !== undefined && !isClosed; piece = queue.shift()) {
          held -= piece.data.length;
          if (from.isPaused() && held < heldBytesMax / 2) from.resume();
          let passing: AsyncIterable<Piece> = only(piece);
          for (const toxic of active(stream)) passing = through(toxic, passing, state);
          for await (const { data } of passing) {
            if (isClosed) break;
            bytes[stream] += data.length;
            if (!into.write(data)) await drained(into);
          }
        }
        running = false;
        if (!ended || isClosed) return;
        await state.sleep(slownessOf(stream));
        if (!isClosed) into.end();
      };
      from.on("data", (data: Buffer) => {
        queue.push({ data, at: performance.now() });
        held += data.length;
        if (held >= heldBytesMax) from.pause();
        void run();
      });
      from.on("end", () => {
        ended = true;
        void run();
      });
      from.on("error", finish);
      from.on("close", () => {
        // Both have ended in order, or one was cut off.
        if (into.destroyed || into.writableEnded || !ended) finish();
        else void state.sleep(slownessOf(stream)).then(finish);
      });
    }

    function changed(): void {
      for (const toxic of toxics) {
        if ((toxic.type !== "timeout" && toxic.type !== "reset_peer") || timers.has(toxic.name) || !hits(toxic))
          continue;
        const after = toxic.attributes["timeout"] ?? 0;
        if (toxic.type === "reset_peer") timers.set(toxic.name, setTimeout(reset, after));
        else if (after > 0) timers.set(toxic.name, setTimeout(finish, after));
      }
      for (const [name, timer] of timers) {
        if (toxics.some((toxic) => toxic.name === name)) continue;
        clearTimeout(timer);
        timers.delete(name);
      }
    }

    const link: Link = { sockets: [client, target], end: finish, changed };
    pump(client, target, "upstream");
    pump(target, client, "downstream");
    changed();
    return link;
  }

  function set(next: readonly Toxic[]): void {
    toxics = next;
    for (const link of links) link.changed();
  }

  await start();
  return {
    name: options.name,
    get listen() {
      return address;
    },
    get upstream() {
      return upstream;
    },
    get enabled() {
      return server !== null;
    },
    get toxics() {
      return toxics;
    },
    get connections() {
      return links.size;
    },
    bytes,
    setEnabled: (enabled) => (enabled ? start() : stop()),
    setUpstream(next) {
      parsed(next);
      upstream = next;
      for (const link of links) link.end();
    },
    add(given) {
      const toxic = readToxic(given);
      set([...toxics, toxic]);
      return toxic;
    },
    change(name, given) {
      const known = toxics.find((toxic) => toxic.name === name);
      if (known === undefined) return null;
      const toxic = readToxic(given, known);
      set(toxics.map((each) => (each === known ? toxic : each)));
      return toxic;
    },
    remove(name) {
      if (!toxics.some((toxic) => toxic.name === name)) return false;
      set(toxics.filter((toxic) => toxic.name !== name));
      return true;
    },
    async reset() {
      set([]);
      await start();
    },
    close: stop,
  };
}

async function* only(piece: Piece): AsyncIterable<Piece> {
  yield piece;
}

function drained(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      socket.off("drain", done);
      socket.off("close", done);
      resolve();
    };
    socket.on("drain", done);
    socket.on("close", done);
  });
}

export function parsed(address: string): { readonly host: string; readonly port: number } {
  const match = /^(?:\[([^\]]+)\]|([^:]*)):(\d{1,5})$/.exec(address);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535) throw new TypeError(`${address} is no address; write it as host:port`);
  return { host: match[1] ?? (match[2] === "" || match[2] === undefined ? "127.0.0.1" : match[2]), port };
}
