// What a service's log takes on the disk, and whether its newest line is there. Argument: the folder of the logs. Prints JSON.
import { readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import process from "node:process";

const [folder = ""] = process.argv.slice(2);
let bytesMax = 0;
let files = 0;
for (let look = 0; look < 10; look += 1) {
  const found = readdirSync(folder).filter((name) => name.startsWith("logger.out"));
  files = Math.max(files, found.length);
  const bytes = found.reduce(
    (sum, name) => sum + (statSync(path.join(folder, name), { throwIfNoEntry: false })?.size ?? 0),
    0,
  );
  bytesMax = Math.max(bytesMax, bytes);
  await new Promise((resolve) => setTimeout(resolve, 100));
}
const tail = readFileSync(path.join(folder, "logger.out.log"), "utf8").trimEnd().split("\n").at(-1) ?? "";
process.stdout.write(
  JSON.stringify({ bytesMaxMb: Math.round(bytesMax / 1e6), files, lastLine: Number(tail.split(" ")[1] ?? 0) }),
);
