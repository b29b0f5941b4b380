// From a checkout: the sources joined into few files, so that a process loads a dozen modules and not 1,600. Made by another
// process when a source has changed (a second or two, at the first start) and kept in .cache/program; there is no build step. Less
// memory and a sooner start are what it is for (docs/decisions/small-processes.md). As a program: program.mjs ENTRY ARGUMENT…
import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { enableCompileCache, isBuiltin } from "node:module";
import path from "node:path";
import process from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";

const own = fileURLToPath(import.meta.url);
const root = path.resolve(path.dirname(own), "../../..");
const sources = path.join(root, "packages", "prunella", "src");
const cache = path.join(root, ".cache", "program");
const current = path.join(cache, "current.json");
const entries = ["main", "control"];
/** Programs kept: one that runs still loads what it needs rarely, and the sources may have changed meanwhile. */
const keptMax = 5;
/** Longest time that making one may take, ms. */
const makeMsMax = 60_000;

/** The file to import for an entry of src/: joined, or the source itself where nothing can be made (a folder not to be written to). */
export function entryFile(entry) {
  let folder = fresh();
  if (folder === null) {
    spawnSync(process.execPath, ["--no-warnings", own, "--make"], { stdio: "ignore", timeout: makeMsMax });
    folder = fresh();
  }
  if (folder === null) return path.join(sources, `${entry}.ts`);
  // Compiled code lies beside it: what is compiled anew leaves megabytes behind that are never given back.
  enableCompileCache(path.join(folder, "compiled"));
  return path.join(folder, entry, `${entry}.js`);
}

/** The folder of what was last made, when it was made here, by this Node, and of the files as they are now. */
function fresh() {
  try {
    const made = JSON.parse(readFileSync(current, "utf8"));
    const isSame = made.root === root && made.node === process.version;
    return isSame && made.files.every(([file, stamp]) => stampOf(file) === stamp) ? path.join(cache, made.name) : null;
  } catch {
    return null;
  }
}

/** Another size or time of change is another file. */
function stampOf(file) {
  const { size, mtimeMs } = statSync(path.join(root, file));
  return `${size} ${mtimeMs}`;
}

async function make() {
  const { rolldown } = await import("rolldown");
  const name = `${Date.now()}-${process.pid}`;
  const folder = path.join(cache, name);
  const files = new Set([path.relative(root, own), path.join("node_modules", ".package-lock.json")]);
  for (const entry of entries) {
    mkdirSync(path.join(folder, entry), { recursive: true });
    const input = path.join(sources, `${entry}.ts`);
    const program = await rolldown({ input, platform: "node", external: neverLoaded, plugins: [builtins, places] });
    const { output } = await program.generate({
      format: "esm",
      comments: false,
      codeSplitting: { groups: [packages] },
    });
    for (const { fileName, code, moduleIds } of output) {
      writeFileSync(path.join(folder, entry, fileName), latin(code));
      for (const id of moduleIds) if (isOwn(id)) files.add(path.relative(root, id));
    }
  }
  writeFileSync(path.join(folder, "package.json"), '{ "type": "module" }\n');
  const stamps = [...files].map((file) => [file, stampOf(file)]);
  writeFileSync(`${current}.${name}`, JSON.stringify({ root, node: process.version, name, files: stamps }));
  renameSync(`${current}.${name}`, current);
  const older = readdirSync(cache).filter((each) => /^\d+-\d+$/.test(each));
  for (const each of older.sort().slice(0, -keptMax)) rmSync(path.join(cache, each), { recursive: true, force: true });
}

const isOwn = (id) => id.startsWith(path.join(root, "packages")) && !id.includes("node_modules");

/** Fastify asks for these when it is not given what we give it (validator, serialiser), and when a request is injected. */
const neverLoaded = ["@fastify/ajv-compiler", "@fastify/fast-json-stringify-compiler", "pino", "light-my-request"];

/** A library is a file of its own: the memory that parsing takes is never given back, and is that of the largest file. */
const packages = {
  debugName: "packages",
  name(id) {
    if (id.startsWith("\0node:")) return "builtins";
    const name = /.*node_modules[/\\]((?:@[^/\\]+[/\\])?[^/\\]+)/.exec(id)?.[1];
    return name?.replaceAll(/\W+/g, "-").replace(/^-/, "") ?? null;
  },
};

/** Imported by `import`, node:http loads undici and HTTP/2 with it (15 MB): its view calls every getter. */
const builtins = {
  name: "builtins",
  resolveId(id) {
    // The joined files themselves begin by importing node:module.
    if (isBuiltin(id) && id !== "node:module")
      return { id: `\0${id.replace(/^(node:)?/, "node:")}.cjs`, moduleSideEffects: false };
  },
  load(id) {
    if (id.startsWith("\0node:"))
      return { code: `module.exports = process.getBuiltinModule("${id.slice(1, -4)}");`, moduleSideEffects: false };
  },
};

/** A source that looks for files beside itself finds them where it lies. */
const places = {
  name: "places",
  transform(code, id) {
    if (!isOwn(id) || !code.includes("import.meta.")) return;
    const place = { dirname: path.dirname(id), filename: id, url: pathToFileURL(id).href };
    return code.replace(/\bimport\.meta\.(dirname|filename|url)\b/g, (_, which) => JSON.stringify(place[which]));
  },
};

/** One character beyond Latin-1 and a file takes twice its size in memory. */
function latin(code) {
  return code.replace(/[^\x00-\xff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

if (path.resolve(process.argv[1] ?? "") === own) {
  if (process.argv[2] === "--make") await make();
  else {
    const [entry] = process.argv.splice(2, 1);
    await import(pathToFileURL(entryFile(entry)).href);
  }
}
