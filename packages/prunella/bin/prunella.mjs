#!/usr/bin/env node
// Runs under any Node from 18 on: when this one is too old for Prunella, a newer one from the nearest node_modules takes over.
import { spawn } from "node:child_process";
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
  const child = spawn(found, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    // The fourth is no more than a line that breaks when this process is gone.
    stdio: ["inherit", "inherit", "inherit", "ipc"],
    env: { ...process.env, PATH: `${binFolder}${path.delimiter}${process.env.PATH ?? ""}`, PRUNELLA_NODE_TRIED: "1" },
  });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"])
    process.on(signal, () => {
      // Ctrl-C reaches both by itself.
      if (signal !== "SIGINT" || !process.stdin.isTTY) child.kill(signal);
    });
  const status = await new Promise((resolve) => {
    child.once("error", () => resolve(1));
    child.once("exit", (code) => resolve(code ?? 1));
  });
  process.exit(status);
}

delete process.env.PRUNELLA_NODE_TRIED;
const starts = process.argv.slice(2).some((word) => word === "up" || word === "run");
// Started by an older Node: whoever ends that one, in whatever way, means this.
if (starts && process.channel !== undefined) {
  process.once("disconnect", () => process.kill(process.pid, "SIGTERM"));
  process.channel.unref();
}
// This process becomes the agent: it idles for months and computes little. Without the optimising compilers, and with code
// compiled as it is called, it takes 12 MB less; what it does a second stays the same (docs/decisions/small-processes.md).
if (starts) {
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
