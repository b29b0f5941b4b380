// Depends on the subject and asks it all the time. Sound itself: whoever restarts it for the subject's fault has hit an innocent.
import { createServer, get } from "node:http";

let last = "nothing yet";
setInterval(() => {
  const request = get(
    { host: "127.0.0.1", port: Number(process.env.SUBJECT_PORT), path: "/list", timeout: 1_000, agent: false },
    (answer) => {
      answer.resume();
      last = `the subject answered ${answer.statusCode}`;
    },
  );
  request.on("timeout", () => request.destroy(new Error("the subject did not answer")));
  request.on("error", (error) => (last = error.message));
}, 300);
createServer((_request, response) => response.end(`${last}\n`)).listen(Number(process.env.PORT), "127.0.0.1");
process.on("SIGTERM", () => process.exit(0));
