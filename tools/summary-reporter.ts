// Prints node:test's closing counts, and each failure in full; the dots stand for the rest.
import type { TestEvent } from "node:test/reporters";

export default async function* summary(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of source) {
    if (event.type === "test:fail") {
      const { name, file, line, details } = event.data;
      if (details.type === "suite") continue;
      const cause = details.error.cause;
      yield `\nnot ok: ${name} (${file ?? "?"}:${line ?? 0})\n${cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)}\n`;
    }
    if (event.type === "test:diagnostic" && event.data.nesting === 0) yield `\nℹ ${event.data.message}`;
  }
  yield "\n";
}
