// Remedies: when, what to do, how it is verified, what it may cost, what comes next.
import {
  causeWords,
  checkRemedy,
  InvalidInputError,
  knownKinds,
  shippedRemedies,
  type Mode,
  type Remedy,
} from "@prunella/core";
import { readStep } from "./actions.ts";
import { nearest, type Cursor } from "./cursor.ts";
import { keysOf } from "./schema.ts";
import { budget, duration } from "./units.ts";

/** Remedies a configuration may hold; later ones are not read, and it says so. */
export const remediesMax = 500;
const hour = 3_600_000;

export function readRemedies(cursor: Cursor, names: readonly string[], folder: string): Remedy[] {
  const read = cursor
    .items()
    .slice(0, remediesMax)
    .flatMap((item, at) => {
      item.only(keysOf("remedy"));
      const when = item.at("when");
      when.only(keysOf("when"));
      checkKinds(when.at("kind"));
      const target = when.at("target").text();
      if (target !== null && !names.includes(target.split("/")[0] ?? "") && target !== "*")
        when
          .at("target")
          .problem(`names ${target}, which is neither a service nor a target`, `known: ${names.join(", ")}`);
      const steps = item
        .at("do")
        .items()
        .flatMap((step) => readStep(step, folder));
      const budgets = item
        .at("budget")
        .texts()
        .map((text) => {
          const found = budget(text);
          if (found === null) item.at("budget").problem(`cannot be read (${text})`, 'write for example "1 per 15m"');
          return { scope: "target" as const, runs: found?.runs ?? 1, windowMs: found?.windowMs ?? 900_000 };
        });
      const verifyMs = item.at("verify").measure(duration, 300_000, 100, 24 * hour, "5m");
      const recurrence = item.at("recurrence");
      const remedy: Remedy = {
        name: item.at("name").text(`remedy-${at + 1}`) ?? `remedy-${at + 1}`,
        when: {
          kinds: when.at("kind").texts(),
          target,
          labels: when.at("labels").textMap(),
          causes: readCauses(when.at("cause")),
          unlessCauses: readCauses(when.at("unless")),
          between: readBetween(when.at("between")),
        },
        steps,
        // Whatever reaches beyond a process of ours is proposed, not done, unless the configuration says otherwise.
        mode: item.at("mode").oneOf<Mode>(["observe", "suggest", "approve", "auto"], "suggest"),
        budgets:
          budgets.length > 0
            ? budgets
            : [
                { scope: "target", runs: 1, windowMs: 900_000 },
                { scope: "target", runs: 3, windowMs: 24 * hour },
              ],
        backoff: { firstMs: item.at("backoff").measure(duration, 1_000, 0, hour, "1s"), factor: 2, maxMs: 300_000 },
        verify: {
          windowMs: verifyMs,
          withinMs: item.at("within").measure(duration, verifyMs * 3, 100, 7 * 24 * hour, "15m"),
        },
        recurrence: { windowMs: recurrence.measure(duration, hour, 0, 30 * 24 * hour, "1h"), max: 3, then: "stop" },
        next: item.at("next").text(),
        ...(item.at("promote").exists ? { earns: { verified: item.at("promote").whole(5, 1, 1_000) } } : {}),
        source: "configuration",
        solution: item.at("solution").text(steps.map((step) => step.action.type).join(", ")) ?? "",
      };
      try {
        checkRemedy(remedy, item.path);
      } catch (error) {
        if (!(error instanceof InvalidInputError)) throw error;
        const [rule = "", mend = ""] = error.message.slice(error.field.length + 2).split("; ");
        item.problem(`${error.field.slice(item.path.length + 1)}: ${rule}`, mend);
      }
      return [{ item, remedy }];
    });
  for (const { item, remedy } of read) {
    if (shippedRemedies.some((each) => each.name === remedy.name))
      item.at("name").problem(`${remedy.name} is the name of a remedy that is shipped`, "choose another name");
    if (read.filter((each) => each.remedy.name === remedy.name).length > 1)
      item.at("name").problem(`${remedy.name} is named twice`, "give each remedy its own name");
    const known = [...read.map((each) => each.remedy.name), ...shippedRemedies.map((each) => each.name)];
    if (remedy.next !== null && !known.includes(remedy.next))
      item.at("next").problem(`names ${remedy.next}, which is no remedy`, near(remedy.next, known));
  }
  return read.map(({ remedy }) => remedy);
}

/** Alerts and plugins bring kinds of their own, so a kind may be any word; one that is nearly a known one is a slip. */
function checkKinds(cursor: Cursor): void {
  for (const kind of cursor.texts()) {
    if (knownKinds.includes(kind)) continue;
    const meant = nearest(kind, knownKinds);
    if (meant !== null) cursor.problem(`names ${kind}, which no detector finds`, `did you mean ${meant}?`);
  }
}

function readCauses(cursor: Cursor): string[] {
  const words: readonly string[] = causeWords;
  return cursor.texts().filter((cause) => {
    const wrong = cause.split("+").find((word) => !words.includes(word));
    if (wrong !== undefined)
      cursor.problem(`names ${wrong}, which is no cause that is established`, near(wrong, words));
    return wrong === undefined;
  });
}

function near(word: string, known: readonly string[]): string {
  const meant = nearest(word, known);
  return meant === null ? `known: ${known.join(", ")}` : `did you mean ${meant}?`;
}

/** "22:00-06:00", in UTC. */
function readBetween(cursor: Cursor): { readonly fromMinute: number; readonly toMinute: number } | null {
  const text = cursor.text();
  if (text === null) return null;
  const match = /^(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})$/.exec(text.trim());
  const [hours = 99, minutes = 99, toHours = 99, toMinutes = 99] = (match ?? []).slice(1).map(Number);
  if (hours <= 24 && minutes < 60 && toHours <= 24 && toMinutes < 60)
    return { fromMinute: (hours * 60 + minutes) % 1_440, toMinute: toHours * 60 + toMinutes };
  return cursor.problem("is not a time of the day", 'write "22:00-06:00" (UTC)');
}
