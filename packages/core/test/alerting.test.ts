// Who is told what and when: the alert manager under manual time. A story is a script of what holds, and the messages that
// came of it, one line each: seconds, receiver, what.
import assert from "node:assert/strict";
import test from "node:test";
import {
  apply,
  carryOut,
  checkAlertRules,
  Draft,
  InvalidInputError,
  manageAlerts,
  matches,
  nextStep,
  parseMatchers,
  alertRulesFor,
  routesOf,
  worldFrom,
  type AlertRules,
  type Command,
  type Incident,
  type Notification,
  type Route,
  type World,
} from "@prunella/core";
import { memoryDisk, memoryStore } from "@prunella/core/testing";
import { sampleIncident, sampleIssue } from "@prunella/core/suites";
import { startAt, target, world as engineWorld } from "./harness.ts";

const route = (of: Partial<Route> = {}): Route => ({ ...alertRulesFor(["chat"]).route, ...of });
const rules = (of: Partial<Omit<AlertRules, "receivers">> & { receivers?: readonly string[] } = {}): AlertRules => {
  const { receivers = ["chat", "oncall", "boss"], ...rest } = of;
  return checkAlertRules({ ...alertRulesFor(receivers), route: route(), ...rest });
};
const only = (name: string, value: string) => [{ name, value, isRegex: false, isEqual: true }];

interface Stand {
  readonly world: World;
  now: number;
  readonly sent: string[];
  change(decide: (draft: Draft) => void): void;
  order(command: Command): string;
  raise(incident: string, of?: Partial<Incident>): void;
  end(incident: string): void;
  /** Lets seconds pass; the manager looks each second and everything due is delivered, unless `fails`. */
  pass(seconds: number): void;
  fails: boolean;
}

async function stand(by: AlertRules): Promise<Stand> {
  const opened = await memoryStore(memoryDisk()).open();
  const world = worldFrom(opened, [target({ key: "api", labels: { team: "shop" } }), target({ key: "db" })]);
  const it: Stand = {
    world,
    now: 0,
    sent: [],
    fails: false,
    change(decide) {
      const draft = new Draft(world, it.now);
      decide(draft);
      apply(world, draft.changes());
    },
    order(command) {
      let message = "";
      it.change((draft) => (message = carryOut(draft, command).id));
      return message;
    },
    raise(id, of = {}) {
      const issue = `CRIT-${id.slice(4)}`;
      it.change((draft) => {
        const incident = sampleIncident(id, { issue, state: "handed-over", severity: "critical", ...of });
        draft.putIssue(
          sampleIssue(issue, { target: incident.target, kind: incident.kind, status: "in-progress", incident: id }),
        );
        draft.putIncident(incident);
        draft.notify(filed(id, issue, incident, it.now));
      });
    },
    end(id) {
      it.change((draft) => draft.putIncident({ ...(draft.incident(id) as Incident), state: "ended" }));
    },
    pass(seconds) {
      for (let second = 0; second < seconds; second += 1) {
        it.change((draft) => manageAlerts(draft, by));
        const due = [...world.outbox.values()].filter((each) => each.dueAt <= it.now && each.suppressedBy == null);
        const messages = new Map<string, Notification[]>();
        for (const each of due) {
          const key = `${each.receiver} ${each.group ?? each.key} ${each.status}`;
          messages.set(key, [...(messages.get(key) ?? []), each]);
        }
        for (const message of messages.values()) {
          const what = message.map((each) => `${each.status === "resolved" ? "over " : ""}${each.issue ?? each.kind}`);
          if (!it.fails) it.sent.push(`${it.now / 1000} ${message[0]?.receiver} ${what.join("+")}`);
          it.change((draft) => {
            for (const each of message)
              draft.notify({
                ...each,
                attempts: each.attempts + 1,
                ...(it.fails ? { dueAt: it.now + 60_000 } : { deliveredAt: it.now, ended: "delivered" }),
              });
          });
        }
        it.now += 1_000;
      }
    },
  };
  return it;
}

function filed(id: string, issue: string, incident: Incident, at: number): Notification {
  return {
    key: `escalation:${id}`,
    at,
    kind: "escalation",
    title: `${issue} needs a person`,
    text: "",
    severity: incident.severity,
    issue,
    incident: id,
    target: incident.target,
    attempts: 0,
    dueAt: at,
    deliveredAt: null,
  };
}

test("an alert is told once, and once that it is over", async () => {
  const it = await stand(rules());
  it.raise("INC-1");
  it.pass(60);
  it.end("INC-1");
  it.pass(60);
  assert.deepEqual(it.sent, ["0 chat CRIT-1", "60 chat over CRIT-1"]);
  assert.equal(it.world.alerts.size, 0);
  assert.equal(it.world.outbox.size, 0);
});

test("a silence hides the notification and not the alert, and what still holds when it ends is told", async () => {
  const it = await stand(rules());
  const silence = it.order({
    type: "silence",
    by: "a",
    matchers: only("target", "api"),
    startsAt: 0,
    endsAt: 30_000,
    comment: "",
  });
  it.raise("INC-1");
  it.raise("INC-2", { target: "db" });
  it.pass(30);
  assert.deepEqual(it.sent, ["0 chat CRIT-2"]);
  assert.equal(it.world.alerts.get("escalation:INC-1")?.suppressedBy, `silence:${silence}`);
  it.pass(1);
  assert.deepEqual(it.sent, ["0 chat CRIT-2", "30 chat CRIT-1"]);
});

test("what ends during a silence ends; who never heard of it does not hear that it is over (alertmanager#226)", async () => {
  const it = await stand(rules());
  it.raise("INC-1");
  it.pass(5);
  it.order({ type: "silence", by: "a", matchers: only("target", "api"), startsAt: 0, endsAt: 900_000, comment: "" });
  it.raise("INC-2");
  it.pass(5);
  it.end("INC-1");
  it.end("INC-2");
  it.pass(5);
  // The end of what was told before the silence is told in spite of it (rule 30).
  assert.deepEqual(it.sent, ["0 chat CRIT-1", "10 chat over CRIT-1"]);
  assert.equal(it.world.alerts.size, 0);
  assert.equal(it.world.outbox.size, 0);
});

test("a group waits for others, is told in one message, and what joins later waits for the interval", async () => {
  const it = await stand(
    rules({ route: route({ groupBy: ["severity"], groupWaitMs: 10_000, groupIntervalMs: 60_000 }) }),
  );
  it.raise("INC-1");
  it.pass(5);
  it.raise("INC-2");
  it.pass(15);
  it.raise("INC-3");
  it.pass(30);
  it.raise("INC-4");
  it.pass(60);
  assert.deepEqual(it.sent, ["10 chat CRIT-1+CRIT-2", "70 chat CRIT-3+CRIT-4"]);
});

test("it is told again after the repeat interval, until somebody acknowledges it", async () => {
  const it = await stand(rules({ route: route({ repeatMs: 60_000 }) }));
  it.raise("INC-1");
  it.pass(130);
  it.order({ type: "acknowledge", by: "anna", issue: "CRIT-1", until: null, why: "" });
  it.pass(600);
  assert.deepEqual(it.sent, ["0 chat CRIT-1", "60 chat CRIT-1", "120 chat CRIT-1"]);
  const keys = [...it.world.alerts.values()].map((alert) => alert.told["chat"]?.times);
  assert.deepEqual(keys, [3]);
});

const chain = {
  name: "night",
  repeat: 1,
  repeatAfterMs: 100_000,
  steps: [
    { afterMs: 0, receivers: ["oncall"] },
    { afterMs: 30_000, receivers: ["oncall", "boss"] },
  ],
};

test("an escalation goes step by step, is gone through again as often as it says, and then rests", async () => {
  const it = await stand(rules({ route: route({ chain: "night" }), chains: [chain] }));
  it.raise("INC-1");
  it.pass(1_000);
  assert.deepEqual(it.sent, [
    "0 chat CRIT-1",
    "0 oncall CRIT-1",
    "30 oncall CRIT-1",
    "30 boss CRIT-1",
    "130 oncall CRIT-1",
    "160 oncall CRIT-1",
    "160 boss CRIT-1",
  ]);
  assert.equal(it.world.issues.get("CRIT-1")?.escalationStep, 4);
  assert.equal(nextStep(chain, { at: 0, steps: 4, steppedAt: 160_000 }), null);
  it.end("INC-1");
  it.pass(1);
  assert.deepEqual(it.sent.slice(-3).toSorted(), [
    "1000 boss over CRIT-1",
    "1000 chat over CRIT-1",
    "1000 oncall over CRIT-1",
  ]);
  assert.equal(it.world.issues.get("CRIT-1")?.escalationStep, null);
});

test("an acknowledgement stops the chain, and one that runs out lets it go on", async () => {
  const it = await stand(rules({ route: route({ receivers: [], chain: "night" }), chains: [chain] }));
  it.raise("INC-1");
  it.pass(10);
  it.order({ type: "acknowledge", by: "anna", issue: "CRIT-1", until: 300_000, why: "looking" });
  it.pass(290);
  assert.deepEqual(it.sent, ["0 oncall CRIT-1"]);
  it.pass(2);
  assert.deepEqual(it.sent, ["0 oncall CRIT-1", "300 oncall CRIT-1", "300 boss CRIT-1"]);
});

test("an acknowledgement of the last occurrence does not keep the next one quiet", async () => {
  const it = await stand(rules());
  it.raise("INC-1");
  it.pass(5);
  it.order({ type: "acknowledge", by: "anna", issue: "CRIT-1", until: null, why: "" });
  it.end("INC-1");
  it.pass(5);
  it.change((draft) => {
    const issue = draft.issue("CRIT-1")!;
    draft.putIssue({ ...issue, acknowledged: { by: "anna", at: 5_000, until: null }, incident: "INC-9" });
    const incident = sampleIncident("INC-9", { issue: "CRIT-1", state: "handed-over" });
    draft.putIncident(incident);
    draft.notify(filed("INC-9", "CRIT-1", incident, it.now));
  });
  it.pass(5);
  assert.deepEqual(it.sent, ["0 chat CRIT-1", "5 chat over CRIT-1", "10 chat CRIT-1"]);
});

test("an inhibition holds back the lesser alert of the same target while the greater one holds", async () => {
  const it = await stand(
    rules({
      inhibitions: [
        { source: only("severity", "critical"), target: parseMatchers("severity!=critical"), equal: ["target"] },
      ],
    }),
  );
  it.raise("INC-1");
  it.raise("INC-2", { severity: "medium" });
  it.raise("INC-3", { severity: "medium", target: "db" });
  it.pass(10);
  assert.deepEqual(it.sent, ["0 chat CRIT-1", "0 chat CRIT-3"]);
  assert.equal(it.world.alerts.get("escalation:INC-2")?.suppressedBy, "inhibited:escalation:INC-1");
  it.end("INC-1");
  it.pass(2);
  assert.deepEqual(it.sent.slice(2).toSorted(), ["10 chat over CRIT-1", "11 chat CRIT-2"].toSorted());
});

test("an alert on both sides of an inhibition does not hold itself back", async () => {
  const both = { source: only("target", "api"), target: only("target", "api"), equal: [] };
  const it = await stand(rules({ inhibitions: [both] }));
  it.raise("INC-1");
  it.raise("INC-2");
  it.pass(1);
  assert.deepEqual(it.sent.toSorted(), ["0 chat CRIT-1", "0 chat CRIT-2"]);
});

test("nobody is paged for what was over before the page could leave; who may have heard of it hears the end", async () => {
  const it = await stand(rules({ route: route({ groupWaitMs: 30_000 }) }));
  it.raise("INC-1");
  it.pass(5);
  it.end("INC-1");
  it.pass(60);
  assert.deepEqual(it.sent, []);
  assert.equal(it.world.outbox.size, 0);
  it.fails = true;
  it.raise("INC-2");
  it.pass(35);
  it.end("INC-2");
  it.fails = false;
  it.pass(60);
  assert.deepEqual(it.sent, ["100 chat over CRIT-2"]);
});

test("a snoozed or ignored issue is not told of; reopened, it is", async () => {
  const it = await stand(rules());
  it.raise("INC-1");
  it.order({ type: "ignore", by: "anna", issue: "CRIT-1", why: "known" });
  it.pass(10);
  assert.deepEqual(it.sent, []);
  it.order({ type: "reopen", by: "anna", issue: "CRIT-1", why: "not so" });
  it.pass(1);
  assert.deepEqual(it.sent, ["10 chat CRIT-1"]);
});

test("whoever an issue is given to has it: the chain rests", async () => {
  const it = await stand(rules({ route: route({ receivers: [], chain: "night" }), chains: [chain] }));
  it.raise("INC-1");
  it.change((draft) => draft.putIssue({ ...draft.issue("CRIT-1")!, needsPerson: "no remedy" }));
  it.pass(5);
  it.order({ type: "assign", by: "anna", issue: "CRIT-1", assignee: "ben" });
  it.pass(500);
  assert.deepEqual(it.sent, ["0 oncall CRIT-1"]);
});

test("looking twice orders nothing twice", async () => {
  const it = await stand(rules({ route: route({ chain: "night" }), chains: [chain] }));
  it.raise("INC-1");
  for (let times = 0; times < 3; times += 1)
    it.change((draft) => manageAlerts(draft, rules({ route: route({ chain: "night" }), chains: [chain] })));
  assert.deepEqual([...it.world.outbox.keys()], ["escalation:INC-1>chat#1", "escalation:INC-1>oncall#1"]);
});

test("an alert takes the deepest route that matches, and its siblings only where it goes on", () => {
  const leaf = (receiver: string, when: string, more: Partial<Route> = {}): Route =>
    route({ receivers: [receiver], matchers: parseMatchers(when), ...more });
  const root = route({
    routes: [
      leaf("a", 'severity="critical"', { goOn: true, routes: [leaf("deep", 'target=~"db|cache"')] }),
      leaf("b", "team=shop"),
      leaf("c", "severity=critical"),
    ],
  });
  const taken = (labels: Record<string, string>): string[] =>
    routesOf(root, labels).flatMap((each) => each.route.receivers);
  assert.deepEqual(taken({ severity: "critical", target: "db", team: "shop" }), ["deep", "b"]);
  assert.deepEqual(taken({ severity: "critical", target: "api" }), ["a", "c"]);
  assert.deepEqual(taken({ severity: "low" }), ["chat"]);
});

for (const [text, labels, expected] of [
  ['a="x"', { a: "x" }, true],
  ['a="x"', { a: "xy" }, false],
  ['a=~"x.*"', { a: "xy" }, true],
  ['a=~"y"', { a: "xy" }, false],
  ['a!="x"', {}, true],
  ['a=""', {}, true],
  ['a!~"x|y"', { a: "y" }, false],
  ['{a="1, 2", b=plain}', { a: "1, 2", b: "plain" }, true],
  ['a="say \\"hi\\""', { a: 'say "hi"' }, true],
] as const)
  test(`${text} ${expected ? "takes" : "leaves"} ${JSON.stringify(labels)}`, () => {
    assert.equal(
      parseMatchers(text).every((matcher) => matches(matcher, labels)),
      expected,
    );
  });

for (const [what, matchers] of [
  ["nothing named", []],
  ["what every alert has", parseMatchers('target=~".*"')],
  ["what no alert has", parseMatchers('nobody!="x"')],
] as const)
  test(`a silence over everything is refused: ${what}`, async () => {
    const it = await stand(rules());
    assert.throws(
      () => it.order({ type: "silence", by: "a", matchers, startsAt: 0, endsAt: 9_000, comment: "" }),
      (error) => error instanceof InvalidInputError && error.field === "matchers",
    );
  });

for (const [what, broken, field] of [
  ["an unknown receiver", { route: route({ receivers: ["nobody"] }) }, "notify.route.receiver"],
  ["an unknown escalation", { route: route({ chain: "nothing" }) }, "notify.route.escalation"],
  ["a chain without steps", { chains: [{ ...chain, steps: [] }] }, "notify.escalations.night.steps"],
  ["a chain repeated six times", { chains: [{ ...chain, repeat: 6 }] }, "notify.escalations.night.repeat"],
  ["an inhibition of everything", { inhibitions: [{ source: [], target: [], equal: [] }] }, "notify.inhibit[0]"],
] as const)
  test(`rules with ${what} are refused, and the error names the field`, () => {
    assert.throws(
      () => rules(broken as never),
      (error) => error instanceof InvalidInputError && error.field === field,
    );
  });

test("with everything silenced repairs follow their own rules (panther#1858)", async () => {
  const it = await engineWorld();
  const startsAt = startAt + 2_000;
  await it.engine.command({
    type: "silence",
    by: "anna",
    matchers: only("target", "api"),
    startsAt,
    endsAt: startsAt + 86_400_000,
    comment: "",
  });
  await it.run("5s loops api 100 | 5s crash api | 600s");
  assert.ok(it.orders.length >= 3, "it was restarted in spite of the silence");
  assert.ok(it.orders.length <= 12, "and not above its budget");
  assert.deepEqual(it.notifications, []);
  assert.ok(
    it.story().some((line) => line.includes("handed-over")),
    "the state is not hidden",
  );
  await it.stop();
});

test("a repair under way holds no page back: the chain goes on until it is acknowledged (OneUptime#2982)", async () => {
  const it = await engineWorld({
    targets: [
      { key: "api" },
      {
        key: "db",
        kind: "external",
        checks: [{ name: "tcp", role: "liveness", failures: 3, successes: 1, everyMs: 1_000 }],
      },
    ],
    alerting: rules({
      receivers: ["oncall", "boss"],
      route: route({ receivers: [], chain: "night" }),
      chains: [chain],
    }),
  });
  await it.run("5s sick db | 45s");
  await it.engine.command({ type: "act", by: "anna", target: "api", action: "restart", why: "unrelated" });
  await it.run("100s");
  assert.deepEqual(
    it.notifications.map((each) => [each.receiver, each.step]),
    [
      ["oncall", 1],
      ["oncall", 2],
      ["boss", 2],
    ],
  );
  await it.stop();
});

test("while the store takes nothing, people are told that, once, and what was committed before still goes out", async () => {
  const it = await engineWorld();
  await it.advance(1_000);
  it.store.fail(...Array.from({ length: 500 }, () => "refuse" as const));
  const signal = {
    id: "e",
    type: "error",
    target: "api",
    at: 0,
    origin: "test",
    error: { name: "E", message: "m", code: null, stack: null },
  } as const;
  await Promise.all([
    it.engine.ingest([{ ...signal, id: "e1" }]).then(
      () => assert.fail("nothing is acknowledged that is not stored"),
      () => {},
    ),
    it.advance(5_000),
  ]);
  await it.advance(60_000);
  assert.deepEqual(
    it.notifications.map((each) => [each.kind, each.receiver, each.labels?.["kind"]]),
    [["self", "default", "store-failing"]],
  );
  assert.equal(it.orders.length, 0);
  await it.stop();
});

test("a notification that was sent and could not be booked is not sent again", async () => {
  const it = await engineWorld({
    targets: [
      {
        key: "db",
        kind: "external",
        checks: [{ name: "tcp", role: "liveness", failures: 3, successes: 1, everyMs: 1_000 }],
      },
    ],
  });
  const push = it.notifications.push.bind(it.notifications);
  let refused = false;
  it.notifications.push = (...sent) => {
    // The message has gone out; the commit that would say so is refused, and so is the one after it.
    if (!refused) it.store.fail("refuse", "refuse");
    refused = true;
    return push(...sent);
  };
  await it.run("5s sick db | 60s");
  assert.ok(refused && it.engine.health().storeFailures >= 2);
  assert.equal(it.notifications.filter((each) => each.target === "db").length, 1);
  await it.advance(30_000);
  assert.equal(it.notifications.filter((each) => each.target === "db").length, 1);
  assert.equal(it.engine.world.outbox.size, 0);
  await it.stop();
});
