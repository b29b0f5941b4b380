// The optimising compilers take 15 MB of a process that hardly computes: their pages, and the code that they make. So the control
// plane starts without them (up.ts) and takes them, for good, when it has work for them.
import { setFlagsFromString } from "node:v8";

/** Share of a core over that many seconds in a row: 50 idle services take 3 %, 200 findings a second more than 10 %. */
const busyShare = 0.08;
const busySeconds = 5;

/** To be told once a second what share of a core was used. */
export function compilersWhenBusy(): (cpuShare: number) => void {
  let seconds = 0;
  return (cpuShare) => {
    if (seconds >= busySeconds) return;
    seconds = cpuShare >= busyShare ? seconds + 1 : 0;
    if (seconds < busySeconds) return;
    for (const flag of ["--maglev", "--opt"]) setFlagsFromString(flag);
  };
}
