// A CPU profile as a flame graph: calls merged by their stack, width by time. Pure; takes V8's own format and bounds what it
// makes of it.
export interface Frame {
  readonly name: string;
  readonly place: string;
  readonly depth: number;
  /** Share of the whole, 0 to 1, and where it begins. */
  readonly start: number;
  readonly share: number;
  readonly selfShare: number;
}

export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number;
    readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
    readonly children?: readonly number[];
  }[];
  readonly samples?: readonly number[];
  readonly timeDeltas?: readonly number[];
}

/** Frames narrower than this are left out; frames and depth made at most. */
const shareMin = 0.002;
const framesMax = 1_500;
const depthMax = 60;

export function isCpuProfile(data: unknown): data is CpuProfile {
  if (typeof data !== "object" || data === null) return false;
  const { nodes, samples } = data as { readonly nodes?: unknown; readonly samples?: unknown };
  return Array.isArray(nodes) && nodes.length > 0 && Array.isArray(samples);
}

export function flameOf(profile: CpuProfile): readonly Frame[] {
  const self = new Map<number, number>();
  profile.samples?.forEach((id, at) => self.set(id, (self.get(id) ?? 0) + Math.max(0, profile.timeDeltas?.[at] ?? 1)));
  const byId = new Map(profile.nodes.map((node) => [node.id, node]));
  const isChild = new Set(profile.nodes.flatMap((node) => node.children ?? []));
  const total = new Map<number, number>();
  const sum = (id: number, seen: number): number => {
    const known = total.get(id);
    if (known !== undefined || seen > 500) return known ?? 0;
    const node = byId.get(id);
    const value = (self.get(id) ?? 0) + (node?.children ?? []).reduce((all, child) => all + sum(child, seen + 1), 0);
    total.set(id, value);
    return value;
  };
  const roots = profile.nodes.filter((node) => !isChild.has(node.id));
  const whole = roots.reduce((all, node) => all + sum(node.id, 0), 0);
  if (whole === 0) return [];
  const frames: Frame[] = [];
  const lay = (id: number, depth: number, start: number): void => {
    const node = byId.get(id);
    const share = (total.get(id) ?? 0) / whole;
    if (node === undefined || share < shareMin || depth > depthMax || frames.length >= framesMax) return;
    const { functionName, url, lineNumber } = node.callFrame;
    const isRoot = functionName === "(root)";
    if (!isRoot)
      frames.push({
        name: functionName === "" ? "(anonymous)" : functionName,
        place: url === "" ? "" : `${url}:${lineNumber + 1}`,
        depth,
        start,
        share,
        selfShare: (self.get(id) ?? 0) / whole,
      });
    let at = start;
    const children = [...(node.children ?? [])].sort((a, b) => (total.get(b) ?? 0) - (total.get(a) ?? 0));
    for (const child of children) {
      lay(child, isRoot ? depth : depth + 1, at);
      at += (total.get(child) ?? 0) / whole;
    }
  };
  let at = 0;
  for (const root of roots) {
    lay(root.id, 0, at);
    at += (total.get(root.id) ?? 0) / whole;
  }
  return frames;
}
