// The JSON Schema of prunella.yaml, and the keys that each mapping may hold: written once, used by the compiler's own checks
// (`keysOf`), published for editors (`prunella check --schema`, schema/prunella.schema.json). What a schema cannot say, such as
// names that must exist, is the compiler's; a test holds the two against each other.
import { causeWords } from "@prunella/core";
import { monitoringMappings, monitoringRootKeys, scrapeKey } from "./schema-monitoring.ts";

type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: ["string", "number", "boolean"] };
const words: Schema = { anyOf: [text, { type: "array", items: text }] };
const durationPattern = "^\\s*(?:\\d+(?:\\.\\d+)?\\s*(?:ms|min|s|m|h|d)\\s*)+$";
const duration = (description: string): Schema => ({
  description: `${description} A duration: "250ms", "5s", "1h30m"; a bare number is seconds.`,
  anyOf: [
    { type: "string", pattern: durationPattern },
    { type: "number", minimum: 0 },
  ],
});
const size = (description: string): Schema => ({
  description: `${description} A size: "512MB" (decimal), "1GiB" (binary); a bare number is bytes.`,
  anyOf: [
    { type: "string", pattern: "^\\s*\\d+(?:\\.\\d+)?\\s*[kKmMgGtT]?[iI]?[bB]\\s*$" },
    { type: "number", minimum: 0 },
  ],
});
const share = (description: string, min: number, max: number): Schema => ({
  description: `${description} A share: "50%" or 0.5.`,
  anyOf: [
    { type: "string", pattern: "^\\s*\\d+(?:\\.\\d+)?\\s*%?\\s*$" },
    { type: "number", minimum: min, maximum: max },
  ],
});
const limit = (description: string): Schema => ({
  description: `${description} A number, or a share such as "5%".`,
  anyOf: [{ type: "number" }, { type: "string", pattern: "^\\s*-?\\d+(?:\\.\\d+)?\\s*%\\s*$" }],
});
const whole = (minimum: number, maximum: number, description = ""): Schema => ({
  type: "integer",
  minimum,
  maximum,
  ...(description === "" ? {} : { description }),
});
const flag = (description: string): Schema => ({ type: "boolean", description });
const oneOf = (values: readonly string[], description = ""): Schema => ({ enum: values, description });
const map = (of: Schema = text): Schema => ({ type: "object", additionalProperties: of });
const ref = (name: string): Schema => ({ $ref: `#/$defs/${name}` });
const list = (items: Schema): Schema => ({ type: "array", items });
const described = (of: Schema, description: string): Schema => ({ ...of, description });
const orMap = (plain: Schema, name: string): Schema => ({ anyOf: [plain, ref(name)] });

export const checkHows = ["http", "tcp", "command", "process", "file", "heartbeat", "expires", "dns"] as const;

const actions = {
  restart: { ...orMap(flag(""), "restart"), description: "Replace the process, letting it finish its work." },
  start: flag("Start it."),
  stop: flag("Stop it, and leave it stopped."),
  scale: {
    ...orMap({ type: ["string", "integer"] }, "scale-step"),
    description: "Instances of its service: how many (3), or how many more or fewer (+1, -1), within its bounds.",
  },
  share: { ...ref("share-step"), description: "A share of the machine for its service, within its resources." },
  signal: { type: "string", pattern: "^SIG[A-Z0-9]{2,8}$", description: "Send a signal to its process." },
  "free-port": whole(1, 65_535, "Stop the orphan of ours that holds the port; never a foreign process."),
  exec: { ...words, description: "Run a program, without a shell." },
  http: { ...orMap({ type: "string" }, "http-step"), description: "Make one HTTP request." },
  sql: { ...ref("sql"), description: "Execute one SQL statement, its values apart." },
  rotate: { ...orMap({ type: "string" }, "rotate"), description: "Rotate a declared log, or its own output (own)." },
  prune: {
    ...orMap({ type: "string" }, "prune"),
    description: "Remove the oldest files of a declared log or cache folder.",
  },
  restore: {
    ...orMap({ enum: ["config", "release"] }, "restore"),
    description: "Put back the declared configuration, or release, with which it last ran well.",
  },
  quarantine: { type: "string", description: "Move a record out of a declared folder." },
  unlock: { type: "string", description: "Remove a declared lock whose owner is dead." },
  guard: { ...ref("guard"), description: "Drive a guard inside the application." },
  breaker: { ...ref("breaker"), description: "Open or close a circuit breaker inside the application." },
  degrade: { ...ref("degrade"), description: "Set a level of service inside the application." },
  limit: { ...ref("limit"), description: "Set a limit inside the application." },
  drain: { ...orMap({ type: "string" }, "drain"), description: "Shed from a queue inside the application." },
  call: { ...orMap({ type: "string" }, "call"), description: "Call a repair that the application registered." },
  wait: duration("Wait."),
  "wait-for": {
    type: "string",
    description: 'Wait until an http or tcp address answers, or until its own "checks" pass.',
  },
  notify: { type: "string", description: "Tell people." },
  approve: { type: "string", description: "Ask a person; the steps after it wait for the answer." },
  plugin: { ...orMap({ type: "string" }, "plugin"), description: "Perform an action of a plugin." },
} as const satisfies Readonly<Record<string, Schema>>;

export type ActionName = keyof typeof actions;
export const actionNames = Object.keys(actions) as readonly ActionName[];
const bareActions = [
  "restart",
  "start",
  "stop",
  "free-port",
  "rotate",
  "prune",
  "quarantine",
  "unlock",
  "wait-for",
  "approve",
];

const exactlyOne = (names: readonly string[]): Schema => ({ oneOf: names.map((name) => ({ required: [name] })) });
/** Actions of which the value may be left out (`- restart:`), which YAML reads as null. */
const stepActions = Object.fromEntries(
  Object.entries(actions).map(([name, of]) => [
    name,
    bareActions.includes(name) ? { anyOf: [of, { type: "null" }], description: of.description } : of,
  ]),
);

/** Every mapping of the configuration: its keys, which are required, and what else must hold. */
const mappings: Readonly<
  Record<
    string,
    { readonly keys: Readonly<Record<string, Schema>>; readonly required?: readonly string[]; readonly more?: Schema }
  >
> = {
  root: {
    keys: {
      services: { ...map(ref("service")), description: "What Prunella runs, watches and heals." },
      targets: { ...map(ref("target")), description: "What it watches and does not run." },
      remedies: list(ref("remedy")),
      ...monitoringRootKeys,
      http: ref("http"),
      retention: ref("retention"),
      safety: ref("safety"),
      drills: { ...list(ref("drill")), description: "Drills that run by themselves; see docs/drills.md." },
      plugins: described(words, "Modules that add actions."),
      detect: ref("detect"),
    },
  },
  drill: {
    keys: {
      run: described(text, "A drill of the catalogue, such as CRIT-001."),
      experiment: described(text, "A Chaos Toolkit experiment, as JSON."),
      cron: described(text, 'Minute, hour, day, month, weekday: "0 3 * * 2".'),
      timezone: described(text, "IANA name; by default the machine's."),
      window: {
        type: "string",
        pattern: "^\\s*([01]?\\d|2[0-3]):[0-5]\\d\\s*-\\s*([01]?\\d|2[0-4]):[0-5]\\d\\s*$",
        description: 'It begins only within: "02:00-05:00".',
      },
      remedies: described(words, "Remedies that it proves; they are demoted when it fails or grows stale."),
      stale: duration("Age at which its last pass proves nothing any more; by default 30 days."),
    },
    required: ["cron"],
    more: exactlyOne(["run", "experiment"]),
  },
  service: {
    keys: {
      command: described(words, "Program and arguments; no shell."),
      shell: flag("Run the command by /bin/sh -c."),
      cwd: text,
      env: map(),
      envFile: words,
      user: text,
      check: ref("checks"),
      checks: ref("checks"),
      after: described(words, "Services and targets that must be ready before."),
      instances: whole(1, 64),
      scale: ref("scale"),
      tune: { ...map(ref("knob")), description: "Numbers that are moved towards a better measured objective." },
      limits: ref("limits"),
      resources: ref("resources"),
      slo: ref("slo"),
      heartbeat: duration("Longest silence of the application's heartbeat."),
      stop: ref("stop"),
      logs: ref("logs"),
      probe: { enum: ["auto", "on", "off", true, false] },
      ports: { anyOf: [whole(1, 65_535), list(whole(1, 65_535))] },
      startup: duration("Time within which it may still be unhealthy."),
      ready: duration("Longest wait for its readiness before dependents start anyway."),
      labels: map(),
      scrape: scrapeKey,
      files: ref("files"),
    },
    required: ["command"],
  },
  target: {
    keys: {
      check: ref("checks"),
      checks: ref("checks"),
      after: words,
      labels: map(),
      address: words,
      addresses: words,
      scrape: scrapeKey,
      slo: ref("slo"),
    },
    more: { anyOf: [{ required: ["check"] }, { required: ["checks"] }] },
  },
  check: {
    keys: {
      name: text,
      http: { type: "string" },
      tcp: { type: "string" },
      command: words,
      process: text,
      file: text,
      heartbeat: text,
      expires: described(text, "A certificate (PEM) or token (JWT) in a file."),
      dns: text,
      every: duration("Interval."),
      timeout: duration("Time limit of one run."),
      failures: whole(1, 1_000, "Failures in a row before it counts as failing."),
      successes: whole(1, 1_000),
      role: oneOf(["liveness", "readiness"], "Only a liveness check may cause a repair."),
      jitter: share("Share of the interval by which starts are spread.", 0, 0.5),
      delay: duration("Not before this long after the start."),
      status: { type: ["string", "integer"] },
      body: text,
      latency: duration("Slower answers fail."),
      certificate: duration("Fails when the certificate ends sooner."),
      method: text,
      headers: map(),
      age: duration("Greatest age of the file."),
      period: duration("Interval of the pings."),
      grace: duration("Added to it."),
      before: duration("Speak of an end this long before."),
    },
    more: exactlyOne(checkHows),
  },
  scale: {
    keys: {
      min: whole(1, 64),
      max: whole(1, 64),
      by: described(
        text,
        'What is measured: a metric of each instance (cpuShare, latencyMsP95, requestsInFlight), or "queue NAME".',
      ),
      target: { type: "number", exclusiveMinimum: 0, description: "What one instance should have of it." },
      up: duration("More must have been wanted for this long."),
      down: duration("Fewer must have sufficed for this long."),
      coolDown: duration("Nothing changes for this long after a change."),
    },
  },
  knob: {
    keys: {
      guard: described(text, "A guard inside the application…"),
      control: described(text, "…and which control of it sets the value."),
      call: described(text, "Or a function that the application registered."),
      min: { type: "number" },
      max: { type: "number" },
      step: { type: "number", exclusiveMinimum: 0 },
      start: { type: "number", description: "The value with which the application starts." },
      metric: described(text, "What is to become better."),
      goal: oneOf(["lower", "higher"]),
      window: duration("How long each value is measured."),
      margin: share("A trial must better the objective by this share to be kept.", 0, 1),
    },
    required: ["min", "max", "step", "start", "metric"],
  },
  limits: {
    keys: {
      memory: size("Recycled before it is reached."),
      descriptors: whole(10, 10_000_000, "Open descriptors; absent: what the kernel allows."),
      threads: whole(2, 1_000_000),
    },
  },
  resources: {
    keys: {
      cpu: whole(1, 10_000, "Weight against the other services with resources; by default 100."),
      memory: ref("memory"),
      share: { ...orMap({ enum: ["auto"] }, "share"), description: "CPU weight that follows the need for it." },
    },
  },
  memory: {
    keys: {
      high: size("From here on its memory is reclaimed."),
      max: size("Beyond this the kernel kills in it."),
      most: size("The limit follows the need up to here, while the machine has room."),
    },
  },
  share: {
    keys: {
      by: described(text, "What says that it is in need: cpuWaitShare, or another metric such as latencyMsP95."),
      target: { type: "number", exclusiveMinimum: 0, description: "It is in need above this." },
      most: whole(1, 10_000, "The most its weight is raised to; by default eight times its own."),
      up: duration("It must have been in need for this long."),
      down: duration("The need must have been gone for this long."),
      coolDown: duration("Nothing changes for this long after a change."),
    },
  },
  slo: {
    keys: {
      availability: share("Good time.", 0, 1),
      errors: share("Failed requests.", 0, 1),
      p95: duration("Latency that 95 % of the requests stay below."),
      memory: size("Resident memory that it stays below."),
      cpu: share("Share of one core that it stays below.", 0, 128),
      window: duration("The time the error budget is for."),
    },
  },
  stop: {
    keys: {
      signal: oneOf(["SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGKILL", "SIGUSR1", "SIGUSR2"]),
      timeout: duration("Then SIGKILL."),
    },
  },
  logs: { keys: { size: size("Rotated beyond."), files: whole(1, 100) } },
  files: {
    keys: {
      config: described(words, "Kept as they were when it last ran well, and restored from that."),
      release: described(text, "A symbolic link to the release in use."),
      locks: described(words, "Lock files that name the process that holds them."),
      folders: list(ref("folder")),
      records: list(ref("records")),
    },
  },
  folder: {
    keys: {
      path: text,
      use: oneOf(["log", "cache", "data"], "data is only watched, never cleared."),
      max: size("Most it should hold."),
    },
    required: ["path"],
  },
  records: { keys: { from: text, to: text }, required: ["from", "to"] },
  remedy: {
    keys: {
      name: text,
      when: ref("when"),
      do: { type: "array", items: ref("anyStep"), minItems: 1, maxItems: 20 },
      mode: oneOf(["observe", "suggest", "approve", "auto"]),
      budget: { anyOf: [{ type: "string" }, list({ type: "string" })] },
      backoff: duration("Wait before the second run in a row; doubled for each after."),
      verify: duration("It must be watched healthy this long."),
      within: duration("…and must have achieved that by then."),
      recurrence: duration("A fault that comes back this soon counts against the remedy."),
      next: described(text, "The remedy to try when this one did not help."),
      promote: whole(1, 1_000, "After so many runs verified in a row it may do the next thing by itself."),
      solution: text,
    },
    required: ["when", "do"],
  },
  when: {
    keys: {
      kind: words,
      target: text,
      labels: map(),
      cause: described(words, `A cause that the diagnosis established; a+b: both. One of ${causeWords.join(", ")}.`),
      unless: described(words, "Not when one of these was established."),
      between: {
        type: "string",
        pattern: "^\\s*\\d{1,2}:[0-5]\\d-\\d{1,2}:[0-5]\\d\\s*$",
        description: "Time of the day, UTC.",
      },
    },
    required: ["kind"],
  },
  step: {
    keys: { ...stepActions, timeout: duration("Its time; then nobody knows whether it happened."), undo: ref("undo") },
    more: exactlyOne(actionNames),
  },
  undo: { keys: stepActions, more: exactlyOne(actionNames) },
  restart: { keys: { graceful: flag("false: SIGKILL at once.") } },
  "share-step": {
    keys: { cpu: whole(1, 10_000), memory: size("A limit.") },
    more: exactlyOne(["cpu", "memory"]),
  },
  "scale-step": { keys: { to: whole(1, 64), by: whole(-64, 64) }, more: exactlyOne(["to", "by"]) },
  "http-step": {
    keys: {
      url: { type: "string" },
      method: oneOf(["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD"]),
      body: text,
      headers: map(),
      status: { type: ["string", "integer"] },
    },
    required: ["url"],
  },
  sql: {
    keys: {
      database: { type: "string", pattern: "^(?:sqlite:.+|postgres(?:ql)?://.+|\\$[A-Za-z_]\\w*)$" },
      statement: { type: "string", minLength: 1 },
      values: {
        anyOf: [{ type: ["string", "number", "boolean"] }, list({ type: ["string", "number", "boolean", "null"] })],
      },
    },
    required: ["database", "statement"],
  },
  rotate: { keys: { path: text, files: whole(0, 100) } },
  prune: {
    keys: { path: text, keep: share("How full it may stay.", 0, 0.95), olderThan: duration("Younger files stay.") },
  },
  restore: { keys: { config: text }, required: ["config"] },
  guard: {
    keys: {
      name: text,
      control: { type: "string", minLength: 1 },
      argument: { type: ["string", "number", "boolean"] },
    },
    required: ["control"],
  },
  breaker: { keys: { name: text, to: oneOf(["open", "close", "isolate"]) } },
  degrade: { keys: { name: text, level: { type: ["string", "number"] } } },
  limit: { keys: { name: text, to: whole(0, 1_000_000_000) }, required: [] },
  drain: { keys: { name: text, share: share("Of what waits.", 0, 1) } },
  call: {
    keys: { name: { type: "string", minLength: 1 }, argument: { type: ["string", "number", "boolean"] } },
    required: ["name"],
  },
  plugin: { keys: { name: { type: "string", minLength: 1 }, with: map() }, required: ["name"] },
  http: { keys: { host: text, port: whole(0, 65_535), token: text } },
  retention: {
    keys: { signals: duration("Raw signals are kept so long."), size: size("The records may take so much.") },
  },
  safety: {
    keys: {
      perHour: whole(1, 10_000, "Disturbing repairs in an hour, over everything."),
      blastRadius: share("Of a group that may be out at once.", 0.01, 1),
      stormTargets: whole(1, 10_000),
      stormWindow: duration("More targets than that going bad within this hold repairs."),
      approvalTimeout: duration("Then the answer is no."),
    },
  },
  ...monitoringMappings,
  detect: {
    keys: {
      anomalies: flag("Metrics unlike their own past are shown. Default true."),
      logs: flag("Log lines are mined: new kinds of error, changed rates. Default true."),
      peers: flag("Instances unlike their siblings are shown. Default true."),
      forecasts: flag("What will run out is shown. Default true."),
      learn: duration("A metric is watched so long before it may be called unusual. Default 15m."),
      off: described(words, "Services and targets of which nothing is learned."),
      rules: list(ref("rule")),
    },
  },
  rule: {
    keys: {
      name: described(text, "Unique; default made of the metric."),
      target: { type: "string", description: "A service, one of its instances, or a target." },
      metric: { type: "string", description: "Such as latencyMsP95; see docs/detection.md." },
      kind: {
        type: "string",
        description: "A kind of its own, for remedies to name; without it the rule is only shown.",
      },
      severity: oneOf(["low", "medium", "critical"], "Default medium."),
      above: limit("Fires above this."),
      below: limit("Fires below this."),
      clearAbove: limit("Clears only at or under this."),
      clearBelow: limit("Clears only at or over this."),
      for: duration("It must hold so long before it fires."),
      clearFor: duration("It must be over so long before it clears."),
      rate: duration("How fast it moves, over this window."),
      measure: oneOf(["per-second", "share"], "Of a rate. Default per-second."),
      absent: { anyOf: [{ const: true }, duration("It no longer comes.")] },
      ratio: duration("Against the metric `of`, over this window."),
      of: { type: "string", description: "The metric that counts them all." },
      atLeast: whole(1, 1_000_000, "Events in the window below which a ratio says nothing. Default 20."),
      quantile: share("Of the values of `window`.", 0, 1),
      window: duration("Of a quantile. Default 5m."),
      burnRate: share("The promise: the share that must be good.", 0, 1),
      period: duration("The promise's period. Default 30d."),
      peers: { anyOf: [{ const: true }, limit("Deviations from the siblings. Default 5.")] },
      side: oneOf(["above", "below", "both"], "Of peers. Default both."),
    },
    required: ["target", "metric"],
  },
};

/** The keys that a mapping of the configuration may hold. */
export function keysOf(mapping: string): readonly string[] {
  const found = mappings[mapping];
  if (found === undefined) throw new Error(`no mapping is called ${mapping}`);
  return Object.keys(found.keys);
}

/** The whole schema, as a plain object. */
export function configurationSchema(): Schema {
  const definition = (name: string): Schema => {
    const { keys, required = [], more = {} } = mappings[name] ?? { keys: {} };
    return {
      type: "object",
      properties: keys,
      additionalProperties: false,
      ...(required.length === 0 ? {} : { required }),
      ...more,
    };
  };
  const { root: _root, ...others } = mappings;
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "prunella.yaml",
    description: "Configuration of Prunella, which watches and heals the services of a machine.",
    ...definition("root"),
    $defs: {
      ...Object.fromEntries(Object.keys(others).map((name) => [name, definition(name)])),
      checks: { anyOf: [{ type: "string" }, ref("check"), list({ anyOf: [{ type: "string" }, ref("check")] })] },
      anyStep: { anyOf: [{ enum: bareActions }, ref("step")] },
    },
  };
}
