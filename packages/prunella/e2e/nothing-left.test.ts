// Whatever process dies in whatever way, the end that follows leaves nothing running: agent, control plane, services, the older
// Node that started the agent; while starting, running and stopping.
import assert from "node:assert/strict";
import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { test } from "node:test";
import { rest, root, scratch } from "../../../tools/product/harness.ts";

const bin = path.join(root, "packages/prunella/bin/prunella.mjs");
const configuration = `services:
  one: { command: node idle.js }
  two: { command: node idle.js, after: [one] }
http: { port: 0 }
`;

interface Run {
  readonly folder: string;
  readonly child: ChildProcess;
  readonly ended: Promise<unknown>;
}

function start(folder: string, node = process.execPath): Run {
  const child = spawn(node, [bin, "up", "-q"], {
    cwd: folder,
    stdio: "ignore",
    env: { ...process.env, PRUNELLA_DATA: path.join(folder, ".prunella") },
  });
  return { folder, child, ended: new Promise((resolve) => child.once("exit", resolve)) };
}

function prepared(): string {
  const folder = scratch("left");
  writeFileSync(path.join(folder, "prunella.yaml"), configuration);
  writeFileSync(path.join(folder, "idle.js"), "setInterval(() => {}, 1e6);\n");
  return folder;
}

/** Processes that work in the folder, or name it on their command line. */
function processesOf(folder: string): { readonly pid: number; readonly words: string }[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => pid > 1 && pid !== process.pid)
    .flatMap((pid) => {
      try {
        const words = readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ");
        const environment = readFileSync(`/proc/${pid}/environ`, "utf8");
        // One that has ended and was not asked how yet has no words.
        return words !== "" && environment.includes(folder) ? [{ pid, words }] : [];
      } catch {
        return [];
      }
    });
}

const pidOf = (folder: string, words: string): number | undefined =>
  processesOf(folder).find((each) => each.words.includes(words))?.pid;

async function until<T>(look: () => T | undefined, what: string): Promise<T> {
  for (const end = performance.now() + 60_000; performance.now() < end; await rest(20)) {
    const found = look();
    if (found !== undefined) return found;
  }
  throw new Error(`no ${what} within 60 s`);
}

const running = (folder: string): Promise<true> =>
  until(
    () =>
      existsSync(path.join(folder, ".prunella", "control.json")) &&
      processesOf(folder).filter((each) => each.words.includes("idle.js")).length === 2
        ? true
        : undefined,
    "running services and control plane",
  );

async function nothingLeft(folder: string): Promise<void> {
  let left = processesOf(folder);
  for (const end = performance.now() + 20_000; left.length > 0 && performance.now() < end; await rest(50))
    left = processesOf(folder);
  for (const { pid } of left) process.kill(pid, "SIGKILL");
  assert.deepEqual(left, []);
  rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
}

const victims = { "the control plane": "program.mjs control", "a service": "idle.js" } as const;
for (const [name, words] of Object.entries(victims)) {
  test(`${name} is killed while it starts: SIGTERM leaves nothing`, async () => {
    const run = start(prepared());
    process.kill(await until(() => pidOf(run.folder, words), name), "SIGKILL");
    run.child.kill("SIGTERM");
    await run.ended;
    await nothingLeft(run.folder);
  });

  test(`${name} is killed while all run: Ctrl-C leaves nothing`, async () => {
    const run = start(prepared());
    await running(run.folder);
    process.kill(pidOf(run.folder, words) ?? 0, "SIGKILL");
    run.child.kill("SIGINT");
    await run.ended;
    await nothingLeft(run.folder);
  });

  test(`${name} is killed while all stop: nothing is left`, async () => {
    const run = start(prepared());
    await running(run.folder);
    const pid = pidOf(run.folder, words) ?? 0;
    run.child.kill("SIGTERM");
    await rest(5);
    try {
      process.kill(pid, "SIGKILL");
    } catch {
      // It was quicker.
    }
    await run.ended;
    await nothingLeft(run.folder);
  });
}

/** The agent is killed and another takes its place: resolves when that one has started a control plane. */
async function succeeded(first: Run): Promise<Run> {
  first.child.kill("SIGKILL");
  await first.ended;
  const control = (): number | undefined => pidOf(first.folder, victims["the control plane"]);
  await until(() => (control() === undefined ? true : undefined), "end of the control plane");
  const next = start(first.folder);
  await until(control, "control plane");
  return next;
}

test("the agent is killed while all run: its services wait for the next one, whose end leaves nothing", async () => {
  const first = start(prepared());
  await running(first.folder);
  const service = pidOf(first.folder, "idle.js");
  const second = await succeeded(first);
  assert.equal(pidOf(first.folder, "idle.js"), service);
  second.child.kill("SIGTERM");
  await second.ended;
  await nothingLeft(first.folder);
});

test("the agent is killed while all start, and the next while all stop: the end of the third leaves nothing", async () => {
  const first = start(prepared());
  await until(() => pidOf(first.folder, "idle.js"), "service");
  const second = await succeeded(first);
  await running(first.folder);
  second.child.kill("SIGTERM");
  await rest(5);
  const third = await succeeded(second);
  third.child.kill("SIGTERM");
  await third.ended;
  await nothingLeft(first.folder);
});

const older = "/usr/bin/node";
const isOlder =
  existsSync(older) && /^v(1[89]|2[0-3])\./.test(execFileSync(older, ["--version"], { encoding: "utf8" }));
for (const signal of ["SIGTERM", "SIGINT", "SIGKILL"] as const)
  test(
    `${signal} to the Node that only starts the one Prunella needs ends Prunella`,
    { skip: !isOlder && "no older Node is installed" },
    async () => {
      const run = start(prepared(), older);
      await running(run.folder);
      run.child.kill(signal);
      await run.ended;
      await nothingLeft(run.folder);
    },
  );
