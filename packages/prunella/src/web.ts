// Where the built web UI lies, and how it comes to be when Prunella runs from its sources: built once, in a process of its
// own at low priority, while services and control plane start; the plain page answers meanwhile. A published package brings
// the build along and nothing is built.
import { spawn, type ChildProcess } from "node:child_process";
import { existsSync, readdirSync, statSync } from "node:fs";
import { createRequire } from "node:module";
import { setPriority } from "node:os";
import path from "node:path";
import process from "node:process";

/** Longest time a build may take, ms; it takes a few seconds. After it the plain page stays. */
const buildMsMax = 120_000;
/** Priority of the build: services come first. */
const buildNice = 10;

/** The package's folder; null when it is not installed. */
function packageFolder(): string | null {
  try {
    return path.dirname(createRequire(import.meta.url).resolve("@prunella/web/package.json"));
  } catch {
    return null;
  }
}

/** Folder with the built UI, whether it is there already or not; null: this installation has none. */
export function webFolder(): string | null {
  const folder = packageFolder();
  return folder === null ? null : path.join(folder, "dist");
}

export interface WebBuild {
  /** Resolves when it has ended: null when all went well (or nothing was to do), else what went wrong. */
  readonly done: Promise<string | null>;
  /** Ends a build that still runs. */
  stop(): void;
}

/** Builds the UI when its sources are here and newer than the build. Never throws: a UI is not worth a failed start. */
export function buildWeb(): WebBuild {
  const folder = packageFolder();
  const script = folder === null ? null : path.join(folder, "build.ts");
  if (folder === null || script === null || !existsSync(script) || isFresh(folder))
    return { done: Promise.resolve(null), stop: () => {} };
  let child: ChildProcess | null = null;
  const done = new Promise<string | null>((resolve) => {
    let problems = "";
    child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", script], {
      cwd: folder,
      stdio: ["ignore", "ignore", "pipe"],
      timeout: buildMsMax,
      env: { ...process.env, NODE_ENV: "production" },
    });
    if (child.pid !== undefined)
      try {
        setPriority(child.pid, buildNice);
      } catch {
        // Not allowed here: it builds at the usual priority.
      }
    child.stderr?.setEncoding("utf8").on("data", (text: string) => (problems = (problems + text).slice(-2_000)));
    child.on("error", (error) => resolve(error.message));
    child.on("close", (code, signal) =>
      resolve(code === 0 ? null : problems.trim() || `the build ended with ${String(code ?? signal)}`),
    );
  });
  return { done, stop: () => void child?.kill("SIGTERM") };
}

/** No source is newer than the build. A checkout of an older state writes its files anew, so it counts as newer. */
function isFresh(folder: string): boolean {
  const built = path.join(folder, "dist", "index.html");
  if (!existsSync(built)) return false;
  const builtAt = statSync(built).mtimeMs;
  const contract = path.join(folder, "..", "contract", "src");
  const sources = ["src", "public", "index.html", "vite.config.ts", "build.ts"].map((name) => path.join(folder, name));
  return [...sources, contract].every((source) => newest(source) <= builtAt);
}

function newest(file: string): number {
  if (!existsSync(file)) return 0;
  const own = statSync(file);
  if (!own.isDirectory()) return own.mtimeMs;
  return readdirSync(file).reduce((at, name) => Math.max(at, newest(path.join(file, name))), own.mtimeMs);
}
