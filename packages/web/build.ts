// `npm run build:web`: builds packages/web into dist and holds the shell to its size. The new files replace the old ones in
// one step, so that a server never hands out half a build; two builds at once do no harm. Exit 1: it does not build, or the
// shell is too large.
import { existsSync, readFileSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { gzipSync } from "node:zlib";
import { build } from "vite";

/** What a first visit loads before anything is shown: script and style of the entry and what it imports, gzip. */
const shellBytesMax = 150_000;

interface Chunk {
  readonly file: string;
  readonly isEntry?: boolean;
  readonly imports?: readonly string[];
  readonly css?: readonly string[];
}

const here = import.meta.dirname;
const dist = path.join(here, "dist");
const draft = path.join(here, `dist.new-${process.pid}`);
const old = path.join(here, `dist.old-${process.pid}`);

try {
  await build({ configFile: path.join(here, "vite.config.ts"), build: { outDir: draft, emptyOutDir: true } });
  const bytes = shellBytes(draft);
  console.log(`web: built; shell ${(bytes / 1000).toFixed(1)} kB gzip of ${shellBytesMax / 1000} kB`);
  if (bytes > shellBytesMax) process.exitCode = 1;
  if (existsSync(dist)) renameSync(dist, old);
  renameSync(draft, dist);
} finally {
  rmSync(old, { recursive: true, force: true });
  rmSync(draft, { recursive: true, force: true });
}

function shellBytes(folder: string): number {
  const manifest = JSON.parse(readFileSync(path.join(folder, "manifest.json"), "utf8")) as Record<string, Chunk>;
  const files = new Set(["index.html", "theme.js"]);
  const visit = (chunk: Chunk | undefined): void => {
    if (chunk === undefined || files.has(chunk.file)) return;
    files.add(chunk.file);
    for (const css of chunk.css ?? []) files.add(css);
    for (const name of chunk.imports ?? []) visit(manifest[name]);
  };
  for (const chunk of Object.values(manifest)) if (chunk.isEntry) visit(chunk);
  return [...files].reduce((sum, file) => sum + gzipSync(readFileSync(path.join(folder, file))).length, 0);
}
