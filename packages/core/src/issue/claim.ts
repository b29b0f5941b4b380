// An imported issue: what somebody else's report says, kept as a claim under the id it had there. A claim is never evidence:
// whatever it says, the issue is pending here until an incident or a drill shows otherwise.
import { ConflictError, InvalidInputError } from "../errors.ts";
import { fingerprintOf, type Severity } from "../detection/index.ts";
import type { Draft } from "../world.ts";
import type { Issue } from "./issue.ts";

export const claimedStatuses = ["pending", "in-progress", "fixed", "ignored", "snoozed"] as const;
export type ClaimedStatus = (typeof claimedStatuses)[number];
export const claimedHealings = ["none", "planned", "active", "suspended"] as const;
export type ClaimedHealing = (typeof claimedHealings)[number];

export interface Claim {
  /** "CRIT-001": prefix and number as it had them. */
  readonly id: string;
  readonly severity: Severity;
  readonly title: string;
  readonly status: ClaimedStatus;
  readonly selfHealing: ClaimedHealing;
  readonly rootCause: string | null;
  readonly solution: string | null;
  /** Further text by heading, word for word. */
  readonly sections: Readonly<Record<string, string>>;
}

export interface ClaimResult {
  readonly id: string;
  readonly taken: "new" | "changed" | "unchanged" | "refused";
  readonly why: string;
}

/** The target and kind under which claims are filed: nothing here is watched under that name. */
export const importedTarget = "imported";
export const importedKind = "claim";
/** Claims in one import; characters of one text; sections of one claim and characters of a heading. */
export const claimsMax = 5_000;
export const claimTextMax = 50_000;
export const claimSectionsMax = 40;
const statusHeading = "Claimed status";
const healingHeading = "Claimed self-healing";
export const claimIdRule = /^[A-Z]{2,8}-\d{1,6}$/;
export const claimHeadingRule = /^[A-Za-z0-9][A-Za-z0-9 ()/&_.-]{0,60}$/;

/** The claim an imported issue keeps; null for an issue that was found. */
export function claimOf(issue: Issue): Claim | null {
  if (issue.origin !== "imported") return null;
  const { [statusHeading]: status, [healingHeading]: healing, ...sections } = issue.sections;
  return {
    id: issue.id,
    severity: issue.severity,
    title: issue.title,
    status: claimedStatuses.find((each) => each === status) ?? "pending",
    selfHealing: claimedHealings.find((each) => each === healing) ?? "none",
    rootCause: issue.rootCause,
    solution: issue.solution,
    sections,
  };
}

/** Files claims; each row says what became of it. One that cannot be taken does not stop the others. */
export function importClaims(draft: Draft, claims: readonly Claim[], by: string): ClaimResult[] {
  if (claims.length > claimsMax)
    throw new InvalidInputError("issues", `holds ${claims.length} rows`, `import at most ${claimsMax} at once`);
  const seen = new Set<string>();
  return claims.map((claim) => {
    if (seen.has(claim.id)) return refused(claim.id, "the id occurs twice; the first row was taken");
    seen.add(claim.id);
    try {
      return file(draft, claim, by);
    } catch (error) {
      if (error instanceof InvalidInputError || error instanceof ConflictError) return refused(claim.id, error.message);
      throw error;
    }
  });
}

function file(draft: Draft, claim: Claim, by: string): ClaimResult {
  checkClaim(claim);
  const known = draft.issue(claim.id);
  if (known !== undefined && known.origin === "found")
    throw new ConflictError(
      `${claim.id} is an issue found here (${known.title.slice(0, 80)}); give the row another id, or import into an empty data folder`,
    );
  const sections = { ...claim.sections, [statusHeading]: claim.status, [healingHeading]: claim.selfHealing };
  if (known !== undefined) {
    const next: Issue = {
      ...known,
      severity: claim.severity,
      title: claim.title,
      rootCause: claim.rootCause,
      solution: claim.solution,
      sections,
    };
    if (sameClaim(known, next)) return { id: claim.id, taken: "unchanged", why: "on file already, word for word" };
    draft.putIssue(next);
    tell(draft, next, by, known.status, "claim changed");
    return { id: claim.id, taken: "changed", why: `claimed ${claim.status}; what it said before is replaced` };
  }
  const [prefix = "", number = "0"] = claim.id.split("-");
  draft.raiseNumber(prefix, Number(number));
  const issue: Issue = {
    id: claim.id,
    fingerprint: fingerprintOf({ target: importedTarget, kind: importedKind, distinguisher: claim.id }),
    target: importedTarget,
    kind: importedKind,
    distinguisher: claim.id,
    severity: claim.severity,
    class: prefix === "PERF" ? "performance" : "fault",
    title: claim.title,
    status: "pending",
    regressed: false,
    snooze: null,
    selfHealing: "none",
    needsPerson: null,
    rootCause: claim.rootCause,
    solution: claim.solution,
    assignee: null,
    occurrences: 0,
    firstSeen: draft.now,
    lastSeen: draft.now,
    fixedAt: null,
    incident: null,
    mergedInto: null,
    origin: "imported",
    sections,
  };
  draft.putIssue(issue);
  tell(draft, issue, by, null, `imported; claimed ${claim.status}`);
  return { id: claim.id, taken: "new", why: `claimed ${claim.status}, kept as a claim; pending here` };
}

/** Throws InvalidInputError that names the field. */
export function checkClaim(claim: Claim): void {
  if (!claimIdRule.test(claim.id))
    throw new InvalidInputError("id", `${JSON.stringify(claim.id.slice(0, 40))} is no id`, "write one like CRIT-001");
  if (claim.title.trim() === "") throw new InvalidInputError("title", "is empty", "name the failure in a few words");
  const texts = { title: claim.title, rootCause: claim.rootCause ?? "", solution: claim.solution ?? "" };
  for (const [field, text] of Object.entries(texts)) {
    if (text.length > 1_000)
      throw new InvalidInputError(field, `is ${text.length} characters long`, "write at most 1,000");
    if (/[\r\n]/.test(text)) throw new InvalidInputError(field, "holds a line break", "write it on one line");
    if (text !== text.trim()) throw new InvalidInputError(field, "begins or ends with a space", "trim it");
  }
  const entries = Object.entries(claim.sections);
  if (entries.length > claimSectionsMax)
    throw new InvalidInputError("sections", `are ${entries.length}`, `write at most ${claimSectionsMax}`);
  for (const [heading, text] of entries) {
    if (!claimHeadingRule.test(heading) || heading === statusHeading || heading === healingHeading)
      throw new InvalidInputError(
        "sections",
        `has a heading ${JSON.stringify(heading.slice(0, 80))} that cannot be kept`,
        "use letters, digits, spaces and ()/&_.- only, at most 61 characters",
      );
    if (text.length > claimTextMax)
      throw new InvalidInputError(
        `sections.${heading}`,
        `is ${text.length} characters long`,
        `write at most ${claimTextMax}`,
      );
  }
}

function sameClaim(a: Issue, b: Issue): boolean {
  return JSON.stringify(normal(a)) === JSON.stringify(normal(b));
}
function normal(issue: Issue): unknown {
  return [
    issue.severity,
    issue.title,
    issue.rootCause,
    issue.solution,
    Object.entries(issue.sections).sort(([x], [y]) => (x < y ? -1 : 1)),
  ];
}

function refused(id: string, why: string): ClaimResult {
  return { id: id.slice(0, 80), taken: "refused", why };
}

function tell(draft: Draft, issue: Issue, by: string, from: string | null, why: string): void {
  draft.transition({
    subject: "issue",
    subjectId: issue.id,
    issue: issue.id,
    incident: null,
    target: issue.target,
    from,
    to: issue.status,
    by,
    why,
  });
}
