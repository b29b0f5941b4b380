// Fills in what a remedy leaves to the diagnosis: which file to restore, which record to put aside, which lock to remove, which
// folder to prune, which guard to drive. Done once, when the run is created, so that the run's steps say exactly what they do.
import { causeIn, type Evidence, type Json } from "../detection/index.ts";
import type { Incident } from "../issue/index.ts";
import type { Action, Remedy } from "./remedy.ts";

export function resolve(remedy: Remedy, incident: Pick<Incident, "evidence" | "kind">): Remedy {
  const steps = remedy.steps.map((step) => ({ ...step, action: resolved(step.action, incident) }));
  return steps.every((step, at) => step.action === remedy.steps[at]?.action) ? remedy : { ...remedy, steps };
}

function resolved(action: Action, incident: Pick<Incident, "evidence">): Action {
  switch (action.type) {
    case "restore": {
      const causes = action.what === "release" ? ["release-changed"] : ["config-syntax", "config-changed"];
      return action.path === null ? { ...action, path: text(incident, causes, "path") } : action;
    }
    case "quarantine":
      return action.path === null ? { ...action, path: text(incident, ["poison-record"], "path") } : action;
    case "unlock":
      return action.path === null ? { ...action, path: text(incident, ["stale-lock"], "path") } : action;
    case "prune":
      return action.path === null ? { ...action, path: text(incident, ["log", "cache"], "path") } : action;
    case "guard":
      return action.name === null
        ? { ...action, name: text(incident, ["saturated", "consumer-stalled", "not-returned"], "name") }
        : action;
    default:
      return action;
  }
}

/** A text in the data of the first evidence that establishes one of these causes. */
function text(incident: Pick<Incident, "evidence">, causes: readonly string[], field: string): string | null {
  const evidence: Evidence | undefined = causes
    .map((cause) => incident.evidence.find((each) => causeIn(each) === cause))
    .find((each) => each !== undefined);
  const value = (evidence?.data as { readonly [key: string]: Json } | undefined)?.[field];
  return typeof value === "string" ? value : null;
}
