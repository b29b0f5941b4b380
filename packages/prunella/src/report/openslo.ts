// OpenSLO v1 (github.com/OpenSLO/OpenSLO), written and read. What Prunella measures itself is named by the metric source type
// "prunella"; documents that say less are taken by what they plainly mean, and everything that is not taken is said.
import type { Slo } from "@prunella/contract";
import { parseAllDocuments, stringify } from "yaml";

export interface ReadSlo {
  readonly target: string;
  readonly objective: Slo["objective"];
  readonly goal: number;
  readonly limit: number | null;
  readonly windowMs: number;
}

export interface ReadOpenSlo {
  readonly slos: readonly ReadSlo[];
  /** What was not taken, and why; one sentence each. */
  readonly problems: readonly string[];
}

/** Documents of a file that are read; characters of a file. */
const documentsMax = 1_000;
const charactersMax = 2_000_000;
const objectives = ["availability", "errors", "p95", "memory", "cpu"] as const;
const unitMs: Readonly<Record<string, number>> = {
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 7 * 86_400_000,
  M: 30 * 86_400_000,
  Q: 90 * 86_400_000,
  Y: 365 * 86_400_000,
};

/** One document per objective, with its burn-rate alerts inline. */
export function openSloText(slos: readonly Slo[]): string {
  return slos.map((slo) => stringify(documentOf(slo), { lineWidth: 0 })).join("---\n");
}

function documentOf(slo: Slo): unknown {
  const name = nameOf(`${slo.target}-${slo.objective}`);
  const source = (metric: string): unknown => ({
    metricSource: {
      type: "prunella",
      spec: {
        target: slo.target,
        objective: slo.objective,
        metric,
        ...(slo.limit === null ? {} : { limit: slo.limit }),
      },
    },
  });
  return {
    apiVersion: "openslo/v1",
    kind: "SLO",
    metadata: { name, displayName: `${slo.target} ${slo.objective}` },
    spec: {
      description: `${slo.target}: ${slo.text}`.slice(0, 1_050),
      service: nameOf(slo.target),
      indicator: {
        metadata: { name: `${name}-indicator`.slice(0, 63) },
        spec: { ratioMetric: { counter: true, good: source("good"), total: source("total") } },
      },
      timeWindow: [{ duration: durationText(slo.windowMs), isRolling: true }],
      budgetingMethod: "Occurrences",
      objectives: [{ displayName: slo.text, target: slo.goal }],
      alertPolicies: [
        {
          kind: "AlertPolicy",
          metadata: { name: `${name}-burn`.slice(0, 63) },
          spec: {
            alertWhenBreaching: true,
            conditions: [
              {
                kind: "AlertCondition",
                metadata: { name: `${name}-fast`.slice(0, 63) },
                spec: {
                  severity: "page",
                  condition: { kind: "burnrate", op: "gt", threshold: 14.4, lookbackWindow: "1h", alertAfter: "5m" },
                },
              },
            ],
            notificationTargets: [],
          },
        },
      ],
    },
  };
}

/** RFC 1123 label of at most 63 characters. */
function nameOf(text: string): string {
  const name = text
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, "-")
    .replaceAll(/^-+|-+$/g, "");
  return (name === "" ? "slo" : name).slice(0, 50).replace(/-+$/, "");
}

function durationText(ms: number): string {
  for (const unit of ["d", "h", "m"] as const) {
    const count = ms / (unitMs[unit] ?? 1);
    if (Number.isInteger(count)) return `${count}${unit}`;
  }
  return `${Math.max(1, Math.round(ms / 60_000))}m`;
}

export function readOpenSlo(text: string): ReadOpenSlo {
  if (text.length > charactersMax)
    return { slos: [], problems: [`it holds ${text.length} characters, more than ${charactersMax}: split it`] };
  const slos: ReadSlo[] = [];
  const problems: string[] = [];
  const indicators = new Map<string, unknown>();
  const values: Fields[] = [];
  for (const [at, document] of parseAllDocuments(text, { maxAliasCount: 0 } as object).entries()) {
    if (at >= documentsMax) {
      problems.push(`only the first ${documentsMax} documents were read: split the file`);
      break;
    }
    const [error] = document.errors;
    if (error !== undefined) {
      problems.push(`document ${at + 1} is no YAML: ${error.message.split("\n")[0] ?? ""}`);
      continue;
    }
    let value: unknown;
    try {
      value = document.toJS({ maxAliasCount: 0 });
    } catch (thrown) {
      problems.push(`document ${at + 1}: ${thrown instanceof Error ? thrown.message : String(thrown)}`);
      continue;
    }
    if (value === null) continue;
    if (!isFields(value)) {
      problems.push(`document ${at + 1} is no mapping: write apiVersion, kind, metadata and spec`);
      continue;
    }
    if (value["kind"] === "SLI") indicators.set(word(fields(value["metadata"])["name"]), value["spec"]);
    values.push(value);
  }
  for (const value of values) {
    const name = word(fields(value["metadata"])["name"]) || "without a name";
    if (value["apiVersion"] !== "openslo/v1") {
      problems.push(`${name}: apiVersion is ${JSON.stringify(value["apiVersion"])}; only openslo/v1 is read`);
      continue;
    }
    if (value["kind"] === "SLI") continue;
    if (value["kind"] !== "SLO") {
      problems.push(
        `${name}: kind ${JSON.stringify(value["kind"])} is left: burn-rate alerts and their delivery are Prunella's own`,
      );
      continue;
    }
    const read = readOne(name, fields(value["spec"]), indicators);
    if (typeof read === "string") problems.push(`${name}: ${read}`);
    else {
      slos.push(...read.slos);
      problems.push(...read.notes.map((note) => `${name}: ${note}`));
    }
  }
  return { slos, problems };
}

function readOne(
  name: string,
  spec: Fields,
  indicators: ReadonlyMap<string, unknown>,
): { readonly slos: ReadSlo[]; readonly notes: string[] } | string {
  const notes: string[] = [];
  const service = spec["service"];
  if (typeof service !== "string" || service === "") return "spec.service is missing; name the target";
  const reference = spec["indicatorRef"];
  const indicator =
    typeof reference === "string" ? fields(indicators.get(reference)) : fields(fields(spec["indicator"])["spec"]);
  if (Object.keys(indicator).length === 0)
    return "has no indicator; write indicator.spec, or indicatorRef to an SLI of the same file";
  const ours = prunellaSource(indicator);
  const [window] = list(spec["timeWindow"]);
  const windowMs = windowOf(fields(window), notes);
  if (windowMs === null) return `spec.timeWindow is no duration such as 30d`;
  if (spec["budgetingMethod"] !== "Occurrences" && spec["budgetingMethod"] !== undefined)
    notes.push(`budgetingMethod ${JSON.stringify(spec["budgetingMethod"])} is taken as Occurrences`);
  const slos: ReadSlo[] = [];
  for (const objective of list(spec["objectives"]).map(fields)) {
    const goal = goalOf(objective);
    if (goal === null) {
      notes.push("an objective has no target between 0 and 1 (or targetPercent between 0 and 100); left");
      continue;
    }
    const kind = ours?.objective ?? guess(name, indicator, objective);
    if (kind === null) {
      notes.push(
        "it cannot be told what is measured; name the metric source type prunella with spec.objective availability, errors, p95, memory or cpu",
      );
      continue;
    }
    const limit = ours?.limit ?? limitOf(kind, objective);
    if (kind !== "availability" && kind !== "errors" && limit === null) {
      notes.push(`${kind} needs a limit: write value beside the target (p95 in ms)`);
      continue;
    }
    slos.push({ target: ours?.target ?? service, objective: kind, goal, limit, windowMs });
  }
  return { slos, notes };
}

function prunellaSource(
  indicator: Fields,
): { target: string; objective: Slo["objective"]; limit: number | null } | null {
  const ratio = fields(indicator["ratioMetric"]);
  for (const part of ["good", "total", "bad"]) {
    const source = fields(fields(ratio[part])["metricSource"]);
    const spec = fields(source["spec"]);
    const objective = objectives.find((each) => each === spec["objective"]);
    if (source["type"] !== "prunella" || objective === undefined || typeof spec["target"] !== "string") continue;
    return { target: spec["target"], objective, limit: typeof spec["limit"] === "number" ? spec["limit"] : null };
  }
  return null;
}

/** A threshold on latency, or a ratio: by the words of its name and queries. */
function guess(name: string, indicator: Fields, objective: Fields): Slo["objective"] | null {
  const words = `${name} ${JSON.stringify(indicator)} ${word(objective["displayName"])}`.toLowerCase();
  if (/latenc|duration|response.?time|p9\d/.test(words)) return "p95";
  if (/memory|rss/.test(words)) return "memory";
  if (/cpu/.test(words)) return "cpu";
  if (/availab|uptime|probe_success|\bup\b/.test(words)) return "availability";
  if (/error|5xx|status|success|request/.test(words)) return "errors";
  return null;
}

function limitOf(kind: Slo["objective"], objective: Fields): number | null {
  const value = objective["value"];
  if (kind === "availability" || kind === "errors" || typeof value !== "number" || !(value > 0)) return null;
  // Prometheus counts in seconds; a limit below 60 for latency can only be meant so.
  return kind === "p95" && value < 60 ? value * 1_000 : value;
}

function goalOf(objective: Fields): number | null {
  const { target, targetPercent } = objective;
  const goal =
    typeof target === "number" ? target : typeof targetPercent === "number" ? targetPercent / 100 : Number.NaN;
  return goal > 0 && goal < 1 ? Math.round(goal * 1e9) / 1e9 : null;
}

function windowOf(window: Fields, notes: string[]): number | null {
  if (window["duration"] === undefined) return 30 * 86_400_000;
  const match = /^([1-9]\d{0,5})([mhdwMQY])$/.exec(word(window["duration"]));
  if (match === null) return null;
  if (window["isRolling"] === false) notes.push("a calendar window is taken as a rolling one of the same length");
  return Number(match[1]) * (unitMs[match[2] ?? ""] ?? 0);
}

/** The `slo:` lines that say the same in prunella.yaml. */
export function sloConfiguration(slos: readonly ReadSlo[]): string {
  const targets = [...new Set(slos.map((slo) => slo.target))];
  if (targets.length === 0) return "";
  const lines = targets.map((target) => {
    const own = slos.filter((slo) => slo.target === target);
    const window = own[0]?.windowMs ?? 0;
    const parts = own.map((slo) => `${slo.objective}: ${valueOf(slo)}`);
    return `  ${JSON.stringify(target)}: { slo: { ${[...parts, `window: ${durationText(window)}`].join(", ")} } }`;
  });
  return `# merge into the services: or targets: of prunella.yaml\nservices:\n${lines.join("\n")}\n`;
}

function valueOf(slo: ReadSlo): string {
  const share = (value: number): string => `${Number((value * 100).toFixed(6))}%`;
  switch (slo.objective) {
    case "availability":
      return share(slo.goal);
    case "errors":
      return share(1 - slo.goal);
    case "p95":
      return `${slo.limit ?? 0}ms`;
    case "memory":
      return `${slo.limit ?? 0}B`;
    case "cpu":
      return share(slo.limit ?? 0);
    default:
      return slo.objective satisfies never;
  }
}

type Fields = Readonly<Record<string, unknown>>;
function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
/** Text as it stands; "" for anything that is no text. */
function word(value: unknown): string {
  return typeof value === "string" ? value : "";
}

function fields(value: unknown): Fields {
  return isFields(value) ? value : {};
}
function list(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as readonly unknown[]) : [];
}
