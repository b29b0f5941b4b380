// The architecture on one screen: the stages an observation passes through, in order, each with the pure function that
// decides and what it leaves to the next. Read this file first, then reconcile.ts (what drives it), then engine.ts (the shell).
// Folder names, the headings of ARCHITECTURE.md and the labels of the timeline are these words; a tidy rule compares them.
import { detect, observe } from "../detection/index.ts";
import { causeOf, questionFor, rootCause } from "../diagnosis/index.ts";
import { escalate, fold, recover } from "../issue/index.ts";
import { begin, chooseRemedy, mayRepair, record } from "../repair/index.ts";
import { kpis, statusReport } from "../report/index.ts";
import { isEvent } from "../signal/index.ts";
import { judge } from "../verification/index.ts";

export const flow = {
  signal: {
    promise:
      "one observation of one target; events are stored before they are acknowledged, observations repeat by themselves",
    by: { isEvent, observe },
  },
  finding: {
    promise: "the whole set of faults a target has now, as levels with evidence; nothing here remembers an edge",
    by: { detect },
  },
  issue: {
    promise:
      "one live issue per fingerprint, one open incident per occurrence; repeated findings fold in; every incident ends",
    by: { fold, recover, escalate },
  },
  diagnosis: {
    promise:
      "the root cause with what establishes it; cause suppresses effect; a silent witness never holds a repair back",
    by: { causeOf, questionFor, rootCause },
  },
  repair: {
    promise: "the fitting remedy, if every guard allows it; intent stored before effect, outcome after; one per target",
    by: { chooseRemedy, mayRepair, begin, record },
  },
  verification: {
    promise: "watched healthy for the whole window, or it did not help; no data is not health",
    by: { judge },
  },
  report: {
    promise: "what happened and how well it went, computed from the records alone, counts beside every rate",
    by: { kpis, statusReport },
  },
} as const;

export type Stage = keyof typeof flow;
export const stages = Object.keys(flow) as readonly Stage[];
