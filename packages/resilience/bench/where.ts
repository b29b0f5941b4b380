// node packages/resilience/bench/where.ts [NAME…]: of what the compressed bytes of the package (or of these functions alone) are:
// names that a user sees or could see, texts, local names, numbers, syntax. What no rewriting of the code can save is seen here.
import path from "node:path";
import process from "node:process";
import { parseAst } from "rolldown/parseAst";
import { bundle } from "./bundle.ts";
import { bitsOf } from "./deflated.ts";

interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly computed?: boolean;
  readonly shorthand?: boolean;
}

const names = process.argv.slice(2);
const src = JSON.stringify(path.resolve(import.meta.dirname, "../src/index.ts"));
const { text } = await bundle(`export ${names.length > 0 ? `{ ${names.join(", ")} }` : "*"} from ${src}`);
const ascii = text.replace(/[^\0-\x7f]/g, "?");
const { each, tables } = bitsOf(ascii);
const kinds = new Map<string, { bytes: number; times: number }>([["tables of codes", { bytes: tables / 8, times: 1 }]]);
const seen = new Uint8Array(ascii.length);

visit(parseAst(ascii), undefined, "");
for (const { index, 0: word } of ascii.matchAll(/[a-z]+|[^a-z]/g))
  if (seen[index] === 0) count(word === "this" ? "this" : "other syntax", index, index + word.length);

const rows = [...kinds].toSorted(([, a], [, b]) => b.bytes - a.bytes);
for (const [kind, { bytes, times }] of rows)
  console.log(`${kind.padEnd(20)}${bytes.toFixed(0).padStart(7)} B${String(times).padStart(7)} times`);
console.log(
  `${"all".padEnd(20)}${rows
    .reduce((sum, [, { bytes }]) => sum + bytes, 0)
    .toFixed(0)
    .padStart(7)} B`,
);

function count(kind: string, start: number, end: number): void {
  const total = kinds.get(kind) ?? { bytes: 0, times: 0 };
  total.times += 1;
  for (let at = start; at < end; at += 1) {
    total.bytes += (each[at] ?? 0) / 8;
    seen[at] = 1;
  }
  kinds.set(kind, total);
}

function visit(value: unknown, parent: Node | undefined, key: string): void {
  if (Array.isArray(value)) for (const item of value) visit(item, parent, key);
  if (typeof value !== "object" || value === null || !("type" in value)) return;
  const node = value as Node & { readonly value?: unknown };
  if (node.type === "Literal" || node.type === "TemplateElement")
    count(typeof node.value === "number" ? "numbers" : "texts", node.start, node.end);
  else if (node.type === "PrivateIdentifier") count("private names", node.start, node.end);
  else if (node.type === "Identifier") {
    const isMember = (key === "property" || key === "key") && parent?.computed !== true && parent?.shorthand !== true;
    count(isMember ? "names of members" : "local names", node.start, node.end);
  } else
    for (const [inner, child] of Object.entries(node))
      if (!(node.shorthand === true && inner === "key")) visit(child, node, inner);
}
