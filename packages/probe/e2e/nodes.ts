// The Node versions that the tests run hosts under: the current one, and another one that PATH may hold.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import path from "node:path";
import process from "node:process";

export interface NodeUnderTest {
  readonly name: string;
  readonly file: string;
  /** Why its tests are skipped, or false. */
  readonly skip: string | false;
}

/** PROBE_TEST_NODES, a list of files separated by ":", adds more. */
export function nodesUnderTest(): NodeUnderTest[] {
  const current: NodeUnderTest = { name: process.version, file: process.execPath, skip: false };
  const others = [
    ...(process.env["PROBE_TEST_NODES"] ?? "").split(":").filter((file) => file !== ""),
    ...(process.env["PATH"] ?? "").split(path.delimiter).map((folder) => path.join(folder, "node")),
  ]
    .filter((file) => existsSync(file))
    .map((file) => ({ name: versionOf(file), file, skip: false as const }))
    .filter(({ name }) => Number(name.slice(1).split(".")[0]) >= 18);
  const versions = new Map([current, ...others].map((each) => [each.name, each]));
  versions.set(current.name, current);
  const found = [...versions.values()];
  return found.length > 1
    ? found
    : [...found, { name: "another version of Node", file: "", skip: "PATH holds no other Node, 18 or newer" }];
}

function versionOf(file: string): string {
  return spawnSync(file, ["--version"], { encoding: "utf8", timeout: 10_000, env: {} }).stdout.trim();
}
