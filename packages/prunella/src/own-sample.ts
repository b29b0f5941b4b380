// What the control plane itself uses, added to the sample that the agent takes of Prunella once a second.
import { ownTarget, type ObservationSignal } from "@prunella/core";
import process from "node:process";

export function ownSample(): (signal: ObservationSignal) => ObservationSignal {
  let used = process.cpuUsage();
  let at = performance.now();
  return (signal) => {
    if (signal.type !== "sample" || signal.target !== ownTarget) return signal;
    const passedMs = Math.max(1, performance.now() - at);
    const spent = process.cpuUsage(used);
    used = process.cpuUsage();
    at = performance.now();
    return {
      ...signal,
      values: {
        ...signal.values,
        controlRssBytes: process.memoryUsage.rss(),
        controlCpuShare: (spent.user + spent.system) / 1_000 / passedMs,
      },
    };
  };
}
