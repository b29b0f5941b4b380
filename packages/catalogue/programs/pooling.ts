// 200 callers of one server, each needing a connection. GET /leak borrows three and forgets them; GET /run lets the callers
// in. The server counts the connections that are opened to it.
import { pool } from "@prunella/resilience";
import { connect, createServer, type Socket } from "node:net";
import { guardsOn, serve, sleep } from "./kit.ts";

let opened = 0;
let openNow = 0;
let openMax = 0;
const backend = createServer((socket) => {
  opened += 1;
  openNow += 1;
  openMax = Math.max(openMax, openNow);
  socket.on("data", (data) => socket.write(data));
  socket.on("error", () => undefined);
  socket.on("close", () => (openNow -= 1));
});
await new Promise<void>((resolve) => backend.listen(0, "127.0.0.1", () => resolve()));
const address = backend.address();
const backendPort = typeof address === "object" && address !== null ? address.port : 0;

function open(): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(backendPort, "127.0.0.1", () => resolve(socket));
    socket.once("error", reject);
  });
}

const connections = pool<Socket>({
  name: "connections",
  create: open,
  destroy: (socket) => void socket.destroy(),
  validate: (socket) => !socket.destroyed,
  max: 10,
  leakMs: 1_000,
  reclaim: true,
  acquireMs: 20_000,
});

function talk(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once("data", () => resolve());
    socket.once("error", reject);
    socket.write("hello");
  });
}

const forgotten: unknown[] = [];
async function forgetToGiveBack(): Promise<void> {
  forgotten.push(guardsOn ? await connections.acquire() : await open());
}

serve({
  "/leak": async () => {
    for (let leak = 0; leak < 3; leak += 1) await forgetToGiveBack();
    return { leaked: forgotten.length };
  },
  "/run": async () => {
    opened = 0;
    openMax = openNow;
    let failed = 0;
    await Promise.all(
      Array.from({ length: 200 }, async () => {
        try {
          if (guardsOn) await connections.use(async (socket) => (await talk(socket), sleep(20)));
          else {
            const socket = await open();
            await talk(socket);
            await sleep(20);
            socket.destroy();
          }
        } catch {
          failed += 1;
        }
      }),
    );
    const { counts, values } = connections.snapshot();
    return { callers: 200, failed, opened, openMax, leaks: counts["leaks"], reclaimed: counts["reclaimed"], values };
  },
});
