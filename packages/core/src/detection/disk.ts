// Disks: which declared folder grows, how fast, until when; what is full already; file systems out of inodes. Without a
// declared folder only the disk that holds Prunella's own data is known, and it is filed on Prunella itself.
import type { FolderFacts, TimeMs } from "../signal/index.ts";
import type { Finding } from "./finding.ts";
import { folderGrowth, growthTowards, lastValue } from "./growth.ts";
import { establishes, finding, megabytes, percent, seconds } from "./make.ts";
import type { TargetView } from "./view.ts";

/** From this share of its room a folder is worth acting on, or when it will be full this soon, ms. */
const ripeShare = 0.85;
const ripeMs = 60_000;
/** What nobody but a person may clear is told this long before it is full: people take minutes, ms. */
const personMs = 300_000;
const fullShare = 0.98;
/** Room that is left of the whole disk, or of its inodes, below which it counts as full. */
const freeShareMin = 0.02;
const inodesShareMin = 0.01;
const staleMs = 30_000;

export function diskFilling(view: TargetView, now: TimeMs): Finding[] {
  const findings: Finding[] = [];
  for (const [path, history] of view.gathered.folders) {
    const newest = history.at(-1);
    if (newest === undefined || now - newest.at > staleMs) continue;
    const facts = newest.facts;
    if (facts.freeInodes !== null && facts.totalInodes !== null && facts.totalInodes > 0) {
      const left = facts.freeInodes / facts.totalInodes;
      if (left < inodesShareMin) findings.push(inodes(view, now, facts, left));
    }
    const room = roomOf(facts);
    const growth = growthTowards(
      history.map(({ at, facts: each }) => ({ at, value: each.bytes })),
      room,
      folderGrowth,
    );
    const share = facts.bytes / Math.max(1, room);
    const full = share >= fullShare || facts.freeBytes / Math.max(1, facts.totalBytes) < freeShareMin;
    if (growth === null && !full && share < ripeShare) continue;
    const urgent = facts.use === "data" && growth !== null && !growth.early && growth.untilLimitMs <= personMs;
    const rate =
      growth === null
        ? ""
        : `, grows by ${megabytes(growth.perSecond)}/s and is full in ${seconds(growth.untilLimitMs)}`;
    findings.push(
      finding(view, now, {
        kind: full ? "disk-full" : "disk-filling",
        distinguisher: path,
        severity: full || urgent ? "critical" : "medium",
        summary: `${path} (${facts.use} of ${view.spec.key}) holds ${megabytes(facts.bytes)} of ${megabytes(room)}, ${percent(share)}${rate}`,
        beganAt: growth?.since ?? newest.at,
        certainty: "witnessed",
        ripe:
          full || urgent || share >= ripeShare || (growth !== null && !growth.early && growth.untilLimitMs <= ripeMs),
        evidence: [
          establishes(
            facts.use,
            {
              at: now,
              what: "folder",
              summary: `${facts.files} files, ${megabytes(facts.bytes)}${facts.growing === null ? "" : `; what grows is ${facts.growing}`}; ${megabytes(facts.freeBytes)} are free on its disk`,
            },
            { path, growing: facts.growing },
          ),
        ],
      }),
    );
  }
  return [...findings, ...ownDisk(view, now)];
}

/** The least of what was declared and what the disk still gives. */
function roomOf(facts: FolderFacts): number {
  return Math.min(facts.bytesMax ?? Infinity, facts.bytes + facts.freeBytes);
}

function inodes(view: TargetView, now: TimeMs, facts: FolderFacts, left: number): Finding {
  return finding(view, now, {
    kind: "inodes-exhausted",
    distinguisher: facts.path,
    severity: "critical",
    summary: `the disk that holds ${facts.path} has ${facts.freeInodes} inodes left (${percent(left)}): no file can be made although there is room`,
    certainty: "witnessed",
    evidence: [
      establishes(
        facts.use,
        {
          at: now,
          what: "folder",
          summary: `${facts.files} files in ${facts.path}; ${facts.freeInodes} of ${facts.totalInodes} inodes are free`,
        },
        { path: facts.path },
      ),
    ],
  });
}

function ownDisk(view: TargetView, now: TimeMs): Finding[] {
  if (view.spec.kind !== "self") return [];
  const share = lastValue(view, "diskFreeShare");
  const bytes = lastValue(view, "diskFreeBytes");
  if (share === undefined || bytes === undefined || share >= freeShareMin || bytes >= 2e9) return [];
  return [
    finding(view, now, {
      kind: "disk-full",
      severity: "critical",
      summary: `the disk that holds Prunella's data has ${megabytes(bytes)} left (${percent(share)})`,
      certainty: "witnessed",
      evidence: [{ at: now, what: "folder", summary: `${megabytes(bytes)} free` }],
    }),
  ];
}
