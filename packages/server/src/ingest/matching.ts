// Which target a signal from outside speaks of. Names that are in the configuration win; then addresses; nothing is guessed
// beyond that, and what fits nothing is counted and told to its sender.
import type { TargetSpec } from "@prunella/core";

type Targets = ReadonlyMap<string, TargetSpec>;

/** The first of `names` that is a target, or a service whose instances are: then its first instance stands for it. */
export function targetNamed(targets: Targets, names: readonly (string | null | undefined)[]): string | null {
  for (const name of names) {
    if (name === null || name === undefined || name === "") continue;
    if (targets.has(name)) return name;
    for (const spec of targets.values()) if (spec.group === name) return spec.key;
  }
  return null;
}

/** The target that is reached at an address: "host:port", or a URL. */
export function targetAt(targets: Targets, address: string | null | undefined): string | null {
  if (address === null || address === undefined || address === "") return null;
  const wanted = variants(address);
  for (const spec of targets.values())
    if (spec.addresses.some((each) => variants(each).some((one) => wanted.includes(one)))) return spec.key;
  return null;
}

function variants(address: string): string[] {
  const host = (address.includes("://") ? URL.parse(address)?.host : null) ?? address;
  const local = host.replace(/^(localhost|\[::1\]|127\.0\.0\.1)(?=:|$)/, "127.0.0.1");
  return [host, local];
}
