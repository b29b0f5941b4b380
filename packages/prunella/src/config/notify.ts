// `notify:` of prunella.yaml: who is told of what, and when. A list is the short form: everybody on it hears everything. The
// long form names receivers, a tree of routes, inhibitions and escalations. Every default is filled in here.
import type { NotifyPlan, ReceiverPlan, Secret } from "@prunella/adapters";
import {
  checkAlertRules,
  InvalidInputError,
  parseMatchers,
  alertRulesFor,
  type AlertRules,
  type Chain,
  type Matcher,
  type Route,
} from "@prunella/core";
import path from "node:path";
import type { Cursor } from "./cursor.ts";
import { receiverKinds } from "./schema-monitoring.ts";
import { keysOf } from "./schema.ts";
import { duration } from "./units.ts";

const hour = 3_600_000;
const kinds = receiverKinds;
type Kind = (typeof kinds)[number];

/** When nothing is configured, what people would be told is in the log of the control plane. */
export const logOnly: NotifyPlan = { receivers: [{ name: "log", type: "log" }], rules: alertRulesFor(["log"]) };

export function readNotify(cursor: Cursor, folder: string): NotifyPlan {
  if (!cursor.exists) return logOnly;
  if (cursor.isList) {
    const receivers = cursor
      .items()
      .flatMap((item, at) => readReceiver(`${kindOf(item) ?? "receiver"}-${at + 1}`, item, folder));
    return receivers.length === 0
      ? logOnly
      : { receivers, rules: named(alertRulesFor(receivers.map(({ name }) => name)), cursor, receivers) };
  }
  cursor.only(keysOf("notify"));
  const receivers = cursor
    .at("receivers")
    .entries()
    .flatMap(([name, item]) => readReceiver(name, item, folder));
  if (receivers.length === 0) {
    cursor.at("receivers").problem("names no receiver", "write for example chat: { slack: ${SLACK_URL} } below it");
    return logOnly;
  }
  const names = receivers.map(({ name }) => name);
  const defaults: Route = {
    ...alertRulesFor(names).route,
    groupBy: ["target"],
    groupWaitMs: 5_000,
    groupIntervalMs: 60_000,
    repeatMs: 4 * hour,
  };
  const rules: AlertRules = {
    receivers: alertRulesFor(names).receivers,
    route: readRoute(cursor.at("route"), defaults, true),
    inhibitions: cursor
      .at("inhibit")
      .items()
      .map((item) => {
        item.only(keysOf("inhibition"));
        return {
          source: matchersOf(item.at("source")),
          target: matchersOf(item.at("target")),
          equal: item.at("equal").texts(),
        };
      }),
    chains: cursor.at("escalations").entries().map(readChain),
  };
  return { receivers, rules: named(rules, cursor, receivers) };
}

/** Checks the rules as a whole; a problem is reported at the part that its field names. */
function named(rules: AlertRules, cursor: Cursor, receivers: readonly ReceiverPlan[]): AlertRules {
  const quiet = new Set(
    (cursor.isList
      ? cursor.items()
      : cursor
          .at("receivers")
          .entries()
          .map(([, item]) => item)
    ).flatMap((item, at) =>
      item.isMap && item.at("resolved").exists && !item.at("resolved").flag(true) ? [receivers[at]?.name ?? ""] : [],
    ),
  );
  const all = { ...rules, receivers: rules.receivers.map(({ name }) => ({ name, resolved: !quiet.has(name) })) };
  try {
    return checkAlertRules(all, cursor.path);
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    const [rule = "", remedy = ""] = error.message.slice(error.field.length + 2).split("; ");
    cursor.problem(`${error.field.slice(cursor.path.length + 1)}: ${rule}`, remedy);
    return alertRulesFor(receivers.map(({ name }) => name));
  }
}

function kindOf(item: Cursor): Kind | null {
  return kinds.find((kind) => item.at(kind).exists) ?? null;
}

const keysOfKind: Readonly<Record<Kind, readonly string[]>> = {
  webhook: ["webhook", "headers"],
  slack: ["slack", "channel"],
  pagerduty: ["pagerduty", "url"],
  email: ["email", "smtp", "from"],
  ntfy: ["ntfy", "topic", "token"],
  alertmanager: ["alertmanager", "headers"],
};

function readReceiver(name: string, item: Cursor, folder: string): ReceiverPlan[] {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,62}$/.test(name)) {
    item.problem("is not a usable name", "use letters, digits, . - and _, at most 63 characters");
    return [];
  }
  const found = kinds.filter((kind) => item.at(kind).exists);
  const [kind] = found;
  if (kind === undefined || found.length !== 1) {
    item.problem(
      found.length === 0 ? "does not say what it is" : `says ${found.join(" and ")}`,
      `write exactly one of ${kinds.join(", ")}`,
    );
    return [];
  }
  item.only([...keysOfKind[kind], "resolved"]);
  const field = item.at(kind);
  switch (kind) {
    case "webhook":
    case "alertmanager":
      return [{ name, type: kind, url: urlSecret(field, folder), headers: secretMap(item.at("headers"), folder) }];
    case "slack":
      return [{ name, type: "slack", url: urlSecret(field, folder), channel: item.at("channel").text() }];
    case "pagerduty":
      return [
        {
          name,
          type: "pagerduty",
          routingKey: secretOf(field, folder),
          url: plainAddress(item.at("url"), "https://events.pagerduty.com/v2/enqueue"),
        },
      ];
    case "ntfy":
      return [
        {
          name,
          type: "ntfy",
          url: plainAddress(field, "https://ntfy.sh"),
          topic: needed(item, "topic", folder),
          token: item.at("token").exists ? secretOf(item.at("token"), folder) : null,
        },
      ];
    case "email":
      return readEmail(name, item, folder);
    default:
      return kind satisfies never;
  }
}

function readEmail(name: string, item: Cursor, folder: string): ReceiverPlan[] {
  const smtp = item.at("smtp");
  smtp.only(keysOf("smtp"));
  const to = item.at("email").texts();
  for (const each of to)
    if (!isMailAddress(each)) item.at("email").problem(`holds ${each}, which is no address`, "write name@host");
  const host = smtp.at("host").text();
  if (host === null)
    (smtp.exists ? smtp.at("host") : smtp).problem(
      "is missing",
      "write the mail server, such as smtp: { host: mail.example.com }",
    );
  const security = smtp.at("security").oneOf(["auto", "starttls", "tls", "none"], "auto");
  const user = smtp.at("user").exists ? secretOf(smtp.at("user"), folder) : null;
  const password = smtp.at("password").exists ? secretOf(smtp.at("password"), folder) : null;
  if ((user === null) !== (password === null))
    smtp.problem("names only one of user and password", "name both, or neither");
  const from = item.at("from").text(to[0] ?? "") ?? "";
  if (!isMailAddress(from)) item.at("from").problem("is no address", "write name@host");
  const port = smtp.at("port").whole(security === "tls" ? 465 : security === "starttls" ? 587 : 25, 1, 65_535);
  return [{ name, type: "email", host: host ?? "", port, security, user, password, from, to }];
}

function readRoute(cursor: Cursor, above: Route, isRoot: boolean): Route {
  cursor.only(keysOf(isRoot ? "route" : "sub-route"));
  const repeat = cursor.at("repeat");
  const own: Route = {
    matchers: isRoot ? [] : matchersOf(cursor.at("when")),
    receivers: cursor.at("receiver").exists ? cursor.at("receiver").texts() : above.receivers,
    groupBy: cursor.at("group").exists ? cursor.at("group").texts() : above.groupBy,
    groupWaitMs: cursor.at("wait").measure(duration, above.groupWaitMs, 0, hour, "5s"),
    groupIntervalMs: cursor.at("interval").measure(duration, above.groupIntervalMs, 0, 24 * hour, "1m"),
    repeatMs:
      repeat.scalar === "never"
        ? null
        : repeat.measure(duration, above.repeatMs ?? 4 * hour, 60_000, 30 * 24 * hour, "4h"),
    chain: cursor.at("escalation").exists ? cursor.at("escalation").text() : above.chain,
    goOn: cursor.at("continue").flag(false),
    routes: [],
  };
  if (!repeat.exists && above.repeatMs === null) Object.assign(own, { repeatMs: null });
  return {
    ...own,
    routes: cursor
      .at("routes")
      .items()
      .map((item) => readRoute(item, own, false)),
  };
}

function readChain([name, cursor]: [string, Cursor]): Chain {
  cursor.only(keysOf("escalation"));
  return {
    name,
    repeat: cursor.at("repeat").whole(0, 0, 5),
    repeatAfterMs: cursor.at("repeatAfter").measure(duration, 15 * 60_000, 1_000, 24 * hour, "15m"),
    steps: cursor
      .at("steps")
      .items()
      .map((step, at) => {
        step.only(keysOf("escalation-step"));
        const receivers = step.at("to").texts();
        if (receivers.length === 0) step.at("to").problem("names nobody", "name a receiver");
        return {
          receivers,
          afterMs: step.at("after").measure(duration, at === 0 ? 0 : 5 * 60_000, 0, 24 * hour, "5m"),
        };
      }),
  };
}

function matchersOf(cursor: Cursor): Matcher[] {
  try {
    return cursor.texts().flatMap((text) => parseMatchers(text, cursor.path));
  } catch (error) {
    if (!(error instanceof InvalidInputError)) throw error;
    const [rule = "", remedy = ""] = error.message.slice(error.field.length + 2).split("; ");
    cursor.problem(rule, remedy);
    return [];
  }
}

/** Text with `${NAME}` in it, or `{ file: PATH }`. */
export function secretOf(cursor: Cursor, folder: string): Secret {
  if (!cursor.isMap) return { secret: cursor.text("") ?? "" };
  cursor.only(keysOf("secret"));
  return { secretFile: path.resolve(folder, cursor.at("file").text("") ?? "") };
}

function needed(item: Cursor, key: string, folder: string): Secret {
  if (!item.at(key).exists) item.problem(`has no ${key}`, `write ${key}: … beside it`);
  return secretOf(item.at(key), folder);
}

export function secretMap(cursor: Cursor, folder: string): Record<string, Secret> {
  return Object.fromEntries(cursor.entries().map(([name, field]) => [name, secretOf(field, folder)]));
}

/** An address that may be a secret; it can be checked now only when nothing in it is looked up later. */
export function urlSecret(cursor: Cursor, folder: string): Secret {
  const secret = secretOf(cursor, folder);
  if ("secret" in secret && !secret.secret.includes("${") && !isHttp(secret.secret))
    cursor.problem("must be an http or https URL", "write for example https://host/path");
  return secret;
}

function plainAddress(cursor: Cursor, fallback: string): string {
  const text = cursor.text(fallback) ?? fallback;
  if (!isHttp(text)) cursor.problem("must be an http or https URL", `write for example ${fallback}`);
  return text;
}

export function isHttp(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^https?:$/.test(url.protocol) && url.hostname !== "";
}

function isMailAddress(text: string): boolean {
  return (
    /^[^\s@<>,;"]{1,64}@[^\s@<>,;"]{1,255}$/.test(text) ||
    /^[^<>"\r\n]{1,64} <[^\s@<>]{1,64}@[^\s@<>]{1,255}>$/.test(text)
  );
}
