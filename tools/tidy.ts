// The house rules no other tool knows. Each rule: what it looks at, what it says, why it exists.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";

const root = path.resolve(import.meta.dirname, "..");
const files = execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard"], {
  cwd: root,
  encoding: "utf8",
})
  .split("\n")
  .filter((file) => file !== "" && existsSync(path.join(root, file)));
const text = (file: string): string => readFileSync(path.join(root, file), "utf8");
const problems: string[] = [];
const report = (file: string, line: number, message: string): void => void problems.push(`${file}:${line}: ${message}`);

function eachLine(
  matching: (file: string) => boolean,
  look: (line: string, file: string, number: number) => void,
): void {
  for (const file of files.filter(matching))
    text(file)
      .split("\n")
      .forEach((line, at) => look(line, file, at + 1));
}

const isSource = (file: string): boolean => /^packages\/[^/]+\/src\/.*\.(ts|tsx|cts)$/.test(file);
const isPure = (file: string): boolean => /^packages\/(core|detect|contract)\/src\//.test(file);
const isCode = (file: string): boolean => /\.(ts|tsx|cts|mts|cjs|mjs)$/.test(file);

// Unfinished work has an issue with an owner, not a mark in main.
const unfinished = new RegExp(`\\b(${["TO", "FIX"].map((s) => s + (s === "TO" ? "DO" : "ME")).join("|")})\\b`);
eachLine(isCode, (line, file, at) => {
  if (unfinished.test(line)) report(file, at, "unfinished work is not merged: finish it or file an issue");
});

// A test that runs alone hides the others.
eachLine(
  (file) => file.endsWith(".test.ts"),
  (line, file, at) => {
    if (/\b(test|it|describe)\.only\(/.test(line)) report(file, at, "remove .only");
  },
);

// In a pure package time and chance are arguments (style.md 2).
eachLine(isPure, (line, file, at) => {
  const code = line.replace(/\/\/.*$/, "");
  if (/^\s*\*/.test(line)) return;
  if (
    /\bDate\.now\(|\bnew Date\(\)|\bMath\.random\(|\bperformance\.now\(|\bset(Timeout|Interval|Immediate)\(/.test(code)
  )
    report(file, at, "a pure package takes `now` and `random` as arguments");
});

// Each source file starts by saying what it promises.
for (const file of files.filter((name) => isSource(name) && !name.endsWith("/index.ts"))) {
  if (!/^(#!.*\n)?\s*(\/\/|\/\*)/.test(text(file)))
    report(file, 1, "start with one to five lines: what this file promises, what it leaves to others");
}

// File names are kebab-case nouns.
for (const file of files.filter(isSource)) {
  if (!/^[a-z0-9.-]+$/.test(path.basename(file))) report(file, 1, "file names are kebab-case");
}

// A registry's host in a commit ties the project to one machine; an install script breaks `npm ci` under npm 12.
if (existsSync(path.join(root, "package-lock.json"))) {
  const lock = text("package-lock.json");
  if (/"resolved": "https?:/.test(lock))
    report("package-lock.json", 1, "names a registry host; keep omit-lockfile-registry-resolved=true");
  if (lock.includes('"hasInstallScript": true'))
    report("package-lock.json", 1, "holds a package with an install script; choose one without");
}

// One version for all packages.
const versions = new Set(
  files
    .filter((file) => /^packages\/[^/]+\/package\.json$/.test(file))
    .map((file) => (JSON.parse(text(file)) as { version: string }).version),
);
if (versions.size > 1)
  report("package.json", 1, `packages carry ${versions.size} versions (${[...versions].join(", ")}); they share one`);

// The flow is the architecture: folders, keys of `flow` and headings of ARCHITECTURE.md are the same words.
const flowFile = "packages/core/src/engine/flow.ts";
if (files.includes(flowFile)) {
  const keys = [...text(flowFile).matchAll(/^ {2}(\w+): \{$/gm)].map((match) => match[1]);
  const headings = [...text("ARCHITECTURE.md").matchAll(/^### (\w+)$/gm)].map((match) => match[1]?.toLowerCase());
  for (const key of keys) {
    const folder = key === "finding" ? "detection" : key;
    if (!files.some((file) => file.startsWith(`packages/core/src/${folder}/`)))
      report(flowFile, 1, `stage ${key} has no folder packages/core/src/${folder}`);
    if (!headings.includes(key)) report("ARCHITECTURE.md", 1, `no heading "### ${key}" for the stage`);
  }
  if (keys.length === 0) report(flowFile, 1, "lists no stages");
}

for (const problem of problems) console.error(problem);
console.log(problems.length === 0 ? `tidy: ${files.length} files, no problem` : `tidy: ${problems.length} problems`);
process.exit(problems.length === 0 ? 0 : 1);
