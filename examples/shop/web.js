// The shop's front: a page with what the api says; still answers (less) when the api does not.
import { createServer, get } from "node:http";
import { handleBreak } from "./breaks.js";

const api = Number(process.env.API_PORT ?? 7422);

const server = createServer((request, response) => {
  if (handleBreak(request, response)) return;
  if (request.url === "/healthz") {
    response.end("ok\n");
    return;
  }
  const asked = get({ host: "127.0.0.1", port: api, path: "/apple", timeout: 1_000 }, (answer) => {
    answer.setEncoding("utf8");
    let body = "";
    answer.on("data", (text) => (body += text));
    answer.on("end", () =>
      response.end(`The shop is open. ${answer.statusCode === 200 ? body : "Stock is unknown.\n"}`),
    );
  });
  asked.on("timeout", () => asked.destroy(new Error("no answer")));
  asked.on("error", () => response.end("The shop is open. Stock is unknown.\n"));
});
server.listen(Number(process.env.PORT ?? 7421), "127.0.0.1", () => console.log("web listens"));
process.on("SIGTERM", () => {
  server.close(() => process.exit(0));
  setTimeout(() => process.exit(0), 2_000).unref();
});
