// What the subject depends on. Not run by the supervisor: the matrix starts it, makes it slow, and takes it away.
import { createServer } from "node:http";

let delayMs = 0;
const server = createServer((request, response) => {
  const slow = /^\/slow\/(\d+)$/.exec(request.url ?? "")?.[1];
  if (slow !== undefined) {
    delayMs = Number(slow);
    response.end("ok\n");
    return;
  }
  setTimeout(() => response.end("here\n"), delayMs);
});
server.listen(Number(process.env.PORT), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
