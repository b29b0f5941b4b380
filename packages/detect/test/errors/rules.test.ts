import assert from "node:assert/strict";
import { test } from "node:test";
import * as fc from "fast-check";
import {
  applyFingerprintRules,
  applyStackRules,
  groupError,
  parseFingerprintRules,
  parseStackRules,
  RuleError,
  type ErrorEvent,
} from "@prunella/detect";

const event: ErrorEvent = {
  platform: "node",
  level: "error",
  logger: "shop.orders",
  transaction: "GET /orders",
  message: "request failed",
  tags: { region: "eu-1", "a.b": "c" },
  exceptions: [
    {
      type: "OSError",
      value: "connect timeout after 30 s",
      frames: [{ function: "connect", filename: "db.js", absPath: "/srv/app/src/db.js" }],
    },
    {
      type: "app.TimeoutError",
      value: "gave up",
      frames: [
        {
          function: "dispatch",
          module: "router.index",
          filename: "router/index.js",
          absPath: "/srv/app/node_modules/router/index.js",
          package: "router@1",
        },
        { function: "placeOrder", module: "app.orders", filename: "src/orders.js", absPath: "/srv/app/src/orders.js" },
      ],
    },
  ],
};

/** The fingerprint that a rule gives the event, joined with commas; "-" when it does not match. */
function check(rules: string, expected: string): void {
  assert.equal(applyFingerprintRules(parseFingerprintRules(rules), event)?.fingerprint.join(",") ?? "-", expected);
}

test("every matcher, with its short name", () => {
  const hits = [
    "error.type:*TimeoutError",
    "type:OSError",
    'error.value:"*timeout*"',
    "value:gave?up",
    'message:"request *"',
    'message:"CONNECT TIMEOUT*"',
    "logger:shop.*",
    "level:error",
    "tags.region:eu-*",
    "tags.a.b:c",
    "stack.abs_path:*/src/*",
    "path:**/orders.js",
    "stack.module:app.orders",
    "module:app.*",
    "stack.function:place[A-Z]rder",
    "function:dispatch",
    "stack.package:router@*",
    "package:router*",
    "family:javascript",
    "family:native,javascript",
    "app:yes",
    "app:no",
  ];
  for (const hit of hits) check(`${hit} -> x`, "x");
  const misses = [
    "type:TimeoutError",
    "logger:orders",
    "level:warning",
    "tags.region:us",
    "tags.none:*",
    "module:orders",
    "function:placeorder",
    "family:native",
    "package:shop",
  ];
  for (const miss of misses) check(`${miss} -> x`, "-");
});

test("negation holds when the pattern does not", () => {
  check("!level:warning -> x", "x");
  check("!level:error -> x", "-");
  check("!tags.none:* -> x", "x");
  check("type:OSError !value:gave* -> x", "x");
});

test("frame matchers must all hit the same frame, exception matchers the same exception", () => {
  check("function:placeOrder module:app.orders app:yes -> x", "x");
  check("function:placeOrder module:router.index -> x", "-");
  check('type:OSError value:"*timeout*" -> x', "x");
  check('type:app.TimeoutError value:"*timeout*" -> x', "-");
});

test("the first rule that matches wins; comments and empty lines are left out", () => {
  check("# comment\n\nlevel:warning -> a\nlevel:error -> b\nlevel:error -> c", "b");
});

test("variables are replaced, default is kept, what is missing says so", () => {
  check(
    "level:error -> {{ default }}, {{ transaction }}, {{error.type}} {{ error.value }}, {{ stack.function }}, {{ stack.filename }}, {{ stack.abs_path }}, {{ stack.module }}, {{ logger }}, {{ level }}, {{ message }}, {{ tags.region }}, {{ type }}, {{ stack.package }}, {{ tags.none }}, in-{{ level }}-x",
    "{{ default }},GET /orders,app.TimeoutError,gave up,placeOrder,src/orders.js,/srv/app/src/orders.js,app.orders,shop.orders,error,request failed,eu-1,app.TimeoutError,<no-package>,<no-none>,in-error-x",
  );
});

test("a title may hold variables and quoted texts escapes", () => {
  const [rule] = parseFingerprintRules(
    'message:"say \\"hi\\"*" type:Foo -> group-name, {{ transaction }} title="Timeout in {{ transaction }}"',
  );
  assert.equal(rule!.matchers[0]!.pattern, 'say "hi"*');
  assert.deepEqual(rule!.fingerprint, ["group-name", "{{ transaction }}"]);
  assert.equal(
    applyFingerprintRules(parseFingerprintRules('level:error -> x title="In {{ transaction }}"'), event)!.title,
    "In GET /orders",
  );
});

test("a rule's fingerprint goes into the grouping and its explanation", () => {
  const { fingerprint, rule } = applyFingerprintRules(
    parseFingerprintRules("level:error -> timeouts, {{ default }}"),
    event,
  )!;
  const grouping = groupError(event, { fingerprint, fingerprintWhy: `rule in line ${String(rule.line)}` });
  assert.equal(grouping.basis, "fingerprint");
  assert.match(grouping.why[0]!, /rule in line 1: timeouts/);
  assert.notEqual(grouping.key, groupError(event).key);
});

test("bad rules are refused with line, column and remedy", () => {
  const table: readonly (readonly [string, number, number, RegExp])[] = [
    ["level:error", 1, 12, /"->" and a fingerprint are missing/],
    ["\nlevel:error ->", 2, 15, /a fingerprint is missing/],
    ["-> x", 1, 1, /a rule needs a matcher/],
    ["bogus:1 -> x", 1, 1, /"bogus" is no key; use one of error.type/],
    ["level -> x", 1, 1, /"level" must be a matcher: write key:pattern/],
    ["level: -> x", 1, 7, /needs a pattern/],
    ['message:"open -> x', 1, 9, /not closed/],
    ["app:maybe -> x", 1, 5, /app is yes or no/],
    ["family:web -> x", 1, 8, /family is javascript, native or other, not "web"/],
    ["level:error -> {{ bogus }}", 1, 27, /"bogus" is no variable/],
    ["level:error -> {{ level", 1, 16, /"\{\{" is not closed/],
    ["level:error -> a,", 1, 18, /comma must be followed/],
    ["level:error -> a,,b", 1, 18, /comma must be followed/],
  ];
  for (const [text, line, column, message] of table)
    assert.throws(
      () => parseFingerprintRules(text),
      (error) => {
        assert.ok(error instanceof RuleError);
        assert.match(error.message, message);
        assert.deepEqual([error.line, error.column], [line, column], text);
        return true;
      },
    );
  assert.throws(() => parseFingerprintRules("level:error -> x\n".repeat(501)), /more than 500 rules/);
});

test("a glob is matched in bounded time", () => {
  const rules = parseFingerprintRules(`message:"${"*a".repeat(200)}*b" -> x`);
  assert.equal(applyFingerprintRules(rules, { message: "a".repeat(100_000) }), undefined);
});

test("parsing any text gives rules or a RuleError", () => {
  const piece = fc.constantFrom(
    "level:error",
    "->",
    "x",
    ",",
    '"',
    "{{",
    "}}",
    " level ",
    "title=",
    "[",
    "]",
    "|",
    "+app",
    "^-group",
    "max-frames=3",
    "!",
    ":",
    "\n",
    "#",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), fc.constantFrom(" ", ""), (pieces, between) => {
      for (const parse of [parseFingerprintRules, parseStackRules])
        try {
          parse(pieces.join(between));
        } catch (error) {
          assert.ok(error instanceof RuleError, String(error));
        }
    }),
  );
});

/** Functions of the last exception's frames after the rules, oldest first; in-app ones with "+". */
function checkStack(rules: string, expected: string): void {
  const frames = applyStackRules(parseStackRules(rules), {
    platform: "node",
    exceptions: [
      {
        type: "E",
        frames: ["main", "dispatch", "run", "leaf"].map((name) => ({ function: name, inApp: name === "main" })),
      },
    ],
  }).exceptions![0]!.frames!;
  assert.equal(frames.map((each) => (each.inApp === true ? "+" : "") + each.function!).join(" "), expected);
}

test("stack rules mark frames, themselves or towards or away from the crash", () => {
  checkStack("function:run +app", "+main dispatch +run leaf");
  checkStack("function:run ^+app", "+main dispatch run +leaf");
  checkStack("function:run v-app", "main dispatch run leaf");
  checkStack("function:run v+app +app", "+main +dispatch +run leaf");
  checkStack("function:run -group", "+main dispatch leaf");
  checkStack("function:dispatch ^-group\nfunction:leaf +group", "+main dispatch leaf");
});

test("stack rules look at caller and callee and limit frames", () => {
  checkStack("[ function:dispatch ] | function:run +app", "+main dispatch +run leaf");
  checkStack("[function:main] | function:run +app", "+main dispatch run leaf");
  checkStack("function:run | [ function:leaf ] +app", "+main dispatch +run leaf");
  checkStack("type:E max-frames=2", "run leaf");
  checkStack("type:F max-frames=2", "+main dispatch run leaf");
});

test("bad stack rules are refused", () => {
  assert.throws(() => parseStackRules("function:a"), /needs an action/);
  assert.throws(() => parseStackRules("+app"), /needs a matcher/);
  assert.throws(() => parseStackRules("function:a +foo"), /a flag is \+app/);
  assert.throws(() => parseStackRules("function:a max-frames=x"), /max-frames is a number/);
  assert.throws(() => parseStackRules("[ function:a | function:b +app"), /"\]" is missing/);
  assert.throws(() => parseStackRules("[ function:a ] function:b +app"), /"\|" must follow/);
});
