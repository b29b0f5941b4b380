// From a checkout the sources run as they are. Types are stripped once, by another process, and kept in .cache/sources by what
// the file was (size and time of change): the processes that run for long never load the stripper, which takes 18 MB, and there is
// no build step. A file that changed is stripped anew at the next start. Without a checkout this file does nothing.
import { spawnSync } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { registerHooks } from "node:module";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const root = path.resolve(here, "../../..");
const folder = path.join(root, ".cache", "sources");

/** Where the stripped form of a source lies: another size, time or Node is another file. */
function placeOf(file) {
  const { size, mtimeMs } = statSync(file);
  const name = path.relative(root, file).replaceAll(path.sep, "~");
  return path.join(folder, `${name}~${size}~${Math.round(mtimeMs)}~${process.version}.js`);
}

function read(place) {
  try {
    return readFileSync(place, "utf8");
  } catch {
    return null;
  }
}

/** Strips every source that changed. Runs in a process of its own, so that the stripper's memory ends with it. */
async function stripAll() {
  const { stripTypeScriptTypes } = await import("node:module");
  process.removeAllListeners("warning");
  mkdirSync(folder, { recursive: true });
  const kept = new Set();
  for (const name of readdirSync(path.join(root, "packages"))) {
    const source = path.join(root, "packages", name, "src");
    let files;
    try {
      files = readdirSync(source, { recursive: true, encoding: "utf8" });
    } catch {
      continue;
    }
    for (const each of files) {
      if (!each.endsWith(".ts")) continue;
      const file = path.join(source, each);
      const place = placeOf(file);
      kept.add(path.basename(place));
      if (read(place) !== null) continue;
      const draft = `${place}.${process.pid}`;
      writeFileSync(draft, stripTypeScriptTypes(readFileSync(file, "utf8"), { mode: "strip" }));
      renameSync(draft, place);
    }
  }
  // What no source has any more; whoever still wants it strips it again.
  for (const name of readdirSync(folder)) if (!kept.has(name)) rmSync(path.join(folder, name), { force: true });
}

if (process.argv[2] === "--strip" && path.resolve(process.argv[1] ?? "") === fileURLToPath(import.meta.url)) {
  await stripAll();
  process.exit(0);
}

const isSource = (url) => url.startsWith("file:") && url.endsWith(".ts") && !url.includes("/node_modules/");
let stripped = false;

registerHooks({
  load(url, context, next) {
    if (!isSource(url)) return next(url, context);
    const file = fileURLToPath(url);
    let source = read(placeOf(file));
    if (source === null && !stripped) {
      stripped = true;
      spawnSync(process.execPath, ["--no-warnings", fileURLToPath(import.meta.url), "--strip"], { stdio: "ignore" });
      source = read(placeOf(file));
    }
    // A folder that cannot be written to: Node strips the types itself, as it would without this file.
    return source === null ? next(url, context) : { format: "module", source, shortCircuit: true };
  },
});
