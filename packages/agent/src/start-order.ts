// Which services start before which: pure. A cycle in `after` (the configuration's check refuses them) ends up in the last
// group together, so nothing ever waits for itself.
import type { ServicePlan } from "@prunella/adapters";

/** Keys of a service's processes: "name", or "name/0" … when there are or may be several, as the configuration compiles them. */
export function targetsOf(service: ServicePlan): string[] {
  const count = Math.max(service.instances, service.scale?.max ?? 1);
  if (count === 1) return [service.name];
  return Array.from({ length: count }, (_, at) => `${service.name}/${at}`);
}

/** Whether an instance runs from the start, or only when its service is scaled up. */
export function runsAtStart(target: string, service: ServicePlan): boolean {
  return Number(target.split("/")[1] ?? 0) < service.instances;
}

/** Groups of service names: each needs only services of earlier groups. */
export function startGroups(services: readonly ServicePlan[]): string[][] {
  const names = new Set(services.map((service) => service.name));
  const groups: string[][] = [];
  const placed = new Set<string>();
  let left = [...services];
  while (left.length > 0) {
    const ready = left.filter((service) =>
      needs(service).every((name) => placed.has(name) || !names.has(name) || name === service.name),
    );
    const group = ready.length > 0 ? ready : left;
    groups.push(group.map((service) => service.name));
    for (const service of group) placed.add(service.name);
    left = left.filter((service) => !placed.has(service.name));
  }
  return groups;
}

/** Names of what a service needs; an instance ("db/1") counts as its service. */
export function needs(service: ServicePlan): string[] {
  return service.after.map((target) => target.split("/")[0] ?? target);
}
