// Answers questions with evidence: through the service's probe where there is one, else from what the kernel says.
import type { Evidence, Json, Question, TimeMs } from "@prunella/core";
import type { HeapValue, StackValue } from "@prunella/probe";
import type { Scheduler } from "@prunella/adapters";
import { portFacts } from "./port-owner.ts";
import { parseField } from "./proc/parse.ts";
import { readText } from "./proc/read.ts";
import type { ProbeHub } from "./probes.ts";
import type { Service } from "./service.ts";

export interface QuestionsOptions {
  readonly now: () => TimeMs;
  readonly service: (target: string) => Service | null;
  readonly probes: ProbeHub;
  readonly scheduler: Scheduler;
  readonly folder: string;
}

/** Null when nothing can be learned. Rejects when the one who was asked did not answer in time. */
export function examine(question: Question, options: QuestionsOptions): Promise<Evidence | null> {
  switch (question.want) {
    case "stack":
      return stack(question, options);
    case "heap":
      return heap(question, options);
    case "port-owner":
      return Promise.resolve(portOwner(question, options));
    case "recheck":
      return recheck(question, options);
    default:
      return question.want satisfies never;
  }
}

async function stack(question: Question, options: QuestionsOptions): Promise<Evidence | null> {
  const at = options.now();
  const pid = options.service(question.target)?.pid ?? null;
  if (pid === null) return null;
  if (!options.probes.has(question.target)) return kernelView(at, pid);
  let answer;
  try {
    answer = await options.probes.ask(question.target, pid, { command: "stack" }, question.timeoutMs);
  } catch {
    return kernelView(at, pid);
  }
  if (!answer.ok) return kernelView(at, pid);
  const value = answer.value as StackValue;
  if (value.state === "turning")
    return { at, what: "stack", summary: "the event loop turns: nothing blocks it now", data: { state: "turning" } };
  if (value.state === "native") {
    const where = value.syscall ?? value.wchan ?? "native code";
    return {
      at,
      what: "stack",
      summary: `blocked for ${value.blockedMs} ms outside JavaScript, in ${where}`,
      data: value as unknown as Json,
    };
  }
  // The innermost function of the service's own code; built-ins it calls are in the stack below.
  const top = value.frames.find((frame) => frame.url !== "" && !/^(node|native):?/.test(frame.url)) ?? value.frames[0];
  const place =
    top === undefined ? "unknown" : `${top.function || "(anonymous)"} (${top.url}:${top.line}:${top.column})`;
  const text = value.frames
    .map((frame) => `    at ${frame.function || "(anonymous)"} (${frame.url}:${frame.line}:${frame.column})`)
    .join("\n")
    .slice(0, 16_000);
  return {
    at,
    what: "stack",
    summary: `blocked for ${value.blockedMs} ms in ${place}`,
    text,
    data: value as unknown as Json,
  };
}

/** Without a probe: what the kernel knows of the main thread. It names a system call, never a function. */
function kernelView(at: TimeMs, pid: number): Evidence | null {
  const status = readText(`/proc/${pid}/status`);
  if (status === null) return null;
  const state = parseField(status, "State") ?? "unknown";
  const facts = {
    pid,
    state,
    waitingIn: readText(`/proc/${pid}/wchan`),
    systemCall: readText(`/proc/${pid}/syscall`)?.trim() ?? null,
    voluntarySwitches: Number(parseField(status, "voluntary_ctxt_switches") ?? 0),
    forcedSwitches: Number(parseField(status, "nonvoluntary_ctxt_switches") ?? 0),
  };
  const waits =
    facts.waitingIn !== null && facts.waitingIn !== "0" && facts.waitingIn !== ""
      ? `, waits in ${facts.waitingIn}`
      : "";
  return { at, what: "stack", summary: `seen from outside: process ${pid} is ${state}${waits}`, data: facts };
}

async function heap(question: Question, options: QuestionsOptions): Promise<Evidence | null> {
  if (!options.probes.has(question.target)) return null;
  const pid = options.service(question.target)?.pid ?? null;
  const seconds = Math.min(10, Math.max(1, Math.floor(question.timeoutMs / 1_000) - 2));
  const answer = await options.probes.ask(question.target, pid, { command: "heap", seconds }, question.timeoutMs);
  if (!answer.ok) return null;
  const value = answer.value as HeapValue;
  const [top] = value.allocators;
  const share = top === undefined ? 0 : Math.round((100 * top.bytes) / Math.max(1, value.sampledBytes));
  const summary =
    top === undefined
      ? `nothing that was allocated within ${value.seconds} s is still held`
      : `${share} % of what was allocated within ${value.seconds} s and is still held comes from ${top.function || "(anonymous)"} (${top.url}:${top.line})`;
  return { at: options.now(), what: "heap", summary, data: value as unknown as Json };
}

function portOwner(question: Question, options: QuestionsOptions): Evidence | null {
  const port = Number(/\d+$/.exec(question.detail)?.[0] ?? options.service(question.target)?.plan.ports[0]);
  const at = options.now();
  if (!Number.isInteger(port)) return null;
  const facts = portFacts(port);
  if (!facts.taken) return { at, what: "owner", summary: `nobody listens on port ${port}`, data: { port, owners: [] } };
  const owners = facts.owners.map((owner) => {
    const ours = owner.marker?.startsWith(`${options.folder}:`) === true;
    const { pid, command, user } = owner;
    const since = new Date(owner.startedAtMs).toISOString();
    return {
      pid,
      command,
      user,
      since,
      ours,
      target: ours ? (owner.marker ?? "").slice(options.folder.length + 1) : null,
    };
  });
  const [first] = owners;
  const summary =
    first === undefined
      ? `port ${port} is held by a process of another user, which may not be looked at`
      : `port ${port} is held by process ${first.pid} of user ${first.user} since ${first.since}${first.ours ? `, left by our service ${first.target}` : ""}: ${first.command}`;
  return { at, what: "owner", summary, data: { port, owners } };
}

async function recheck(question: Question, options: QuestionsOptions): Promise<Evidence | null> {
  const results = await options.scheduler.runNow(question.target);
  if (results.length === 0) return null;
  const text = results
    .map(({ check, result }) => `${check.name} (${check.role}): ${result.ok ? "passed" : "failed"}: ${result.message}`)
    .join("\n");
  const bad = results.filter(({ result }) => !result.ok);
  return {
    at: options.now(),
    what: "check",
    summary:
      bad.length === 0
        ? `all ${results.length} checks pass`
        : `${bad.length} of ${results.length} checks fail: ${bad[0]?.check.name}: ${bad[0]?.result.message}`,
    text,
    data: results.map(({ check, result }) => ({
      check: check.name,
      role: check.role,
      ok: result.ok,
      latencyMs: result.latencyMs,
      message: result.message,
    })),
  };
}
