// Takes a sampling heap profile or a CPU profile over an inspector session that the caller opens and closes, and sums it
// up: who allocates, who computes.
import type { HeapProfiler, Profiler, Session } from "node:inspector";
import type { CpuValue, Frame, HeapValue } from "./wire.ts";

const { fileURLToPath } = require("node:url") as typeof import("node:url");

const topMax = 20;
const profileBytesMax = 200_000;
/** Average bytes between two samples of the heap: V8's default, too coarse for nothing that leaks. */
const heapSampleBytes = 32_768;
const cpuSampleMicroseconds = 1_000;

/** A command's `seconds` within 1 and 60. */
function secondsWithin(seconds: unknown, preset: number): number {
  return typeof seconds === "number" && Number.isFinite(seconds) ? Math.min(60, Math.max(1, seconds)) : preset;
}

/** Samples allocations until `wait` resolves; what was freed meanwhile does not count. */
async function heapProfile(session: Session, wait: () => Promise<void>, collect: boolean): Promise<HeapValue> {
  const startedAt = Date.now();
  await post(session, "HeapProfiler.startSampling", { samplingInterval: heapSampleBytes });
  await wait();
  if (collect) await post(session, "HeapProfiler.collectGarbage");
  const { profile } = (await post(session, "HeapProfiler.stopSampling")) as {
    profile: HeapProfiler.SamplingHeapProfile;
  };
  const sums = new Map<string, Frame & { bytes: number }>();
  let sampledBytes = 0;
  // What a built-in allocates is laid at the door of the function that called it: that one can be mended.
  const open = [{ node: profile.head, caller: profile.head.callFrame }];
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { node } = next;
    const own = /^(?!node:)./.test(node.callFrame.url) ? node.callFrame : next.caller;
    for (const child of node.children) open.push({ node: child, caller: own });
    if (node.selfSize === 0) continue;
    sampledBytes += node.selfSize;
    const frame = frameOf(own.url === "" ? node.callFrame : own);
    const sum = sums.get(keyOf(frame)) ?? { ...frame, bytes: 0 };
    sum.bytes += node.selfSize;
    sums.set(keyOf(frame), sum);
  }
  const allocators = [...sums.values()].sort((a, b) => b.bytes - a.bytes).slice(0, topMax);
  return { seconds: (Date.now() - startedAt) / 1_000, sampledBytes, allocators };
}

/** Samples the stack every millisecond until `wait` resolves. */
async function cpuProfile(session: Session, wait: () => Promise<void>): Promise<CpuValue> {
  await post(session, "Profiler.enable");
  await post(session, "Profiler.setSamplingInterval", { interval: cpuSampleMicroseconds });
  await post(session, "Profiler.start");
  await wait();
  const { profile } = (await post(session, "Profiler.stop")) as { profile: Profiler.Profile };
  await post(session, "Profiler.disable");

  const selfMicroseconds = new Map<number, number>();
  let total = 0;
  profile.samples?.forEach((id, at) => {
    const delta = Math.max(0, profile.timeDeltas?.[at] ?? 0);
    total += delta;
    selfMicroseconds.set(id, (selfMicroseconds.get(id) ?? 0) + delta);
  });
  const sums = new Map<string, Frame & { selfMs: number; share: number }>();
  for (const { id, callFrame } of profile.nodes) {
    const self = selfMicroseconds.get(id);
    if (self === undefined || callFrame.functionName === "(idle)" || callFrame.functionName === "(root)") continue;
    const frame = frameOf(callFrame);
    const sum = sums.get(keyOf(frame)) ?? { ...frame, selfMs: 0, share: 0 };
    sum.selfMs += self / 1_000;
    sum.share += total === 0 ? 0 : self / total;
    sums.set(keyOf(frame), sum);
  }
  const functions = [...sums.values()]
    .sort((a, b) => b.selfMs - a.selfMs)
    .slice(0, topMax)
    .map((each) => ({ ...each, selfMs: Math.round(each.selfMs * 10) / 10, share: Math.round(each.share * 1e4) / 1e4 }));
  const fits = JSON.stringify(profile).length <= profileBytesMax;
  return { seconds: (profile.endTime - profile.startTime) / 1e6, functions, profile: fits ? profile : null };
}

function post(session: Session, method: string, params: object = {}): Promise<unknown> {
  return new Promise((resolve, reject) => {
    session.post(method, params, (error, result) => {
      if (error === null) resolve(result);
      else reject(error instanceof Error ? error : new Error(`${method}: ${JSON.stringify(error)}`));
    });
  });
}

// The inspector counts lines and columns from 0.
function frameOf(frame: { functionName: string; url: string; lineNumber: number; columnNumber: number }): Frame {
  return {
    function: frame.functionName === "" ? "(anonymous)" : frame.functionName,
    url: fileOf(frame.url),
    line: frame.lineNumber + 1,
    column: frame.columnNumber + 1,
  };
}

/** The path that a "file:" URL means; other names (of Node's own modules) as they are. */
function fileOf(url: string): string {
  return url.startsWith("file://") ? fileURLToPath(url) : url;
}

function keyOf(frame: Frame): string {
  return `${frame.function} ${frame.url}:${frame.line}:${frame.column}`;
}

export type ProfilesModule = {
  readonly heapProfile: typeof heapProfile;
  readonly cpuProfile: typeof cpuProfile;
  readonly fileOf: typeof fileOf;
  readonly secondsWithin: typeof secondsWithin;
};
module.exports = { heapProfile, cpuProfile, fileOf, secondsWithin } satisfies ProfilesModule;
