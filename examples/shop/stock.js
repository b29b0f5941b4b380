// The TCP dependency: answers each line, the name of an article, with how many are left.
import { createServer } from "node:net";

const left = new Map();
const server = createServer((socket) => {
  socket.setEncoding("utf8");
  socket.on("error", () => socket.destroy());
  socket.on("data", (text) => {
    for (const article of text.split("\n").filter(Boolean)) {
      const count = left.get(article) ?? 100;
      left.set(article, count > 0 ? count - 1 : 100);
      socket.write(`${count}\n`);
    }
  });
});
server.listen(Number(process.env.PORT ?? 7424), "127.0.0.1", () => console.log("stock listens"));
process.on("SIGTERM", () => {
  server.close(() => process.exit(0));
  setTimeout(() => process.exit(0), 500).unref();
});
