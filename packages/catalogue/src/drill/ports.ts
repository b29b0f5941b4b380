// Ports for services that are to be broken and healed. They lie below those that a system hands to outgoing connections (from
// 32768 on under Linux, from 49152 elsewhere): otherwise a connection of anybody may take a service's port while it is down.
import { createServer } from "node:net";

const first = 20_000;
const last = 32_000;
/** Tries for each port; when all fail, the machine has something else to be looked into. */
const triesMax = 200;

/** So many different ports of 127.0.0.1 on which nobody listens at this moment. */
export async function freePorts(count: number): Promise<number[]> {
  const ports = new Set<number>();
  for (let tries = 0; ports.size < count; tries += 1) {
    if (tries > count * triesMax) throw new Error(`no ${count} free ports between ${first} and ${last}`);
    const port = first + Math.floor(Math.random() * (last - first));
    if (!ports.has(port) && (await isFree(port))) ports.add(port);
  }
  return [...ports];
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
