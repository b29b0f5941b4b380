// Prices and stock over HTTP. Healthy only while its stock service answers.
import { createServer } from "node:http";
import { askStock } from "./ask-stock.js";
import { broken, handleBreak } from "./breaks.js";

const server = createServer((request, response) => {
  if (handleBreak(request, response)) return;
  if (broken.errors) {
    response.writeHead(500).end("out of order\n");
    return;
  }
  askStock("apple").then(
    (left) =>
      response
        .writeHead(200, { "content-type": "application/json" })
        .end(`${JSON.stringify({ article: "apple", left })}\n`),
    (error) => {
      console.error(`stock cannot be asked: ${error.message}`);
      response.writeHead(503).end(`stock: ${error.message}\n`);
    },
  );
});
server.listen(Number(process.env.PORT ?? 7422), "127.0.0.1", () => console.log("api listens"));
process.on("SIGTERM", () => {
  server.close(() => process.exit(0));
  setTimeout(() => process.exit(0), 2_000).unref();
});
