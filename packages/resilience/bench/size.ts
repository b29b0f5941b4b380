// node packages/resilience/bench/size.ts [--check] [--all]: size of what an application ships, bundled and minified by
// rolldown, then gzipped. --check fails above the bounds (docs/decisions/size-of-resilience.md says why they are what they
// are); --all lists every function of the package alone.
import path from "node:path";
import process from "node:process";
import { bundle } from "./bundle.ts";

const src = path.resolve(import.meta.dirname, "../src/index.ts");
const alone = async (name: string): Promise<number> =>
  (await bundle(`export { ${name} } from ${JSON.stringify(src)}`)).gzipped;

const bounds: readonly { readonly what: string; readonly code: string; readonly kBMax: number }[] = [
  { what: "whole package", code: `export * from ${JSON.stringify(src)}`, kBMax: 33.8 },
  { what: "breaker alone", code: `export { breaker } from ${JSON.stringify(src)}`, kBMax: 3.6 },
];

let failed = false;
for (const { what, code, kBMax } of bounds) {
  const { minified, gzipped } = await bundle(code);
  const over = gzipped > kBMax * 1000;
  failed ||= over;
  console.log(
    `${what.padEnd(20)}${String(minified).padStart(8)} B min${String(gzipped).padStart(8)} B min+gzip   at most ${kBMax} kB${over ? "   TOO LARGE" : ""}`,
  );
}
if (process.argv.includes("--all")) {
  const exported = (await import("@prunella/resilience")) as Readonly<Record<string, unknown>>;
  const functions = Object.keys(exported).filter((name) => /^[a-z]/.test(name) && typeof exported[name] === "function");
  const sizes: [string, number][] = [];
  for (const name of functions) sizes.push([name, await alone(name)]);
  for (const [name, size] of sizes.toSorted((a, b) => b[1] - a[1]))
    console.log(`${name.padEnd(20)}${String(size).padStart(8)} B`);
}
process.exit(failed && process.argv.includes("--check") ? 1 : 0);
