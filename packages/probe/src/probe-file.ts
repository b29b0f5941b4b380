// Where the preloadable file is. Published, it lies beside this one; in a working copy it is made from the sources by
// erasing their types, because Node 18 and 20 must be able to load it.
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import path from "node:path";
import process from "node:process";

const here = import.meta.dirname;

/**
 * Path of the CommonJS file to preload: `NODE_OPTIONS=--require <file>`. With sources only, it is written to a folder in
 * `cacheFolder` whose name carries a hash of the content; written whole or not at all, and only once.
 *
 * `NODE_OPTIONS` splits at spaces, so quote the path there: `--require "<file>"`.
 */
export function probeFile(cacheFolder: string): string {
  const published = path.join(here, "preload.cjs");
  if (existsSync(published)) return published;

  const sources = readdirSync(here)
    .filter((file) => file.endsWith(".cts"))
    .sort()
    .map((file) => ({ name: file.replace(/\.cts$/, ".cjs"), text: readFileSync(path.join(here, file), "utf8") }));
  const hash = createHash("sha256").update(JSON.stringify(sources)).digest("hex").slice(0, 16);
  const folder = path.join(path.resolve(cacheFolder), `probe-${hash}`);
  const file = path.join(folder, "preload.cjs");
  if (existsSync(file)) return file;

  mkdirSync(path.resolve(cacheFolder), { recursive: true });
  const draft = mkdtempSync(`${folder}.`);
  for (const { name, text } of sources) writeFileSync(path.join(draft, name), eraseTypes(text));
  try {
    renameSync(draft, folder);
  } catch (error) {
    rmSync(draft, { recursive: true, force: true });
    // Another process was faster: its folder has the same content.
    if (!existsSync(file)) throw error;
  }
  return file;
}

// Node says that the function is experimental each time a process first calls it; the agent's stderr is not the place.
function eraseTypes(text: string): string {
  const emitWarning = process.emitWarning;
  process.emitWarning = () => {};
  try {
    return stripTypeScriptTypes(text);
  } finally {
    process.emitWarning = emitWarning;
  }
}
