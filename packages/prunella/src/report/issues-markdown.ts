// Issues in the Markdown form of a status report: a matrix with one row each, and a section for those with more to say. Reads
// it (encoding damage mended, every row accounted for) and writes it; what was written is read back as it was.
import type { Claim } from "@prunella/contract";
import { claimHeadingRule, claimIdRule, claimedHealings, claimedStatuses } from "@prunella/core";
import { mendEncoding } from "./encoding.ts";
import {
  cellsOf,
  escapeBody,
  escapeInline,
  escapeText,
  fenceEnd,
  row,
  unescapeBody,
  unescapeInline,
  unescapeText,
} from "./markdown.ts";

export interface ReadRow {
  /** Line of the file, from 1. */
  readonly line: number;
  readonly id: string;
  /** Null: the row was not taken. */
  readonly claim: Claim | null;
  /** What was taken as it stands, what was read otherwise, or why it was not taken. */
  readonly notes: readonly string[];
}

export interface ReadIssues {
  readonly rows: readonly ReadRow[];
  /** Places where the encoding was mended. */
  readonly mended: number;
  /** Parts of the file that are no issues, each with why they are left. */
  readonly left: readonly { readonly line: number; readonly heading: string; readonly why: string }[];
}

const severities = ["critical", "medium", "low"] as const;
const marks = { fixed: "✅", pending: "⏳", "in-progress": "🔄", ignored: "🚫", snoozed: "💤" } as const;
const healingMarks = { active: "✅", planned: "🔄", none: "➖", suspended: "⏸️" } as const;
/** Characters of a file that is read at most. */
export const fileCharactersMax = 10_000_000;
const textMax = 1_000;

// ---- reading

export function readIssues(text: string): ReadIssues {
  // U+0000 becomes U+FFFD, as CommonMark (2.3) wants it.
  const plain = text
    .replace(/^\ufeff/, "")
    .replaceAll(/\r\n?/g, "\n")
    .replaceAll("\0", "\ufffd");
  const mended = mendEncoding(plain);
  const lines = mended.text.split("\n");
  const sections = readSections(lines);
  const rows: ReadRow[] = [];
  const seen = new Map<string, number>();
  const left: { line: number; heading: string; why: string }[] = [];
  let columns: readonly string[] | null = null;
  for (let at = 0; at < lines.length; at += 1) {
    const end = fenceEnd(lines, at);
    if (end !== null) {
      at = end;
      continue;
    }
    const heading = headingOf(lines[at] ?? "");
    if (heading !== null) columns = null;
    if (heading !== null && !sections.lines.has(at)) {
      const why = otherParts.find(([name]) => name.test(heading.text))?.[1];
      if (why !== undefined) left.push({ line: at + 1, heading: heading.text, why });
    }
    const cells = cellsOf(lines[at] ?? "");
    if (cells === null) {
      columns = null;
      continue;
    }
    if (columns === null) {
      columns = cells.map((cell) => cell.toLowerCase().replaceAll(/[^a-z]/g, ""));
      continue;
    }
    if (cells.every((cell) => /^:?-+:?$/.test(cell))) continue;
    if (columns[0] !== "id" || !columns.includes("issue")) continue;
    const read = readRow(cells, columns, at + 1, sections.byId);
    const first = seen.get(read.id);
    if (first !== undefined && read.claim !== null)
      rows.push({ ...read, claim: null, notes: [`not taken: ${read.id} was read in line ${first} already`] });
    else rows.push(read);
    if (first === undefined) seen.set(read.id, at + 1);
  }
  for (const [id, section] of sections.byId) {
    if (seen.has(id)) continue;
    const claim = fromSection(id, section);
    rows.push({
      line: section.line,
      id,
      claim,
      notes: ["it has a section and no row in the matrix: severity by its prefix"],
    });
  }
  return { rows, mended: mended.count, left };
}

/** Parts of a report that are figures or plans of another system, and therefore not taken. */
const otherParts: readonly (readonly [RegExp, string])[] = [
  [/^executive summary|^summary/i, "its figures are computed here from what happens here"],
  [/^layer \d|architecture|^layers/i, "coverage is computed here from drills and incidents"],
  [/metrics|kpi|system health|effectiveness/i, "KPIs are computed here from the records"],
  [/^next actions|^immediate|^short-term|^long-term/i, "next actions are derived here from the records"],
];

interface Section {
  readonly line: number;
  readonly title: string;
  readonly parts: Map<string, string>;
  readonly dropped: string[];
}

function readRow(
  cells: readonly string[],
  columns: readonly string[],
  line: number,
  sections: ReadonlyMap<string, Section>,
): ReadRow {
  const cell = (name: string): string => cells[columns.indexOf(name)] ?? "";
  const id = cell("id").replaceAll(/[*`]/g, "").trim();
  if (!claimIdRule.test(id))
    return {
      line,
      id: id.slice(0, 80),
      claim: null,
      notes: [`not taken: ${JSON.stringify(id.slice(0, 40))} is no id; write one like CRIT-001`],
    };
  const notes: string[] = [];
  const title = cut(cell("issue"), "the title", notes);
  if (title === "")
    return { line, id, claim: null, notes: ["not taken: its title is empty; name the failure in a few words"] };
  const severityText = plainWord(cell("severity"));
  const severity = severities.find((each) => each === severityText) ?? severityOf(id);
  if (severityText !== severity)
    notes.push(`severity ${JSON.stringify(cell("severity"))} is not known; taken as ${severity}`);
  const section = sections.get(id);
  for (const dropped of section?.dropped ?? []) notes.push(dropped);
  return {
    line,
    id,
    claim: {
      id,
      severity,
      title,
      status: wordOf(cell("status"), claimedStatuses, "pending", "status", notes),
      selfHealing: wordOf(cell("selfhealing"), claimedHealings, "none", "self-healing", notes),
      rootCause: orNull(cut(cell("rootcause"), "the root cause", notes)),
      solution: orNull(cut(cell("solution"), "the solution", notes)),
      sections: sectionsOf(section, title),
    },
    notes,
  };
}

function fromSection(id: string, section: Section): Claim {
  return {
    id,
    severity: severityOf(id),
    title: section.title.slice(0, textMax),
    status: wordOf(section.parts.get("Status") ?? "pending", claimedStatuses, "pending", "status", []),
    selfHealing: "none",
    rootCause: null,
    solution: null,
    sections: sectionsOf(section, section.title.slice(0, textMax)),
  };
}

function sectionsOf(section: Section | undefined, title: string): Record<string, string> {
  if (section === undefined) return {};
  const parts = Object.fromEntries([...section.parts].filter(([name]) => name !== "Status"));
  return section.title === title ? parts : { Heading: section.title, ...parts };
}

function readSections(lines: readonly string[]): { byId: Map<string, Section>; lines: Set<number> } {
  const byId = new Map<string, Section>();
  const headings = new Set<number>();
  let section: Section | null = null;
  let name: string | null = null;
  let body: string[] = [];
  const close = (): void => {
    if (section !== null && name !== null) {
      const text = trimBody(body);
      if (name === "Text" && text === "") return;
      if (!claimHeadingRule.test(name))
        section.dropped.push(`the part ${JSON.stringify(name.slice(0, 60))} has a name that cannot be kept; left`);
      else section.parts.set(name, text);
    }
  };
  for (let at = 0; at < lines.length; at += 1) {
    const line = lines[at] ?? "";
    const end = fenceEnd(lines, at);
    if (end !== null) {
      body.push(...lines.slice(at, end + 1));
      at = end;
      continue;
    }
    const heading = headingOf(line);
    if (heading !== null || /^-{3,}\s*$/.test(line)) {
      close();
      section = null;
      name = null;
      body = [];
      const match = heading === null ? null : /^([A-Z]{2,8}-\d{1,6})\s*[:—–-]\s*(.*)$/.exec(heading.text);
      const [, id = "", title = ""] = match ?? [];
      if (match !== null && !byId.has(id)) {
        section = { line: at + 1, title: unescapeText(title.trim()), parts: new Map(), dropped: [] };
        byId.set(id, section);
        headings.add(at);
        name = "Text";
      }
      continue;
    }
    const part = section === null ? null : /^\*\*([^*\n]+):\*\*(.*)$/.exec(line);
    if (part !== null) {
      close();
      // A report names what it only passes on "Claimed (…)"; read back, it is the part itself again.
      name = /^Claimed \((.+)\)$/.exec((part[1] ?? "").trim())?.[1] ?? (part[1] ?? "").trim();
      const rest = (part[2] ?? "").trim();
      body = rest === "" ? [] : [inlineMark + rest];
      continue;
    }
    body.push(line);
  }
  close();
  return { byId, lines: headings };
}

/** Marks text on the line of its name, which is not the start of a line; no file that was read holds it. */
const inlineMark = "\u0000";

function trimBody(lines: readonly string[]): string {
  const [first = "", ...rest] = lines;
  const isInline = first.startsWith(inlineMark);
  const text = unescapeBody((isInline ? rest : lines).map((line) => line.replace(/[ \t]+$/, "")).join("\n"));
  const whole = isInline ? `${unescapeInline(first.slice(1))}\n${text}` : text;
  return whole.replace(/^(?:[ \t]*\n)+/, "").replace(/\s+$/, "");
}

function headingOf(line: string): { readonly text: string } | null {
  const match = /^#{1,6}\s+(.*?)\s*#*\s*$/.exec(line);
  return match === null ? null : { text: match[1] ?? "" };
}

/** Letters of a word whatever stands around it: "✅ **FIXED**" is fixed. */
function plainWord(text: string): string {
  return text
    .toLowerCase()
    .replaceAll(/[^a-z\s-]/g, " ")
    .trim()
    .replaceAll(/\s+/g, "-");
}

function wordOf<const T extends string>(
  text: string,
  words: readonly T[],
  fallback: T,
  field: string,
  notes: string[],
): T {
  const found = words.find((word) => word === plainWord(text));
  if (found === undefined && text.trim() !== "")
    notes.push(`${field} ${JSON.stringify(text.slice(0, 40))} is not one of ${words.join(", ")}; taken as ${fallback}`);
  return found ?? fallback;
}

function severityOf(id: string): (typeof severities)[number] {
  return id.startsWith("CRIT") ? "critical" : id.startsWith("MED") ? "medium" : "low";
}

function cut(text: string, field: string, notes: string[]): string {
  const trimmed = text.trim();
  if (trimmed.length <= textMax) return trimmed;
  notes.push(`${field} is ${trimmed.length} characters long; the first ${textMax} are kept`);
  return trimmed.slice(0, textMax).trim();
}

function orNull(text: string): string | null {
  return text === "" ? null : text;
}

// ---- writing

/** The document that readIssues reads back to the same claims. */
export function issuesMarkdown(claims: readonly Claim[]): string {
  const detailed = claims.filter((claim) => Object.keys(claim.sections).length > 0);
  return [
    "# Issues",
    "",
    "## Issue Status Matrix",
    "",
    row(["ID", "Severity", "Issue", "Status", "Self-Healing", "Root Cause", "Solution"]),
    row(["---", "---", "---", "---", "---", "---", "---"]),
    ...claims.map((claim) =>
      row([
        claim.id,
        capital(claim.severity),
        escapeText(claim.title),
        statusText(claim.status),
        healingText(claim.selfHealing),
        escapeText(claim.rootCause ?? ""),
        escapeText(claim.solution ?? ""),
      ]),
    ),
    ...(detailed.length === 0 ? [] : ["", "## Details"]),
    ...detailed.flatMap((claim) => sectionLines(claim)),
    "",
  ].join("\n");
}

/** One issue's section: its heading, its status and its parts. */
export function sectionLines(claim: Claim): string[] {
  const { Heading: heading = claim.title, ...parts } = claim.sections;
  return [
    "",
    `### ${claim.id}: ${escapeText(heading)}`,
    "",
    `**Status:** ${statusText(claim.status)}`,
    ...Object.entries(parts).flatMap(([name, text]) => ["", ...partLines(name, text)]),
  ];
}

/** A part on one line with its name when it is one line, else below it. */
export function partLines(name: string, text: string): string[] {
  return text === "" || text.includes("\n") || fenceLike.test(text)
    ? [`**${name}:**`, "", escapeBody(text)]
    : [`**${name}:** ${escapeInline(text)}`];
}
const fenceLike = /^\s|^(?:[-*+]|\d+\.)\s/;

export function statusText(status: Claim["status"]): string {
  return `${marks[status]} ${words(status)}`;
}
export function healingText(healing: Claim["selfHealing"]): string {
  return `${healingMarks[healing]} ${words(healing)}`;
}

function words(text: string): string {
  return text.split("-").map(capital).join(" ");
}
export function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
