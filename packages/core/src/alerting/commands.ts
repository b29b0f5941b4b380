// What people may order about being told: silences, and taking an issue on. A silence says for how long; one that would cover
// everything is refused, since nobody would hear of anything any more.
import { ConflictError, InvalidInputError, NotFoundError } from "../errors.ts";
import type { Draft } from "../world.ts";
import { silencesMax, silenceState, type Matcher } from "./alert.ts";
import { checkMatchers, matcherText, matchesEverything } from "./match.ts";

export type AlertCommand =
  | {
      readonly type: "silence";
      readonly matchers: readonly Matcher[];
      readonly startsAt: number;
      readonly endsAt: number;
      readonly comment: string;
    }
  | { readonly type: "end-silence"; readonly silence: string }
  | { readonly type: "acknowledge"; readonly issue: string; readonly until: number | null; readonly why: string }
  | { readonly type: "unacknowledge"; readonly issue: string };

/** Longest silence and longest acknowledgement with an end, ms: 400 days and 30 days. */
export const silenceMsMax = 400 * 24 * 3_600_000;
export const acknowledgeMsMax = 30 * 24 * 3_600_000;
const commentMax = 2_000;

interface Done {
  readonly id: string;
  readonly changed: boolean;
  readonly message: string;
}

export function carryOutAlert(draft: Draft, command: AlertCommand & { readonly by: string }): Done {
  switch (command.type) {
    case "silence":
      return silence(draft, command);
    case "end-silence": {
      const known = draft.silences().find((each) => each.id === command.silence);
      if (known === undefined) throw new NotFoundError("silence", command.silence);
      if (silenceState(known, draft.now) === "expired")
        return { id: known.id, changed: false, message: `silence ${known.id} is over already` };
      draft.putSilence({ ...known, startsAt: Math.min(known.startsAt, draft.now), endsAt: draft.now });
      draft.noteSystem(command.by, known.id, "silence-ended", known.comment);
      return { id: known.id, changed: true, message: `silence ${known.id} has ended; what it held back is told now` };
    }
    case "acknowledge":
      return acknowledge(draft, command);
    case "unacknowledge": {
      const issue = draft.issue(command.issue);
      if (issue === undefined) throw new NotFoundError("issue", command.issue);
      if ((issue.acknowledged ?? null) === null)
        return { id: issue.id, changed: false, message: "nobody has acknowledged it" };
      draft.putIssue({ ...issue, acknowledged: null });
      said(draft, issue, command.by, "not acknowledged", "");
      return { id: issue.id, changed: true, message: `${issue.id} is acknowledged no more; its escalation goes on` };
    }
    default:
      return command satisfies never;
  }
}

function silence(draft: Draft, command: Extract<AlertCommand, { type: "silence" }> & { readonly by: string }): Done {
  checkMatchers(command.matchers, "matchers");
  if (matchesEverything(command.matchers))
    throw new InvalidInputError(
      "matchers",
      "would silence everything",
      'name a label with a value, such as target="api"',
    );
  if (!(command.endsAt > command.startsAt))
    throw new InvalidInputError("endsAt", "is not after startsAt", "name a later end");
  if (command.endsAt <= draft.now) throw new InvalidInputError("endsAt", "lies in the past", "name a later end");
  if (command.endsAt - draft.now > silenceMsMax)
    throw new InvalidInputError("endsAt", "lies more than 400 days ahead", "name an earlier end, or ignore the issue");
  if (command.comment.length > commentMax)
    throw new InvalidInputError("comment", `is longer than ${commentMax} characters`, "shorten it");
  const live = draft.silences().filter((each) => silenceState(each, draft.now) !== "expired");
  if (live.length >= silencesMax)
    throw new ConflictError(`${silencesMax} silences hold already; end one, or widen one that exists`);
  const id = `S${draft.nextNumber("S")}`;
  draft.putSilence({
    id,
    matchers: command.matchers,
    startsAt: command.startsAt,
    endsAt: command.endsAt,
    createdBy: command.by,
    comment: command.comment,
  });
  const what = command.matchers.map(matcherText).join(", ");
  draft.noteSystem(command.by, id, "silenced", `${what}${command.comment === "" ? "" : `: ${command.comment}`}`);
  return { id, changed: true, message: `silence ${id} holds until ${new Date(command.endsAt).toISOString()}: ${what}` };
}

function acknowledge(
  draft: Draft,
  command: Extract<AlertCommand, { type: "acknowledge" }> & { readonly by: string },
): Done {
  const issue = draft.issue(command.issue);
  if (issue === undefined) throw new NotFoundError("issue", command.issue);
  if (issue.status === "fixed") throw new ConflictError(`${issue.id} is fixed; there is nothing to take on`);
  const { until } = command;
  if (until !== null && until <= draft.now)
    throw new InvalidInputError("until", "lies in the past", "name a later time");
  if (until !== null && until - draft.now > acknowledgeMsMax)
    throw new InvalidInputError("until", "lies more than 30 days ahead", "name an earlier time, or leave it out");
  draft.putIssue({ ...issue, acknowledged: { by: command.by, at: draft.now, until } });
  const long = until === null ? "until it is resolved" : `until ${new Date(until).toISOString()}`;
  said(draft, issue, command.by, "acknowledged", command.why === "" ? long : `${long}: ${command.why}`);
  return { id: issue.id, changed: true, message: `${issue.id} is acknowledged ${long}; nobody else is called for it` };
}

function said(
  draft: Draft,
  issue: { readonly id: string; readonly incident: string | null; readonly target: string },
  by: string,
  to: string,
  why: string,
): void {
  draft.transition({
    subject: "issue",
    subjectId: issue.id,
    issue: issue.id,
    incident: issue.incident,
    target: issue.target,
    from: null,
    to,
    by,
    why,
  });
}
