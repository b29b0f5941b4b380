#!/usr/bin/env node
// Runs under any Node from 18 on: when this one is too old for Prunella, a newer one from the nearest node_modules takes over.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";

const here = path.dirname(fileURLToPath(import.meta.url));
const [major, minor] = process.versions.node.split(".").map(Number);
const fits = (major === 24 && minor >= 16) || (major === 26 && minor >= 1) || major > 26;

if (!fits) {
  const name = `node-${process.platform === "win32" ? "win" : process.platform}-${process.arch}`;
  let found;
  try {
    found = path.join(path.dirname(createRequire(import.meta.url).resolve(`${name}/package.json`)), "bin", "node");
  } catch {
    found = undefined;
  }
  if (found === undefined || !existsSync(found) || process.env.PRUNELLA_NODE_TRIED === "1") {
    console.error(
      `prunella needs Node 24.16 or newer (26.1 in the 26 line); this is ${process.version}. Install one, or run npm ci in the project, which brings one along.`,
    );
    process.exit(2);
  }
  const binFolder = path.dirname(found);
  const { status, signal } = spawnSync(found, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: "inherit",
    env: { ...process.env, PATH: `${binFolder}${path.delimiter}${process.env.PATH ?? ""}`, PRUNELLA_NODE_TRIED: "1" },
  });
  process.exit(signal === null ? (status ?? 1) : 1);
}

delete process.env.PRUNELLA_NODE_TRIED;
// This process becomes the agent: it idles for months and computes little. Without the optimising compilers, and with code
// compiled as it is called, it takes 12 MB less; what it does a second stays the same (docs/decisions/small-processes.md).
if (process.argv.slice(2).some((word) => word === "up" || word === "run")) {
  const { setFlagsFromString } = await import("node:v8");
  for (const flag of ["--no-opt", "--no-maglev", "--max-lazy", "--optimize-for-size", "--max-semi-space-size=1"])
    setFlagsFromString(flag);
}
const built = path.join(here, "..", "dist", "main.js");
const source = path.join(here, "..", "src", "main.ts");
// From a checkout the sources run; a published package holds only what was built.
if (existsSync(source)) {
  const { entryFile } = await import("./program.mjs");
  await import(pathToFileURL(entryFile("main")).href);
} else {
  const { enableCompileCache } = await import("node:module");
  enableCompileCache();
  await import(pathToFileURL(built).href);
}
