// notify:, sources: and monitoring: of prunella.yaml: what they come to, and what is said of mistakes.
import { Ajv2020 } from "ajv/dist/2020.js";
import assert from "node:assert/strict";
import test from "node:test";
import { parse } from "yaml";
import { compile } from "../src/config/compile.ts";
import { configurationSchema } from "../src/config/schema.ts";

const conforms = new Ajv2020({ strict: false }).compile(configurationSchema());
const service = "services: { api: { command: node api.js } }\n";

function plan(source: string) {
  const compiled = compile(service + source, "/tmp/prunella.yaml");
  assert.ok(compiled.ok, compiled.ok ? "" : JSON.stringify(compiled.problems));
  assert.ok(conforms(parse(service + source)), JSON.stringify(conforms.errors));
  return compiled.plan;
}

test("without notify: what people would be told is in the log", () => {
  assert.deepEqual(plan("").notify.receivers, [{ name: "log", type: "log" }]);
});

test("a list: everybody on it hears everything, at once and each alert for itself", () => {
  const { receivers, rules } = plan(
    'notify:\n  - webhook: https://a.example/hook\n    headers: { authorization: "Bearer ${TOKEN}" }\n  - slack: "${SLACK_URL}"\n    resolved: false\n',
  ).notify;
  assert.deepEqual(receivers, [
    {
      name: "webhook-1",
      type: "webhook",
      url: { secret: "https://a.example/hook" },
      headers: { authorization: { secret: "Bearer ${TOKEN}" } },
    },
    { name: "slack-2", type: "slack", url: { secret: "${SLACK_URL}" }, channel: null },
  ]);
  assert.deepEqual(rules.route.receivers, ["webhook-1", "slack-2"]);
  assert.deepEqual(rules.receivers, [
    { name: "webhook-1", resolved: true },
    { name: "slack-2", resolved: false },
  ]);
  assert.equal(rules.route.groupWaitMs, 0);
});

const long = `
notify:
  receivers:
    chat: { slack: { file: slack-url } }
    oncall: { pagerduty: "\${PD_KEY}" }
    mail:
      email: [ops@example.com]
      from: prunella@example.com
      smtp: { host: mail.example.com, security: starttls, user: prunella, password: "\${MAIL_PASSWORD}" }
    phone: { ntfy: "https://ntfy.sh", topic: "\${TOPIC}" }
    am: { alertmanager: "http://127.0.0.1:9093" }
  route:
    receiver: chat
    group: [target, severity]
    repeat: never
    routes:
      - when: ['severity="critical"', 'target=~"api|web"']
        receiver: [chat, mail]
        escalation: night
        wait: 0s
        continue: true
      - when: occasion="storm"
        repeat: 1h
  inhibit:
    - source: severity="critical"
      target: severity!="critical"
      equal: target
  escalations:
    night:
      repeat: 2
      steps:
        - to: oncall
        - to: [oncall, phone]
          after: 15m
`;

test("the long form: receivers, routes that inherit, inhibitions, escalations", () => {
  const { receivers, rules } = plan(long).notify;
  assert.deepEqual(
    receivers.map(({ name, type }) => [name, type]),
    [
      ["chat", "slack"],
      ["oncall", "pagerduty"],
      ["mail", "email"],
      ["phone", "ntfy"],
      ["am", "alertmanager"],
    ],
  );
  const [critical, storm] = rules.route.routes;
  assert.deepEqual(rules.route.receivers, ["chat"]);
  assert.deepEqual([rules.route.groupWaitMs, rules.route.groupIntervalMs, rules.route.repeatMs], [5_000, 60_000, null]);
  assert.deepEqual(
    [
      critical?.receivers,
      critical?.chain,
      critical?.groupWaitMs,
      critical?.goOn,
      critical?.groupBy,
      critical?.repeatMs,
    ],
    [["chat", "mail"], "night", 0, true, ["target", "severity"], null],
  );
  assert.equal(critical?.matchers.length, 2);
  assert.deepEqual([storm?.receivers, storm?.repeatMs], [["chat"], 3_600_000]);
  assert.deepEqual(rules.chains[0], {
    name: "night",
    repeat: 2,
    repeatAfterMs: 900_000,
    steps: [
      { receivers: ["oncall"], afterMs: 0 },
      { receivers: ["oncall", "phone"], afterMs: 900_000 },
    ],
  });
  const mail = receivers.find(({ type }) => type === "email");
  assert.equal(mail?.type === "email" ? mail.port : 0, 587);
});

test("no secret is in the plan, only where it is found", () => {
  process.env["PD_KEY"] = "very-secret";
  assert.ok(!JSON.stringify(plan(long)).includes("very-secret"));
  delete process.env["PD_KEY"];
});

test("sources and monitoring", () => {
  const { sources, monitoring } = plan(`
sources:
  sentry: [{ project: 7, key: "\${SENTRY_KEY}", target: api }]
  services: { shop-api: api }
monitoring:
  deadman: { url: "\${DEADMAN_URL}", every: 30s }
  loki: http://127.0.0.1:3100
targets:
  db: { check: "tcp://127.0.0.1:5432", scrape: { url: "http://127.0.0.1:9187/metrics", every: 5s } }
`);
  assert.deepEqual(sources, {
    sentry: [{ project: "7", key: { secret: "${SENTRY_KEY}" }, target: "api" }],
    services: { "shop-api": "api" },
    scrapes: [{ target: "db", url: "http://127.0.0.1:9187/metrics", everyMs: 5_000, timeoutMs: 5_000, headers: {} }],
  });
  assert.deepEqual(monitoring, {
    deadman: { url: { secret: "${DEADMAN_URL}" }, everyMs: 30_000 },
    loki: { url: { secret: "http://127.0.0.1:3100" }, headers: {}, labels: {} },
  });
});

for (const [what, source, says] of [
  [
    "a receiver of no kind",
    "notify: { receivers: { a: { headers: {} } } }",
    /notify\.receivers\.a.*does not say what it is/,
  ],
  ["a receiver of two kinds", "notify: [{ webhook: 'http://a', slack: 'http://b' }]", /says webhook and slack/],
  ["an address that is none", "notify: [{ webhook: 'ftp://a' }]", /notify\[0\]\.webhook must be an http or https URL/],
  ["mail without a server", "notify: [{ email: a@b.c }]", /notify\[0\]\.smtp is missing/],
  [
    "an unknown receiver in a route",
    "notify: { receivers: { a: { slack: 'http://b' } }, route: { receiver: b } }",
    /route\.receiver: names b, which is no receiver/,
  ],
  [
    "a broken matcher",
    "notify: { receivers: { a: { slack: 'http://b' } }, route: { routes: [{ when: 'severity' }] } }",
    /routes\[0\]\.when cannot be read/,
  ],
  [
    "an escalation without steps",
    "notify: { receivers: { a: { slack: 'http://b' } }, escalations: { e: { steps: [] } } }",
    /escalations\.e\.steps: is empty/,
  ],
  [
    "a project that is no number",
    "sources: { sentry: [{ project: x, key: a, target: api }] }",
    /project must be a number/,
  ],
  ["a target that is none", "sources: { services: { a: nobody } }", /names nobody/],
  ["a slip in a key", "monitoring: { deadmann: x }", /did you mean deadman/],
] as const)
  test(`refused: ${what}`, () => {
    const compiled = compile(service + source, "/tmp/prunella.yaml");
    assert.ok(!compiled.ok);
    const said = compiled.problems.map(({ field, rule, remedy }) => `${field} ${rule}; ${remedy}`).join("\n");
    assert.match(said, says);
  });
