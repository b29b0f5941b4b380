// Checks a remedy when it is loaded. What can never work as meant is refused here, with the field, the rule and the remedy.
import { InvalidInputError } from "../errors.ts";
import { actionFacts, otherKinds, type Remedy } from "./remedy.ts";

/** Longest list of steps, and the most runs a budget may allow. */
export const stepsMax = 20;
export const budgetRunsMax = 1_000;

/** Throws InvalidInputError for the first rule that `remedy` breaks; `path` names it in messages ("remedies[2]"). */
export function checkRemedy(remedy: Remedy, path: string): void {
  const refuse = (field: string, rule: string, mend: string): never => {
    throw new InvalidInputError(`${path}.${field}`, rule, mend);
  };
  if (remedy.when.kinds.length === 0)
    refuse("when.kind", "names no kind of fault, which would mean every one", "name at least one kind, such as crash");
  if (remedy.when.kinds.includes(otherKinds) && remedy.source !== "shipped")
    refuse("when.kind", `${otherKinds} is for what is shipped`, "name the kinds of fault one by one");
  if (remedy.when.kinds.some((kind) => kind === "*" || kind.trim() === ""))
    refuse("when.kind", "is a wildcard", "name the kinds of fault one by one");
  if (remedy.when.target !== null && (remedy.when.target === "*" || remedy.when.target.trim() === ""))
    refuse("when.target", "selects nothing or everything", "name one target, or leave it out and narrow by labels");
  if (remedy.steps.length === 0) refuse("do", "has no step", "add at least one action");
  if (remedy.steps.length > stepsMax)
    refuse(
      "do",
      `has ${remedy.steps.length} steps, more than ${stepsMax}`,
      "split it into two remedies joined by next",
    );
  if (remedy.budgets.length === 0) refuse("budget", "is missing", 'write one, such as "1 per 15m"');
  for (const budget of remedy.budgets) {
    if (!(budget.runs >= 1 && budget.runs <= budgetRunsMax && Number.isInteger(budget.runs)))
      refuse("budget", `allows ${budget.runs} runs`, `write a whole number from 1 to ${budgetRunsMax}`);
    if (!(budget.windowMs > 0))
      refuse("budget", "has a window that is not positive", 'write a duration, such as "15m"');
    // systemd's trap: when the runs cannot all fall into one window the limit never trips and the loop is endless.
    const fastestMs = fastestRunsMs(remedy, budget.runs);
    if (budget.scope === "target" && fastestMs >= budget.windowMs) {
      refuse(
        "budget",
        `can never trip: ${budget.runs} runs take at least ${Math.round(fastestMs / 1000)} s with this back-off, and the window is ${Math.round(budget.windowMs / 1000)} s`,
        "widen the window or lower the runs",
      );
    }
  }
  if (!(remedy.verify.windowMs > 0))
    refuse("verify", "has no window", 'write how long it must stay healthy, such as "1m"');
  if (remedy.verify.withinMs < remedy.verify.windowMs)
    refuse("verify", "must be reached sooner than its own window", "make within at least as long as verify");
  if (remedy.next === remedy.name)
    refuse("next", "names the remedy itself", "name another remedy, or leave it out to call a person");
  for (const [at, step] of remedy.steps.entries()) {
    if (!(step.timeoutMs > 0 && step.timeoutMs <= 3_600_000))
      refuse(`do[${at}].timeout`, "must be above 0 and at most 1 h", "write a duration such as 30s");
    if (step.action.type === "exec" && step.action.argv.length === 0)
      refuse(`do[${at}].exec`, "names no program", "write the program and its arguments");
  }
  if (
    remedy.mode === "auto" &&
    remedy.source !== "shipped" &&
    remedy.steps.some((step) => !actionFacts[step.action.type].ownProcessOnly) &&
    remedy.when.target === null &&
    Object.keys(remedy.when.labels).length === 0
  ) {
    refuse(
      "mode",
      "is auto for an action that reaches beyond Prunella's own processes, on every target",
      "name the target, or use approve",
    );
  }
}

/** Least time in which `runs` runs can follow each other, given the back-off alone (its jitter may halve each wait). */
export function fastestRunsMs(remedy: Pick<Remedy, "backoff">, runs: number): number {
  let total = 0;
  for (let attempt = 2; attempt <= runs; attempt += 1) total += backoffMs(remedy, attempt, 0);
  return total;
}

/** Wait before the nth run in a row; `random` in [0, 1) spreads it over the upper half (equal jitter). */
export function backoffMs(remedy: Pick<Remedy, "backoff">, attempt: number, random: number): number {
  if (attempt <= 1) return 0;
  const full = Math.min(remedy.backoff.maxMs, remedy.backoff.firstMs * remedy.backoff.factor ** (attempt - 2));
  return full / 2 + (full / 2) * random;
}
