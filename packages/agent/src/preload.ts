// Makes Node services load the probe: the file to preload, and the environment that does it.
import { existsSync } from "node:fs";
import { probeSocketPath, type Plan, type ServicePlan } from "@prunella/adapters";
import type { LogWrite } from "./words.ts";

/** The file to preload into Node services, or null when no service wants it or it cannot be made. */
export async function preloadFile(plan: Plan, dataFolder: string, log: LogWrite): Promise<string | null> {
  if (plan.services.every((service) => service.probe === "off")) return null;
  if (plan.probeFile !== undefined && existsSync(plan.probeFile)) return plan.probeFile;
  try {
    const { probeFile } = await import("@prunella/probe");
    return probeFile(dataFolder);
  } catch (error) {
    log("error", "no-probe", { reason: error instanceof Error ? error.message : String(error) });
    return null;
  }
}

/** Added to a service's own environment; options it has for Node already are kept. */
export function probeEnvironment(service: ServicePlan, preload: string, dataFolder: string): Record<string, string> {
  const before = service.env["NODE_OPTIONS"] ?? process.env["NODE_OPTIONS"] ?? "";
  return {
    NODE_OPTIONS: `${before} --require "${preload}"`.trim(),
    PRUNELLA_PROBE_SOCKET: probeSocketPath(dataFolder),
    // We may ourselves run under a probe; the service is not its child.
    PRUNELLA_PROBE_PARENT: "",
  };
}
