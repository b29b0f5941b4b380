// What a configuration may say, by example: what is accepted and comes to which plan, what is refused and by which words; and
// the published schema against the compiler, so that an editor and the program never disagree.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { actionFacts, type Action, type RuleHow } from "@prunella/core";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";
import { compile } from "../src/config/compile.ts";
import { actionNames, configurationSchema } from "../src/config/schema.ts";

const folder = mkdtempSync(path.join(tmpdir(), "prunella-config-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const file = path.join(folder, "prunella.yaml");
const conforms = new Ajv2020({ strict: false, allErrors: true }).compile(configurationSchema());

const service = "services: { api: { command: node api.js } }\n";
const remedy = (body: string): string =>
  `${service}remedies: [{ name: mend, when: { kind: crash }, verify: 1m, ${body} }]\n`;

/** Both sides accept the text. */
function accepts(source: string): ReturnType<typeof compile> & { ok: true } {
  const compiled = compile(source, file);
  assert.ok(compiled.ok, compiled.ok ? "" : JSON.stringify(compiled.problems));
  assert.ok(conforms(parse(source)), `the schema refuses: ${JSON.stringify(conforms.errors)}\n${source}`);
  return compiled;
}

/** Both refuse it; the compiler by words that name the field and contain `says`. */
function refuses(source: string, says: RegExp, schemaToo = true): void {
  const compiled = compile(source, file);
  assert.ok(!compiled.ok, `accepted: ${source}`);
  const said = compiled.problems
    .map(({ line, field, rule, remedy: mend }) => `${line}: ${field} ${rule}; ${mend}`)
    .join("\n");
  assert.match(said, says);
  if (schemaToo) assert.ok(!conforms(parse(source)), `the schema accepts: ${source}`);
}

function action(step: string): Action {
  const compiled = accepts(remedy(`do: [${step}]`));
  const [first] = compiled.plan.remedies[0]?.steps ?? [];
  assert.ok(first !== undefined);
  return first.action;
}

const at = (name: string): string => path.join(folder, name);

test("every action can be written, and comes to what it says", () => {
  const written: readonly (readonly [string, Action])[] = [
    ["restart", { type: "restart", graceful: true }],
    ["{ restart: { graceful: false } }", { type: "restart", graceful: false }],
    ["start", { type: "start" }],
    ["stop", { type: "stop" }],
    ["{ scale: +1 }", { type: "scale", to: null, by: 1 }],
    ['{ scale: "-2" }', { type: "scale", to: null, by: -2 }],
    ["{ scale: 3 }", { type: "scale", to: 3, by: 0 }],
    ["{ scale: { to: 2 } }", { type: "scale", to: 2, by: 0 }],
    ["{ share: { cpu: 400 } }", { type: "share", resource: "cpu", to: 400 }],
    ["{ share: { memory: 600MB } }", { type: "share", resource: "memory", to: 600_000_000 }],
    ["{ signal: SIGUSR2 }", { type: "signal", signal: "SIGUSR2" }],
    ["free-port", { type: "free-port", port: null }],
    ["{ free-port: 8080 }", { type: "free-port", port: 8080 }],
    ["{ exec: ./mend.sh --now }", { type: "exec", argv: ["./mend.sh", "--now"], cwd: folder }],
    [
      "{ http: http://localhost:1/x }",
      { type: "http", method: "POST", url: "http://localhost:1/x", body: null, expectStatus: [200, 299] },
    ],
    [
      "{ http: { url: 'http://h/x', method: PUT, status: 204, headers: { a: b } } }",
      { type: "http", method: "PUT", url: "http://h/x", body: null, headers: { a: "b" }, expectStatus: [204, 204] },
    ],
    [
      "{ sql: { database: 'sqlite:a.db', statement: 'delete from jobs where id = ?', values: [7] } }",
      { type: "sql", database: `sqlite:${at("a.db")}`, statement: "delete from jobs where id = ?", values: [7] },
    ],
    ["rotate", { type: "rotate", path: null, files: 1 }],
    ["{ rotate: { path: log/a.log, files: 3 } }", { type: "rotate", path: at("log/a.log"), files: 3 }],
    ["prune", { type: "prune", path: null, keepShare: 0.5, olderThanMs: 0 }],
    [
      "{ prune: { path: cache, keep: 30%, olderThan: 1h } }",
      { type: "prune", path: at("cache"), keepShare: 0.3, olderThanMs: 3_600_000 },
    ],
    ["{ restore: config }", { type: "restore", what: "config", path: null }],
    ["{ restore: release }", { type: "restore", what: "release", path: null }],
    ["{ restore: { config: app.json } }", { type: "restore", what: "config", path: at("app.json") }],
    ["quarantine", { type: "quarantine", path: null }],
    ["{ unlock: run/a.lock }", { type: "unlock", path: at("run/a.lock") }],
    [
      "{ guard: { name: db, control: set-max, argument: 5 } }",
      { type: "guard", name: "db", control: "set-max", argument: 5 },
    ],
    ["{ breaker: { name: db, to: open } }", { type: "guard", name: "db", control: "open", argument: null }],
    ["{ degrade: { name: shop, level: 2 } }", { type: "guard", name: "shop", control: "set-level", argument: 2 }],
    ["{ limit: { name: in, to: 10 } }", { type: "guard", name: "in", control: "set-limit", argument: 10 }],
    ["{ drain: jobs }", { type: "guard", name: "jobs", control: "drain", argument: 0.5 }],
    ["{ call: refill }", { type: "call", name: "refill", argument: null }],
    ["{ call: { name: refill, argument: 3 } }", { type: "call", name: "refill", argument: 3 }],
    ["{ wait: 5s }", { type: "wait", forMs: 5_000 }],
    ["{ wait-for: checks }", { type: "wait-for", url: null }],
    ["{ wait-for: 'tcp://h:1' }", { type: "wait-for", url: "tcp://h:1" }],
    ["{ notify: 'look at it' }", { type: "notify", text: "look at it" }],
    ["{ approve: 'fail over?' }", { type: "approve", text: "fail over?" }],
    ["{ plugin: { name: failover, with: { to: b } } }", { type: "plugin", name: "failover", arguments: { to: "b" } }],
  ];
  for (const [step, expected] of written) assert.deepEqual(action(step), expected, step);
  const types = new Set<string>(written.map(([, { type }]) => type));
  for (const type of Object.keys(actionFacts)) assert.ok(types.has(type), `${type} is written above`);
  for (const name of actionNames)
    assert.ok(
      written.some(([step]) => step.includes(name)),
      `${name} is written above`,
    );
});

test("a step takes its action's usual time and undo, and says its own", () => {
  const [plain, told] =
    accepts(remedy("do: [{ breaker: { name: db, to: open } }, { exec: up, timeout: 5s, undo: { exec: down } }]")).plan
      .remedies[0]?.steps ?? [];
  assert.equal(plain?.timeoutMs, actionFacts.guard.timeoutMs);
  assert.deepEqual(plain.undo, { type: "guard", name: "db", control: "close", argument: null });
  assert.equal(told?.timeoutMs, 5_000);
  assert.deepEqual(told.undo, { type: "exec", argv: ["down"], cwd: folder });
});

test("conditions on cause and time are part of a remedy", () => {
  const { when } = accepts(
    `${service}remedies: [{ when: { kind: [crash, unhealthy], target: api, labels: { tier: web }, cause: [config-changed+crash-loop], unless: dependency, between: "22:00-06:30" }, do: [start], verify: 1m }]\n`,
  ).plan.remedies[0] ?? { when: null };
  assert.deepEqual(when, {
    kinds: ["crash", "unhealthy"],
    target: "api",
    labels: { tier: "web" },
    causes: ["config-changed+crash-loop"],
    unlessCauses: ["dependency"],
    between: { fromMinute: 1_320, toMinute: 390 },
  });
});

test("what a service declares of its files is resolved against the configuration's folder", () => {
  const [api] = accepts(
    `services: { api: { command: a, files: { config: a.json, release: current, locks: [run/a.lock], folders: [{ path: cache, use: cache, max: 10MB }, { path: up }], records: [{ from: inbox, to: bad }] }, scale: { min: 1, max: 3 } } }\n`,
  ).plan.services;
  assert.deepEqual(api?.declared, {
    configs: [at("a.json")],
    release: at("current"),
    locks: [at("run/a.lock")],
    folders: [
      { path: at("cache"), use: "cache", bytesMax: 10_000_000 },
      { path: at("up"), use: "data", bytesMax: null },
    ],
    records: [{ from: at("inbox"), to: at("bad") }],
  });
  assert.deepEqual(api.scale, { min: 1, max: 3 });
});

test("a scalable service is a target for each instance it may have", () => {
  const { targets } = accepts("services: { api: { command: a, instances: 2, scale: { max: 3 } } }\n").plan;
  assert.deepEqual(
    targets.map(({ key }) => key),
    ["api/0", "api/1", "api/2"],
  );
  assert.equal(targets[0]?.labels["prunella.scalable"], "true");
});

test("a configuration of every section is accepted by both", () => {
  accepts(`
services:
  api:
    command: [node, api.js]
    env: { PORT: 8080 }
    check: { http: "http://localhost:8080/healthz", every: 2s, timeout: 1s, failures: 3, role: liveness, status: 200-299, jitter: 20% }
    checks: [ "tcp://localhost:8080", { expires: cert.pem, before: 14d }, { dns: example.org }, { heartbeat: x, period: 1m, grace: 5s } ]
    after: [db]
    limits: { memory: 512MB, descriptors: 900, threads: 50 }
    slo: { availability: 99.9%, errors: 2%, p95: 3s }
    heartbeat: 30s
    stop: { signal: SIGINT, timeout: 5s }
    logs: { size: 10MB, files: 3 }
    probe: off
    ports: [8080]
    labels: { tier: web }
targets: { db: { check: "tcp://localhost:5432", address: db:5432 } }
remedies:
  - { name: a, when: { kind: dependency-down, target: db }, do: [{ exec: ./failover.sh }], mode: approve, budget: 1 per 15m, verify: 5m, next: b, promote: 5 }
  - { name: b, when: { kind: dependency-down, target: db }, do: [{ notify: help }], verify: 1m }
http: { host: 127.0.0.1, port: 0 }
retention: { signals: 7d, size: 1GB }
safety: { perHour: 10, blastRadius: 50%, stormTargets: 5, stormWindow: 5m, approvalTimeout: 30m }
`);
});

const refused: readonly (readonly [string, string, RegExp, boolean?])[] = [
  [
    "an unknown key, with the one that was meant",
    "services: { api: { comand: a } }\n",
    /services\.api\.comand is not a known setting; did you mean command/,
  ],
  ["an unknown key of a remedy", remedy("do: [start], budjet: 1 per 1m"), /did you mean budget/],
  ["an unknown key of files", "services: { api: { command: a, files: { configs: a } } }\n", /did you mean config/],
  ["a service without a command", "services: { api: { cwd: . } }\n", /command is missing/],
  ["a step with two actions", remedy("do: [{ start: true, stop: true }]"), /names start and stop; write exactly one/],
  ["a step with none", remedy("do: [{ timeout: 5s }]"), /names no action/],
  ["a word that is no action", remedy("do: [reboot]"), /is not an action \(reboot\)/],
  ["an action that needs to be told what", remedy("do: [exec]"), /exec needs to be told what/],
  [
    "shell syntax in a program",
    remedy("do: [{ exec: 'rm -rf x; reboot' }]"),
    /holds ;, which only a shell understands/,
    false,
  ],
  [
    "two statements in one",
    remedy("do: [{ sql: { database: 'sqlite:a', statement: 'select 1; drop table x' } }]"),
    /more than one statement/,
    false,
  ],
  [
    "a database nobody can speak to",
    remedy("do: [{ sql: { database: 'mysql://x', statement: 'select 1' } }]"),
    /is no database/,
  ],
  ["a signal that is none", remedy("do: [{ signal: kill }]"), /is not the name of a signal/],
  ["scaling by nothing", remedy("do: [{ scale: 0 }]"), /is not a number of instances/, false],
  ["scaling both to and by", remedy("do: [{ scale: { to: 1, by: 1 } }]"), /either to or by/],
  ["restoring what is not restored", remedy("do: [{ restore: database }]"), /must be one of config, release/],
  [
    "a kind that is nearly a known one",
    `${service}remedies: [{ when: { kind: crsh }, do: [start], verify: 1m }]\n`,
    /did you mean crash/,
    false,
  ],
  [
    "a cause nobody establishes",
    `${service}remedies: [{ when: { kind: crash, cause: config-chnged }, do: [start], verify: 1m }]\n`,
    /did you mean config-changed/,
    false,
  ],
  [
    "a time of the day that is none",
    `${service}remedies: [{ when: { kind: crash, between: "9-5" }, do: [start], verify: 1m }]\n`,
    /not a time of the day/,
  ],
  ["every kind at once", `${service}remedies: [{ when: { kind: "*" }, do: [start], verify: 1m }]\n`, /wildcard/, false],
  ["no kind at all", `${service}remedies: [{ when: { target: api }, do: [start], verify: 1m }]\n`, /names no kind/],
  [
    "the ladder's own kind",
    `${service}remedies: [{ when: { kind: "(any other)" }, do: [start], verify: 1m }]\n`,
    /for what is shipped/,
    false,
  ],
  ["no step", remedy("do: []"), /has no step/],
  ["a next that does not exist", remedy("do: [start], next: nobody"), /names nobody, which is no remedy/, false],
  [
    "the name of a shipped remedy",
    `${service}remedies: [{ name: restart-down, when: { kind: crash }, do: [start], verify: 1m }]\n`,
    /is shipped/,
    false,
  ],
  [
    "auto for a program on every target",
    remedy("do: [{ exec: a }], mode: auto"),
    /is auto for an action that reaches beyond/,
    false,
  ],
  [
    "a folder that is a whole home",
    "services: { api: { command: a, files: { folders: [{ path: /, use: cache }] } } }\n",
    /as wide as/,
    false,
  ],
  [
    "a folder of the system",
    "services: { api: { command: a, files: { folders: [{ path: /var, use: log }] } } }\n",
    /belongs to the system/,
    false,
  ],
  [
    "the configuration's own folder to be cleared",
    "services: { api: { command: a, files: { folders: [{ path: ., use: cache }] } } }\n",
    /as wide as/,
    false,
  ],
  [
    "records put aside where they come from",
    "services: { api: { command: a, files: { records: [{ from: a, to: a }] } } }\n",
    /into the folder they come from/,
    false,
  ],
  [
    "bounds that leave the number of instances out",
    "services: { api: { command: a, instances: 5, scale: { max: 3 } } }\n",
    /goes from 1 to 3, and 5/,
    false,
  ],
  ["a duration nobody can read", "services: { api: { command: a, startup: soon } }\n", /startup cannot be read/],
  [
    "a check that says two things",
    "targets: { db: { check: { http: 'http://x/', tcp: 'x:1' } } }\n",
    /says http and tcp/,
  ],
  ["a target without a check", "targets: { db: { labels: { a: b } } }\n", /has no check/],
  [
    "a rule on nobody",
    `${service}detect: { rules: [{ target: web, metric: m, above: 1 }] }\n`,
    /rules\[0\].target names web/,
    false,
  ],
  [
    "a rule without a limit",
    `${service}detect: { rules: [{ target: api, metric: m }] }\n`,
    /has no limit; write above/,
    false,
  ],
  [
    "a rule in two ways",
    `${service}detect: { rules: [{ target: api, metric: m, ratio: 1m, peers: 3, above: 1 }] }\n`,
    /says ratio and peers/,
    false,
  ],
  [
    "a rule with a limit in words",
    `${service}detect: { rules: [{ target: api, metric: m, above: much }] }\n`,
    /above must be a number/,
  ],
  [
    "limits that contradict each other",
    `${service}detect: { rules: [{ target: api, metric: m, above: 1, clearAbove: 2 }] }\n`,
    /cannot work: clearAbove must be at most `above`/,
    false,
  ],
  [
    "a ratio of nothing",
    `${service}detect: { rules: [{ target: api, metric: m, ratio: 1m, above: 5% }] }\n`,
    /of is missing/,
    false,
  ],
  [
    "a promise that cannot be broken fast enough",
    `${service}detect: { rules: [{ target: api, metric: m, of: n, burnRate: 50%, period: 400d }] }\n`,
    /cannot work: rules must be 1 to 8/,
    false,
  ],
  ["detection of a target that is not there", `${service}detect: { off: [web] }\n`, /off names web/, false],
  ["a share beyond all", `${service}safety: { blastRadius: 1.5 }\n`, /must be a share/],
];
for (const [what, source, says, schemaToo] of refused)
  test(`refused: ${what}`, () => refuses(source, says, schemaToo ?? true));

test("rules of every kind can be written, and come to what they say", () => {
  const written: readonly (readonly [string, RuleHow])[] = [
    [
      "above: 500, clearAbove: 400, for: 1m",
      { type: "threshold", above: 500, clearAbove: 400, forMs: 60_000, clearForMs: 0 },
    ],
    [
      "below: 1, clearFor: 10s, rate: 5m, measure: share",
      { type: "change-rate", windowMs: 300_000, measure: "share", below: 1, forMs: 0, clearForMs: 10_000 },
    ],
    ["absent: 1m", { type: "absence", afterMs: 60_000 }],
    ["absent: true", { type: "absence", afterMs: null }],
    [
      "ratio: 5m, of: all, above: 5%, atLeast: 50",
      { type: "ratio", of: "all", windowMs: 300_000, totalMin: 50, above: 0.05, forMs: 0, clearForMs: 0 },
    ],
    [
      "quantile: 99%, window: 10m, above: 800",
      { type: "quantile", share: 0.99, windowMs: 600_000, above: 800, forMs: 0, clearForMs: 0 },
    ],
    ["burnRate: 99.9%, of: all", { type: "burn-rate", of: "all", objective: 0.999, periodMs: 30 * 86_400_000 }],
    ["peers: 4, side: above, for: 2m", { type: "peers", deviations: 4, side: "above", forMs: 120_000, clearForMs: 0 }],
  ];
  for (const [body, how] of written) {
    const { plan } = accepts(`${service}detect: { rules: [{ target: api, metric: m, ${body} }] }\n`);
    assert.deepEqual(plan.detect?.rules, [
      { name: "m-1", target: "api", metric: "m", kind: "rule", severity: "medium", how },
    ]);
  }
  const { plan } = accepts(`${service}detect: { anomalies: false, learn: 1h, off: [api] }\n`);
  assert.deepEqual(plan.detect, {
    anomalies: false,
    logs: true,
    peers: true,
    forecasts: true,
    learnMs: 3_600_000,
    off: ["api"],
    rules: [],
  });
});

test("the schema that is published is the one the compiler goes by", () => {
  const published = readFileSync(path.join(import.meta.dirname, "../schema/prunella.schema.json"), "utf8");
  assert.deepEqual(
    JSON.parse(published),
    JSON.parse(JSON.stringify(configurationSchema())),
    "run: prunella check --schema",
  );
});

test("a key that the schema knows is known to the compiler, in every mapping", () => {
  const { $defs } = configurationSchema() as { $defs: Record<string, { properties?: Record<string, unknown> }> };
  for (const mapping of ["service", "files", "limits", "slo", "stop", "logs", "scale"]) {
    for (const key of Object.keys($defs[mapping]?.properties ?? {})) {
      const inner = mapping === "service" ? `${key}: null` : `${mapping}: { ${key}: null }`;
      const compiled = compile(`services: { api: { command: a, ${inner} } }\n`, file);
      const unknown = compiled.ok ? [] : compiled.problems.filter(({ rule }) => rule.includes("not a known setting"));
      assert.deepEqual(unknown, [], `${mapping}.${key}`);
    }
  }
});
