// Colours for a terminal: by meaning, never by name. Off when the output is no terminal, when NO_COLOR is set, or by --color.
import process from "node:process";

export type Tone = "good" | "bad" | "wait" | "soft" | "strong" | "mark";
export type Paint = (tone: Tone, text: string) => string;

const codes: Readonly<Record<Tone, readonly [number, number]>> = {
  good: [32, 39],
  bad: [31, 39],
  wait: [33, 39],
  soft: [2, 22],
  strong: [1, 22],
  mark: [36, 39],
};

export function paintFor(
  when: () => "auto" | "always" | "never" | false | undefined,
  output: () => { readonly isTTY?: boolean },
): Paint {
  return (tone, text) => {
    if (text === "" || !coloured(when(), output().isTTY === true, process.env)) return text;
    const [on, off] = codes[tone];
    return `\u001b[${on}m${text}\u001b[${off}m`;
  };
}

/** A word of the command line beats the environment; NO_COLOR (any value but the empty one) beats the terminal. */
export function coloured(
  when: "auto" | "always" | "never" | false | undefined,
  isTerminal: boolean,
  environment: Readonly<Record<string, string | undefined>>,
): boolean {
  if (when === "always") return true;
  if (when === "never" || when === false) return false;
  if ((environment["NO_COLOR"] ?? "") !== "") return false;
  const forced = environment["FORCE_COLOR"];
  if (forced !== undefined && forced !== "") return forced !== "0";
  return isTerminal && environment["TERM"] !== "dumb";
}

/** The tone of a state, a severity or an outcome. */
export function toneOf(word: string): Tone {
  if (["healthy", "fixed", "recovered", "verified", "active", "ok", "met", "low"].includes(word)) return "good";
  if (["down", "failing", "critical", "escalated", "failed", "needs-person", "exhausted", "missed"].includes(word))
    return "bad";
  if (["healing", "starting", "in-progress", "pending", "medium", "burning", "open", "acting"].includes(word))
    return "wait";
  return "soft";
}
