// Asks the stock service for an article; rejects when it does not answer within a second.
import { connect } from "node:net";

export function askStock(article, port = Number(process.env.STOCK_PORT ?? 7424)) {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.setEncoding("utf8");
    socket.setTimeout(1_000, () => socket.destroy(new Error("stock did not answer within 1 s")));
    socket.once("connect", () => socket.write(`${article}\n`));
    socket.once("data", (text) => {
      socket.destroy();
      resolve(Number(text));
    });
    socket.once("error", reject);
  });
}
