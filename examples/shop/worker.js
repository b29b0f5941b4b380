// Works off orders, one a second, and says so: a heartbeat through the probe, which Prunella preloads. Its control endpoint
// answers HTTP even when the work has stopped, which is exactly the fault a plain health check does not see.
import { createServer } from "node:http";
import { askStock } from "./ask-stock.js";
import { broken, handleBreak } from "./breaks.js";

let done = 0;
setInterval(() => {
  if (broken.muted) return;
  askStock("pear").then(
    () => {
      done += 1;
      globalThis[Symbol.for("prunella.probe")]?.heartbeat("orders");
    },
    (error) => console.error(`order waits: ${error.message}`),
  );
}, 1_000);

const server = createServer((request, response) => {
  if (!handleBreak(request, response)) response.end(`${done} orders done\n`);
});
server.listen(Number(process.env.PORT ?? 7423), "127.0.0.1", () => console.log("worker listens"));
process.on("SIGTERM", () => process.exit(0));
