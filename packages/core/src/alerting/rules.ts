// What the configuration says about telling people: a tree of routes, inhibitions and escalation chains. Checked whole when it
// is loaded; the alert manager then relies on it.
import { InvalidInputError } from "../errors.ts";
import type { Matcher } from "./alert.ts";
import { checkMatchers, matchesAll } from "./match.ts";

/** Routes in the tree, chains, steps of one chain, times a chain is gone through again, and receivers. */
export const routesMax = 200;
export const chainsMax = 50;
export const chainStepsMax = 20;
export const chainRepeatMax = 5;
export const receiversMax = 100;

export interface AlertRules {
  readonly receivers: readonly ReceiverRule[];
  /** The root takes what no child takes. */
  readonly route: Route;
  readonly inhibitions: readonly Inhibition[];
  readonly chains: readonly Chain[];
}

export interface ReceiverRule {
  readonly name: string;
  /** Also told when it is over. */
  readonly resolved: boolean;
}

export interface Route {
  /** All must match; the root has none. */
  readonly matchers: readonly Matcher[];
  /** Told at once (after the group's wait) and again every `repeatMs`. */
  readonly receivers: readonly string[];
  /** Labels whose values make a group that is told in one message; "..." alone: every alert for itself. */
  readonly groupBy: readonly string[];
  /** Wait for others of the group before its first message, ms. */
  readonly groupWaitMs: number;
  /** Least time between two messages about a group, ms. */
  readonly groupIntervalMs: number;
  /** Told again after this long while it holds and nobody has acknowledged it, ms; null: never. */
  readonly repeatMs: number | null;
  /** Name of an escalation chain, or null. */
  readonly chain: string | null;
  /** Look at the routes after this one too. */
  readonly goOn: boolean;
  readonly routes: readonly Route[];
}

/** An alert that `target` matches is not told of while one that `source` matches holds and all `equal` labels are the same. */
export interface Inhibition {
  readonly source: readonly Matcher[];
  readonly target: readonly Matcher[];
  readonly equal: readonly string[];
}

/** Step after step, until somebody acknowledges or it is resolved. */
export interface Chain {
  readonly name: string;
  readonly steps: readonly ChainStep[];
  /** Times the whole chain is gone through again, 0 to 5. */
  readonly repeat: number;
  /** Wait before each repetition, ms. */
  readonly repeatAfterMs: number;
}

export interface ChainStep {
  /** Wait after the step before (for the first: after the alert began), ms. */
  readonly afterMs: number;
  readonly receivers: readonly string[];
}

/** One receiver for everything, at once and each alert for itself. */
export function alertRulesFor(receivers: readonly string[]): AlertRules {
  return {
    receivers: receivers.map((name) => ({ name, resolved: true })),
    route: {
      matchers: [],
      receivers,
      groupBy: ["..."],
      groupWaitMs: 0,
      groupIntervalMs: 0,
      repeatMs: null,
      chain: null,
      goOn: false,
      routes: [],
    },
    inhibitions: [],
    chains: [],
  };
}
export const defaultAlertRules: AlertRules = alertRulesFor(["default"]);

/** Throws InvalidInputError; `field` names where the rules were written. */
export function checkAlertRules(rules: AlertRules, field = "notify"): AlertRules {
  const names = new Set(rules.receivers.map((receiver) => receiver.name));
  const chains = new Map(rules.chains.map((chain) => [chain.name, chain]));
  atMost(rules.receivers.length, receiversMax, `${field}.receivers`);
  atMost(rules.chains.length, chainsMax, `${field}.escalations`);
  const known = (wanted: readonly string[], at: string): void => {
    for (const name of wanted)
      if (!names.has(name))
        throw new InvalidInputError(
          at,
          `names ${name}, which is no receiver`,
          `known: ${[...names].join(", ") || "none"}`,
        );
  };
  let count = 0;
  const walk = (route: Route, at: string): void => {
    atMost((count += 1), routesMax, `${field}.route`);
    known(route.receivers, `${at}.receiver`);
    checkMatchers(route.matchers, `${at}.when`);
    if (route.chain !== null && !chains.has(route.chain))
      throw new InvalidInputError(
        `${at}.escalation`,
        `names ${route.chain}, which is no escalation`,
        `known: ${[...chains.keys()].join(", ") || "none"}`,
      );
    route.routes.forEach((child, index) => walk(child, `${at}.routes[${index}]`));
  };
  walk(rules.route, `${field}.route`);
  for (const chain of rules.chains) {
    const at = `${field}.escalations.${chain.name}`;
    if (chain.steps.length === 0) throw new InvalidInputError(`${at}.steps`, "is empty", "add a step with a receiver");
    atMost(chain.steps.length, chainStepsMax, `${at}.steps`);
    if (!Number.isInteger(chain.repeat) || chain.repeat < 0 || chain.repeat > chainRepeatMax)
      throw new InvalidInputError(`${at}.repeat`, `must be a whole number from 0 to ${chainRepeatMax}`, "correct it");
    for (const step of chain.steps) known(step.receivers, `${at}.steps`);
  }
  rules.inhibitions.forEach(({ source, target }, index) => {
    const at = `${field}.inhibit[${index}]`;
    checkMatchers(source, `${at}.source`);
    checkMatchers(target, `${at}.target`);
    if (source.length === 0 || target.length === 0)
      throw new InvalidInputError(at, "would match everything", "name a label in source and in target");
  });
  return rules;
}

/** The routes that take an alert, as in Alertmanager: the deepest that match; the first of siblings unless it goes on. */
export function routesOf(
  root: Route,
  labels: Readonly<Record<string, string>>,
): readonly { readonly route: Route; readonly path: string }[] {
  const take = (route: Route, path: string): { route: Route; path: string }[] => {
    if (!matchesAll(route.matchers, labels)) return [];
    const taken: { route: Route; path: string }[] = [];
    for (const [index, child] of route.routes.entries()) {
      const found = take(child, `${path}/${index}`);
      taken.push(...found);
      if (found.length > 0 && !child.goOn) break;
    }
    return taken.length > 0 ? taken : [{ route, path }];
  };
  return take(root, "");
}

function atMost(count: number, max: number, field: string): void {
  if (count > max) throw new InvalidInputError(field, `holds more than ${max}`, "join some of them");
}
