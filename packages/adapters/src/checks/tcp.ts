// TCP check: a connection can be opened. Nothing is sent, and it is closed at once.
import { connect } from "node:net";
import { result, type CheckResult, type How } from "./result.ts";

export function tcpCheck(how: How<"tcp">, timeoutMs: number): Promise<CheckResult> {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const socket = connect({ host: how.host, port: how.port });
    const finish = (ok: boolean, message: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result(ok, startedAt, message));
    };
    const timer = setTimeout(() => finish(false, `not connected within ${Math.round(timeoutMs)} ms`), timeoutMs);
    socket.once("connect", () => finish(true, "connected"));
    socket.once("error", (error) => {
      const first: unknown = error instanceof AggregateError ? (error.errors[0] ?? error) : error;
      finish(false, first instanceof Error ? first.message : String(first));
    });
  });
}
