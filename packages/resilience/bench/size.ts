// node packages/resilience/bench/size.ts [--check]: size of what an application ships, bundled and minified by rolldown,
// then gzipped. --check fails above the bounds.
import { readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";

const src = path.resolve(import.meta.dirname, "../src/index.ts");
const imports: readonly { readonly what: string; readonly code: string; readonly kBMax?: number }[] = [
  { what: "whole package", code: `export * from ${JSON.stringify(src)}`, kBMax: 25 },
  { what: "breaker alone", code: `export { breaker } from ${JSON.stringify(src)}`, kBMax: 2 },
  ...["timeout", "retry", "bulkhead", "hedge", "fallback", "degrade", "pipeline"].map((name) => ({
    what: `${name} alone`,
    code: `export { ${name} } from ${JSON.stringify(src)}`,
  })),
];

let failed = false;
for (const { what, code, kBMax } of imports) {
  const { text, gzipped } = await bundle(code);
  const over = kBMax !== undefined && gzipped > kBMax * 1000;
  failed ||= over;
  console.log(
    `${what.padEnd(18)}${text.padStart(8)} B min${String(gzipped).padStart(8)} B min+gzip${kBMax === undefined ? "" : `   at most ${kBMax} kB`}${over ? "   TOO LARGE" : ""}`,
  );
}
if (readFileSync(src, "utf8") === "") throw new Error("the package exports nothing");
process.exit(failed && process.argv.includes("--check") ? 1 : 0);

async function bundle(code: string): Promise<{ text: string; gzipped: number }> {
  const build = await rolldown({
    input: "entry",
    plugins: [
      {
        name: "entry",
        resolveId: (id) => (id === "entry" ? id : null),
        load: (id) => (id === "entry" ? code : null),
      },
    ],
    logLevel: "silent",
  });
  const { output } = await build.generate({ format: "esm", minify: true });
  const text = output[0].code;
  return { text: String(text.length), gzipped: gzipSync(text, { level: 9 }).length };
}
