// The http action: one request, no redirects. Whether it had an effect is told apart: not reached (none), answered otherwise
// than expected (some), no answer in time (nobody knows). node:http is loaded at the first call only, and without what its view by import would load with it.
import type { Action, StepOutcome } from "@prunella/core";

const answerBytesMax = 2_000;

export async function httpCall(action: Extract<Action, { type: "http" }>, timeoutMs: number): Promise<StepOutcome> {
  const { request } = action.url.startsWith("https:")
    ? process.getBuiltinModule("node:https")
    : process.getBuiltinModule("node:http");
  return new Promise((resolve) => {
    let reached = false;
    let timer: NodeJS.Timeout | undefined;
    const settle = (outcome: StepOutcome): void => {
      clearTimeout(timer);
      resolve(outcome);
      call.destroy();
    };
    const call = request(action.url, {
      method: action.method,
      agent: false,
      headers: {
        "user-agent": "prunella",
        ...(action.body === null
          ? {}
          : { "content-type": "application/json", "content-length": Buffer.byteLength(action.body) }),
        ...action.headers,
      },
    });
    timer = setTimeout(
      () =>
        settle(
          reached
            ? { kind: "unknown", reason: `no answer within ${timeoutMs} ms` }
            : { kind: "failed", reason: `not connected within ${timeoutMs} ms`, effect: "none" },
        ),
      Math.max(1, timeoutMs - 100),
    );
    call.on("socket", (socket) => socket.once("connect", () => (reached = true)));
    call.on("error", (error) =>
      settle(
        reached
          ? { kind: "unknown", reason: error.message }
          : { kind: "failed", reason: error.message, effect: "none" },
      ),
    );
    call.on("response", (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => {
        if (text.length < answerBytesMax) text += chunk.toString().slice(0, answerBytesMax - text.length);
      });
      response.on("close", () => {
        const status = response.statusCode ?? 0;
        const detail = `answered ${status}${text === "" ? "" : `: ${text}`}`;
        const [lowest, highest] = action.expectStatus;
        if (status >= lowest && status <= highest) settle({ kind: "succeeded", detail });
        else settle({ kind: "failed", reason: `${detail}; expected ${lowest} to ${highest}`, effect: "some" });
      });
    });
    call.end(action.body ?? undefined);
  });
}
