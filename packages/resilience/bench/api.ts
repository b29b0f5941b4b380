// node packages/resilience/bench/api.ts [--update]: the public surface as text, from the declarations that tsc emits, so
// that a change of it is a visible diff of api.txt. Without --update it fails when the text is not up to date.
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { spawnSync } from "node:child_process";

const here = path.resolve(import.meta.dirname, "..");
export const apiFile = path.join(here, "api.txt");

/** Declarations of every file that index.ts re-exports, in its order, without comments and private members. */
export function publicSurface(): string {
  const seen = new Set<string>();
  const parts: string[] = [];
  for (const entry of ["index.d.ts", "testing.d.ts"]) visit(path.join(here, "dist", entry), undefined, seen, parts);
  return `${parts.join("\n")}\n`;
}

function visit(file: string, names: readonly string[] | undefined, seen: Set<string>, parts: string[]): void {
  const text = readFileSync(file, "utf8").replace(/\/\/# sourceMappingURL=.*/, "");
  const title = path.relative(path.join(here, "dist"), file).replace(".d.ts", "");
  if (seen.has(title)) return;
  const exportsOf = /^export (?:type )?(\*|\{[^}]*\}) from "(.+?)";$/gm;
  for (const [, what = "*", target = ""] of text.matchAll(exportsOf)) {
    const next = path.resolve(path.dirname(file), target.replace(/\.(ts|js)$/, ".d.ts"));
    visit(next, what === "*" ? names : namesIn(what), seen, parts);
  }
  const own = declarations(text.replaceAll(exportsOf, ""), names);
  if (own === "") return;
  seen.add(title);
  parts.push(`== ${title}`, own, "");
}

function namesIn(braces: string): string[] {
  return braces
    .replace(/[{}]/g, "")
    .split(",")
    .map(
      (name) =>
        name
          .replace(/^\s*type\s+/, "")
          .split(" as ")[0]
          ?.trim() ?? "",
    )
    .filter((name) => name !== "");
}

/** The exported declarations among these lines, comments and private members left out. */
function declarations(text: string, names: readonly string[] | undefined): string {
  const plain = text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/^\s*(#private;|private .*;)$/gm, "");
  const blocks = plain.split(/^(?=export |declare |import |interface |type )/m);
  return blocks
    .filter((block) => block.startsWith("export ") && !block.startsWith("export {}"))
    .filter(
      (block) => names === undefined || names.some((name) => new RegExp(`^export [^=({:]*\\b${name}\\b`).test(block)),
    )
    .map((block) =>
      block
        .split("\n")
        .filter((line) => line.trim() !== "")
        .join("\n"),
    )
    .join("\n");
}

if (process.argv[1] === import.meta.filename) {
  const root = path.resolve(here, "../..");
  const tsc = path.join(root, "node_modules/typescript-7/bin/tsc");
  const built = spawnSync(process.execPath, [tsc, "-b", here], { cwd: root, stdio: "inherit" });
  if (built.status !== 0) process.exit(1);
  const surface = publicSurface();
  if (process.argv.includes("--update")) writeFileSync(apiFile, surface);
  else if (!existsSync(apiFile) || readFileSync(apiFile, "utf8") !== surface) {
    console.error(
      "packages/resilience/api.txt is not up to date: run node packages/resilience/bench/api.ts --update and read the diff",
    );
    process.exit(1);
  }
}
