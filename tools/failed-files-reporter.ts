// Prints the test files that had a failure, one a line, so that they alone can be tried again.
import process from "node:process";
import path from "node:path";
import type { TestEvent } from "node:test/reporters";

export default async function* failedFiles(source: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const failed = new Set<string>();
  for await (const event of source) {
    // A file that dies as a whole fails as a test of the file's name.
    if (event.type === "test:fail") failed.add(path.relative(process.cwd(), event.data.file ?? event.data.name));
  }
  for (const file of failed) yield `${file}\n`;
}
