// node packages/resilience/bench/build.ts [FOLDER]: makes the package as it is published, by default in packages/resilience/dist/package,
// which `npm publish` takes as it is. One plain module per source file: in a single one, and more so in a minified one, bundlers
// no longer see what can be left out. npm does not apply `publishConfig.exports`, so the manifest is written here.
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";

const root = path.resolve(import.meta.dirname, "../../..");
const home = path.join(root, "packages/resilience");

if (import.meta.main) buildPackage(path.resolve(process.argv[2] ?? path.join(home, "dist/package")));

/** Replaces `folder` by the package. */
export function buildPackage(folder: string): void {
  const draft = `${folder}.new-${process.pid}`;
  try {
    compile(draft);
    copyFileSync(path.join(root, "LICENSE"), path.join(draft, "LICENSE"));
    copyPages(draft);
    writeFileSync(path.join(draft, "package.json"), `${JSON.stringify(manifest(), undefined, 2)}\n`);
    mkdirSync(path.dirname(folder), { recursive: true });
    rmSync(folder, { recursive: true, force: true });
    renameSync(draft, folder);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** JavaScript with maps that hold its source, and declarations; these name each other by files that a user has. */
function compile(folder: string): void {
  const tsc = path.join(root, "node_modules/typescript-7/bin/tsc");
  const settings = { composite: false, incremental: false, declarationMap: false, inlineSources: true, outDir: folder };
  const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const { status, stdout } = spawnSync(process.execPath, [tsc, "-p", home, ...flags], { encoding: "utf8" });
  if (status !== 0) throw new Error(`packages/resilience does not compile:\n${stdout}`);
  for (const file of readdirSync(folder, { recursive: true, encoding: "utf8" })) {
    if (!file.endsWith(".d.ts")) continue;
    const full = path.join(folder, file);
    writeFileSync(full, readFileSync(full, "utf8").replaceAll(/(from "\.[^"]+)\.ts"/g, '$1.js"'));
  }
}

/** The pages go with the package: the first one as its README, the others beside it. */
function copyPages(folder: string): void {
  const pages = path.join(root, "docs/resilience");
  mkdirSync(path.join(folder, "docs"));
  for (const page of readdirSync(pages)) {
    const text = readFileSync(path.join(pages, page), "utf8");
    if (page === "README.md")
      writeFileSync(path.join(folder, page), text.replaceAll(/\(([a-z-]+\.md)\)/g, "(docs/$1)"));
    else writeFileSync(path.join(folder, "docs", page), text);
  }
}

function manifest(): object {
  const own = JSON.parse(readFileSync(path.join(home, "package.json"), "utf8")) as Readonly<Record<string, unknown>>;
  const { name, version, description, license, type, engines, sideEffects } = own;
  const entry = (file: string): object => ({ types: `./${file}.d.ts`, default: `./${file}.js` });
  const exported = { ".": entry("index"), "./testing": entry("testing") };
  return { name, version, description, license, type, engines, sideEffects, exports: exported };
}
