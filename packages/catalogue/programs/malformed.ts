// Sends malformed inputs to every public entry point and says what became of each: to the program's API and ingest, and to
// Prunella's own API, ingest, configuration and command line. Arguments: PROGRAM-URL CONTROL-URL ENTRY FOLDER. Prints JSON.
import { spawn } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";

const [programUrl = "", controlUrl = "", entry = "", folder = ""] = process.argv.slice(2);

interface Tally {
  sent: number;
  refused: number;
  named: number;
  serverErrors: number;
  accepted: string[];
}
const tallies: Record<string, Tally> = {};
function tally(where: string): Tally {
  return (tallies[where] ??= { sent: 0, refused: 0, named: 0, serverErrors: 0, accepted: [] });
}
function note(where: string, input: unknown, refused: boolean, named: boolean, serverError: boolean): void {
  const into = tally(where);
  into.sent += 1;
  if (refused) into.refused += 1;
  else if (into.accepted.length < 5) into.accepted.push(JSON.stringify(input).slice(0, 200));
  if (refused && named) into.named += 1;
  if (serverError) into.serverErrors += 1;
}

const good = { source_id: "orders", interval_ms: 60_000, url: "https://example.org/feed" };
const badIds: unknown[] = [
  "",
  " ",
  "a b",
  "a/b",
  "../etc",
  "ä",
  "a\u0000b",
  "a\nb",
  "a;b",
  "a'b",
  'a"b',
  "a$b",
  "<script>",
  "a".repeat(101),
  "名前",
  "a.b",
  "a:b",
  "%00",
  "a\\b",
  "{{7*7}}",
  null,
  undefined,
  1,
  true,
  [],
  {},
  ["a"],
  "\u202eabc",
  "a\tb",
  "a,b",
  "a@b",
  "😀",
  "a|b",
  "`id`",
  "$(id)",
  "a&b",
  "a=b",
  "a+b",
  "a?b",
  "a#b",
  "a!b",
  "a*b",
  "a~b",
  "a^b",
  "(a)",
  "[a]",
  "a\u200bb",
  "ａ",
  "а",
];
const badIntervals: unknown[] = [
  0,
  -1,
  59_999,
  1,
  -60_000,
  "59999",
  "",
  " ",
  "1m",
  "NaN",
  "Infinity",
  "-60000",
  "6e4x",
  null,
  undefined,
  true,
  [],
  {},
  [60_000],
  1e300,
  "1".repeat(30),
  "0x10000",
  "60000ms",
  "60 000",
  "六万",
  3.2e10 * 10,
  -0.5,
  "60_000",
  "+60000.5.1",
  "\u0000",
];
const badUrls: unknown[] = [
  "",
  " ",
  "example.org",
  "//example.org",
  "http://",
  "https://",
  "http:///path",
  "ftp://example.org",
  "file:///etc/passwd",
  "javascript:alert(1)",
  "data:text/plain,a",
  "http://user:pass@example.org",
  "https://u@example.org",
  "http://exa mple.org",
  "http://[::1",
  "http://example.org:99999",
  "http://example.org:-1",
  "ht!tp://example.org",
  "gopher://example.org",
  null,
  undefined,
  1,
  true,
  [],
  {},
  `https://example.org/${"a".repeat(2_100)}`,
  "http://%zz",
  "mailto:a@example.org",
  "ws://example.org",
  "\u0000",
  "about:blank",
  "http://:80",
  "http://?",
  "https:// ",
  "urn:isbn:1",
  "blob:https://example.org/a",
  "ssh://example.org",
  "ldap://a",
];

/** One field of a good input replaced by a bad value; then two at once, so that there are enough. */
function* inputs(): Generator<Record<string, unknown>> {
  const fields = [
    ["source_id", badIds],
    ["interval_ms", badIntervals],
    ["url", badUrls],
  ] as const;
  for (const [field, values] of fields) for (const value of values) yield { ...good, [field]: value };
  for (let at = 0; ; at += 1) {
    const [one, two] = [fields[at % 3] ?? fields[0], fields[(at + 1) % 3] ?? fields[1]];
    yield { ...good, [one[0]]: one[1][at % one[1].length], [two[0]]: two[1][(at * 7) % two[1].length] };
  }
}

function names(body: unknown): boolean {
  const { field, rule } = (body ?? {}) as { field?: unknown; rule?: unknown };
  return typeof field === "string" && field !== "" && typeof rule === "string" && rule !== "";
}

async function post(url: string, body: string, type = "application/json"): Promise<{ status: number; body: unknown }> {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": type },
    body,
    signal: AbortSignal.timeout(10_000),
  });
  return { status: response.status, body: await response.json().catch(() => null) };
}

const source = inputs();
const next = (): Record<string, unknown> => source.next().value as Record<string, unknown>;

for (let sent = 0; sent < 450; sent += 1) {
  const input = next();
  const { status, body } = await post(`${programUrl}/sources`, JSON.stringify(input));
  note("program: API", input, status >= 400 && status < 500, names(body), status >= 500);
}
for (let batch = 0; batch < 22; batch += 1) {
  const lines = Array.from({ length: 15 }, next);
  const { status, body } = await post(
    `${programUrl}/ingest`,
    lines.map((line) => JSON.stringify(line)).join("\n"),
    "application/x-ndjson",
  );
  const problems = ((body ?? {}) as { problems?: unknown[] }).problems ?? [];
  for (const [at, line] of lines.entries())
    note("program: ingest", line, at < problems.length, names(problems[at]), status >= 500);
}

// Prunella itself. A problem names its field, and its detail says the rule.
const named = (body: unknown): boolean => {
  const { field, detail } = (body ?? {}) as { field?: unknown; detail?: unknown };
  return typeof field === "string" && typeof detail === "string" && detail.length > 10;
};
const weird: unknown[] = [null, 1, true, "", [], {}, "\u0000", -1, 1e99, "a".repeat(300), [[]], { a: 1 }];
const bodies: [string, unknown][] = [];
for (const value of weird) {
  bodies.push(["/api/v1/maintenance", { to: value }]);
  bodies.push(["/api/v1/maintenance", { target: value, to: "not a time" }]);
  bodies.push(["/api/v1/drills/announce", { target: value, drill: 1 }]);
  bodies.push(["/api/v1/drills/announce", { target: "inputs", drill: "x", forMs: value === null ? -5 : value }]);
  bodies.push(["/api/v1/pause", { forMs: value === null ? "soon" : [value] }]);
  bodies.push(["/api/v1/targets/inputs/actions", { action: value }]);
  bodies.push(["/api/v1/issues/CRIT-001/status", { to: value, unknown: 1 }]);
}
for (const [url, input] of bodies) {
  const { status, body } = await post(controlUrl + url, JSON.stringify(input));
  note("Prunella: API", { url, input }, status >= 400 && status < 500, named(body), status >= 500);
}
for (const value of weird)
  for (const field of ["target", "kind", "severity", "state", "summary", "distinguisher"]) {
    const signal: Record<string, unknown> = {
      target: "inputs",
      kind: "odd",
      summary: "odd",
      [field]: field === "distinguisher" && typeof value === "string" && value.length < 200 ? 5 : value,
    };
    if ((field === "kind" || field === "summary") && (value === "\u0000" || value === "a".repeat(300)))
      signal["extra"] = 1;
    const { status, body } = await post(`${controlUrl}/api/v1/signals`, JSON.stringify([signal]));
    note("Prunella: ingest", signal, status >= 400 && status < 500, named(body), status >= 500);
  }

/** Ends with its exit status and what it said. */
function prunella(...args: string[]): Promise<{ status: number; said: string }> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [entry, ...args], { stdio: ["ignore", "pipe", "pipe"], cwd: folder });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (data: Buffer) => (said += data.toString()));
    child.on("close", (code) => resolve({ status: code ?? -1, said }));
  });
}

// Each file holds many mistakes; each is to be told by line, field and rule.
const mistakes = [
  "check: 5",
  'check: "gopher://a"',
  'check: "http://"',
  "instances: 0",
  "instances: 65",
  "instances: many",
  "limits: { memory: 1 }",
  "startup: soon",
  "stop: { signal: SIGFOO }",
  "stop: { timeout: never }",
  "logs: { size: 1 }",
  "logs: { files: 0 }",
  "probe: maybe",
  "ports: [0]",
  "ports: [70000]",
  "after: [nobody]",
  "heartbeat: never",
  "ready: x",
  "colour: red",
  "env: [a]",
];
for (let file = 0; file < 4; file += 1) {
  const services = mistakes.map((mistake, at) => `  s${file}-${at}:\n    command: "true"\n    ${mistake}`);
  const name = path.join(folder, `malformed-${file}.yaml`);
  writeFileSync(name, `services:\n${services.join("\n")}\n`);
  const { status, said } = await prunella("-c", name, "check");
  for (const [at, mistake] of mistakes.entries()) {
    const own = new RegExp(`services\\.s${file}-${at}(?!\\d)`);
    const line = said.split("\n").find((each) => own.test(each));
    note(
      "Prunella: configuration",
      mistake,
      status === 2 && line !== undefined,
      line !== undefined && /:\d+: \S+ \S+/.test(line),
      false,
    );
  }
}
const commands = [
  ["drill", "NOPE-001"],
  ["drill", "CRIT-001", "--runs", "0"],
  ["drill", "CRIT-001", "--runs", "x"],
  ["drill", "--colour"],
  ["nothing"],
  ["status", "--nothing"],
  ["issues", "--limit"],
  ["-c", "/nowhere/prunella.yaml", "check"],
  ["logs"],
  ["repairs", "approve"],
];
for (const command of commands) {
  const { status, said } = await prunella(...command);
  const refused = status === 2 && !/\n\s+at /.test(said);
  note("Prunella: command line", command, refused, said.trim().length > 10, false);
}

const all = Object.values(tallies);
const sum = (of: (tally: Tally) => number): number => all.reduce((total, each) => total + of(each), 0);
const state = (await (await fetch(`${programUrl}/state`)).json()) as { counted: number };
const program = (tallies["program: API"]?.sent ?? 0) + (tallies["program: ingest"]?.sent ?? 0);
process.stdout.write(
  JSON.stringify({
    sent: sum((each) => each.sent),
    notRefused: sum((each) => each.sent - each.refused),
    notNamed: sum((each) => each.sent - each.named),
    serverErrors: sum((each) => each.serverErrors),
    entryPoints: all.length,
    counterOff: state.counted - program,
    tallies,
  }),
);
