// `npm run mutate -- PACKAGE [FILE…] [--sample=N] [--seed=N] [--list]`: does a test notice when the code is wrong? Changes one
// operator, condition, boolean or statement at a time in a copy of the package, runs the tests that mutation.json names for the
// file, and counts what survives. Strings, numbers and types are left alone. Exit 1 when a file is below the package's floor.
import { cpSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import ts from "typescript";
import { Runner } from "./mutate-runner.ts";
import { requireNode } from "./node-version.ts";

requireNode();

interface Settings {
  /** Least share of mutants that must be noticed, in per cent. */
  readonly floor: number;
  /** Source file to the tests that are run for it. */
  readonly files: Readonly<Record<string, readonly string[]>>;
}

interface Mutant {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

const swaps: Readonly<Record<string, string>> = {
  "<": "<=",
  "<=": "<",
  ">": ">=",
  ">=": ">",
  "===": "!==",
  "!==": "===",
  "&&": "||",
  "||": "&&",
  "+": "-",
  "-": "+",
  "*": "/",
  "/": "*",
  "+=": "-=",
  "-=": "+=",
  "??=": "=",
};

const flags = process.argv.slice(2).filter((each) => each.startsWith("--"));
const [name, ...only] = process.argv.slice(2).filter((each) => !each.startsWith("--"));
const numberOf = (flag: string, fallback: number): number =>
  Number(flags.find((each) => each.startsWith(`--${flag}=`))?.split("=")[1] ?? fallback);
const root = path.resolve(import.meta.dirname, "..");
const source = path.join(root, "packages", name ?? "");
const settingsFile = path.join(source, "mutation.json");
if (name === undefined || !existsSync(settingsFile)) {
  console.error("npm run mutate -- PACKAGE: a package with a mutation.json, resilience for instance");
  process.exit(2);
}
const settings = JSON.parse(readFileSync(settingsFile, "utf8")) as Settings;
const copy = path.join(root, ".cache", `mutate-${name}-${process.pid}`);
const sample = numberOf("sample", Infinity);
let seed = numberOf("seed", 1);

rmSync(copy, { recursive: true, force: true });
mkdirSync(copy, { recursive: true });
for (const part of ["package.json", "src", "test"])
  cpSync(path.join(source, part), path.join(copy, part), { recursive: true });
if (existsSync(path.join(source, "node_modules")))
  symlinkSync(path.join(source, "node_modules"), path.join(copy, "node_modules"));

let below = 0;
let all = 0;
let noticedOfAll = 0;
for (const [file, tests] of Object.entries(settings.files)) {
  if (only.length > 0 && !only.some((each) => file.includes(each))) continue;
  const text = readFileSync(path.join(copy, file), "utf8");
  const possible = mutantsOf(file, text);
  const mutants = chosen(possible);
  if (flags.includes("--list")) {
    for (const each of mutants) console.log(`${file} ${describe(text, each)}`);
    continue;
  }
  const runner = new Runner(copy, file, tests);
  if (!(await runner.passesUnchanged(text))) {
    console.error(`${file}: its tests fail without any change`);
    runner.close();
    process.exit(2);
  }
  const survivors: string[] = [];
  for (const mutant of mutants) {
    const changed = text.slice(0, mutant.start) + mutant.text + text.slice(mutant.end);
    if (await runner.passes(changed)) survivors.push(describe(text, mutant));
  }
  runner.close();
  const noticed = mutants.length - survivors.length;
  all += mutants.length;
  noticedOfAll += noticed;
  const share = (100 * noticed) / Math.max(1, mutants.length);
  if (share < settings.floor) below += 1;
  const sampled = mutants.length < possible.length ? `, a sample of ${possible.length}` : "";
  console.log(`${file}: ${noticed} of ${mutants.length} noticed (${share.toFixed(0)} %)${sampled}`);
  for (const each of survivors) console.log(`  survived ${each}`);
}
rmSync(copy, { recursive: true, force: true });
if (flags.includes("--list")) process.exit(0);
console.log(
  `in all ${noticedOfAll} of ${all} noticed (${((100 * noticedOfAll) / Math.max(1, all)).toFixed(1)} %), floor ${settings.floor} %`,
);
process.exit(below > 0 ? 1 : 0);

function mutantsOf(file: string, text: string): Mutant[] {
  const found: Mutant[] = [];
  const tree = ts.createSourceFile(file, text, ts.ScriptTarget.ESNext, true);
  const add = (node: ts.Node, replacement: string): void =>
    void found.push({ start: node.getStart(tree), end: node.getEnd(), text: replacement });
  const visit = (node: ts.Node): void => {
    if (
      ts.isTypeNode(node) ||
      ts.isInterfaceDeclaration(node) ||
      ts.isTypeAliasDeclaration(node) ||
      ts.isImportDeclaration(node)
    )
      return;
    if (ts.isBinaryExpression(node)) {
      const swap = swaps[node.operatorToken.getText(tree)];
      if (swap !== undefined) add(node.operatorToken, swap);
    } else if (node.kind === ts.SyntaxKind.TrueKeyword) add(node, "false");
    else if (node.kind === ts.SyntaxKind.FalseKeyword) add(node, "true");
    else if (ts.isIfStatement(node) || ts.isConditionalExpression(node)) {
      const condition = ts.isIfStatement(node) ? node.expression : node.condition;
      add(condition, `!(${condition.getText(tree)})`);
    } else if (ts.isPrefixUnaryExpression(node) && node.operator === ts.SyntaxKind.ExclamationToken)
      add(node, node.operand.getText(tree));
    if (ts.isExpressionStatement(node) && !node.getText(tree).startsWith("super(")) add(node, ";");
    ts.forEachChild(node, visit);
  };
  visit(tree);
  return found;
}

/** A sample of a stated size, the same for the same seed, in the order of the file. */
function chosen(mutants: readonly Mutant[]): readonly Mutant[] {
  if (mutants.length <= sample) return mutants;
  const left = [...mutants];
  const taken: Mutant[] = [];
  while (taken.length < sample) {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0;
    taken.push(...left.splice(seed % left.length, 1));
  }
  return taken.toSorted((a, b) => a.start - b.start);
}

function describe(text: string, { start, end, text: replacement }: Mutant): string {
  const line = text.slice(0, start).split("\n").length;
  const short = (part: string): string => part.replaceAll(/\s+/g, " ").slice(0, 70);
  return `line ${line}: ${short(text.slice(start, end))} -> ${short(replacement)}`;
}
