// What the control plane itself uses, added to the sample that the agent takes of Prunella once a second.
import { ownTarget, type ObservationSignal } from "@prunella/core";
import process from "node:process";

/** `onCpuShare` is told what share of a core was used since the sample before. */
export function ownSample(onCpuShare: (share: number) => void): (signal: ObservationSignal) => ObservationSignal {
  let used = process.cpuUsage();
  let at = performance.now();
  return (signal) => {
    if (signal.type !== "sample" || signal.target !== ownTarget) return signal;
    const passedMs = Math.max(1, performance.now() - at);
    const spent = process.cpuUsage(used);
    used = process.cpuUsage();
    at = performance.now();
    const cpuShare = (spent.user + spent.system) / 1_000 / passedMs;
    onCpuShare(cpuShare);
    return {
      ...signal,
      values: {
        ...signal.values,
        controlRssBytes: process.memoryUsage.rss(),
        controlCpuShare: cpuShare,
      },
    };
  };
}
