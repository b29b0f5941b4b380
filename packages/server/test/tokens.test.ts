// Named tokens over HTTP: what each scope opens, whose name is recorded, and when it ends.
import { includesScope, scopes, tokensMax, type Scope } from "@prunella/core";
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import test, { type TestContext } from "node:test";
import { api, failures, startAt, type Api } from "./harness.ts";

const ownSecret = "a-token-of-many-letters";
const bearer = (secret: string) => ({ headers: { authorization: `Bearer ${secret}` } });
const own = bearer(ownSecret);

/** The API of a machine whose owner's token is demanded. */
async function guarded(context: TestContext): Promise<Api> {
  const folder = mkdtempSync(path.join(tmpdir(), "prunella-tokens-"));
  const tokenFile = path.join(folder, "token");
  writeFileSync(tokenFile, `${ownSecret}\n`, { mode: 0o600 });
  const it = await api({ server: { tokenFile } });
  context.after(async () => {
    await it.close();
    rmSync(folder, { recursive: true });
    assert.deepEqual(failures, []);
  });
  return it;
}

async function made(it: Api, name: string, scope: Scope, more: { readonly endsAt?: string } = {}): Promise<string> {
  const answer = await it.ask("/api/v1/tokens", { name, scope, ...more }, own);
  assert.equal(answer.status, 200, answer.text);
  return answer.json.secret;
}

const requests: readonly (readonly [Scope, string, string, unknown?])[] = [
  ["read", "GET", "/api/v1/status"],
  ["read", "GET", "/api/v1/access"],
  ["read", "GET", "/metrics"],
  ["read", "GET", "/plain"],
  ["operate", "POST", "/api/v1/pause", { why: "test" }],
  ["operate", "POST", "/api/v1/repairs/REP-1/approve", {}],
  ["operate", "POST", "/api/v1/issues/CRIT-1/snooze", { forMs: 60_000 }],
  ["operate", "POST", "/api/v1/issues/CRIT-1/comments", { text: "hm" }],
  ["operate", "POST", "/api/v1/targets/api/actions", { action: "restart" }],
  ["operate", "POST", "/api/v1/drills/CRIT-001/runs", {}],
  ["operate", "DELETE", "/api/v1/silences/S1"],
  ["operate", "POST", "/api/v1/signals", [{ target: "api", kind: "full", summary: "x" }]],
  ["operate", "GET", "/api/v1/ping/backup"],
  ["operate", "POST", "/loki/api/v1/push", { streams: [] }],
  ["admin", "GET", "/api/v1/tokens"],
  ["admin", "POST", "/api/v1/tokens", { name: "eve", scope: "admin" }],
  ["admin", "DELETE", "/api/v1/tokens/K99"],
  ["admin", "POST", "/api/v1/remedies/restart/promote", {}],
];

for (const scope of scopes)
  test(`a token that may ${scope} opens what that takes, and is told what the rest would take`, async (context) => {
    const it = await guarded(context);
    const secret = await made(it, "anna", scope);
    for (const [needed, method, url, body] of requests) {
      const answer = await it.ask(url, body, { method: method as "GET", ...bearer(secret) });
      if (includesScope(scope, needed)) {
        assert.ok(answer.status !== 401 && answer.status !== 403, `${method} ${url}: ${answer.text}`);
        continue;
      }
      assert.equal(answer.status, 403, `${method} ${url}: ${answer.text}`);
      assert.match(String(answer.headers["content-type"]), /application\/problem\+json/);
      assert.deepEqual([answer.json.scope, answer.json.field], [needed, "authorization"]);
      assert.match(answer.json.detail, new RegExp(`the scope ${needed}, and the one of anna has ${scope}`));
    }
  });

test("what a named token does is recorded under its name, whatever the request claims", async (context) => {
  const it = await guarded(context);
  const secret = await made(it, "anna", "operate");
  const claims = { headers: { ...bearer(secret).headers, "x-prunella-user": "mallory" } };
  assert.equal((await it.ask("/api/v1/pause", { why: "deploy" }, claims)).status, 200);
  assert.equal((await it.ask("/api/v1/status", undefined, claims)).json.paused.by, "person:anna");
  const silence = {
    matchers: [{ name: "target", value: "api", isRegex: false, isEqual: true }],
    endsAt: new Date(startAt + 3_600_000).toISOString(),
    createdBy: "mallory",
  };
  assert.equal((await it.ask("/api/v1/silences", silence, claims)).status, 200);
  assert.equal((await it.ask("/api/v1/silences", undefined, own)).json.items[0].createdBy, "person:anna");
  const access = (await it.ask("/api/v1/access", undefined, claims)).json;
  assert.deepEqual([access.by, access.scope, access.token, access.tokenNeeded], ["person:anna", "operate", "K1", true]);
});

test("the owner's token is admin and is recorded under the name that the client gives", async (context) => {
  const it = await guarded(context);
  const access = await it.ask("/api/v1/access", undefined, {
    headers: { ...own.headers, "x-prunella-user": "olaf" },
  });
  assert.deepEqual(access.json, { tokenNeeded: true, by: "person:olaf", scope: "admin", token: null, endsAt: null });
});

test("the secret is told once: neither the list nor the store has it", async (context) => {
  const it = await guarded(context);
  const answer = await it.ask("/api/v1/tokens", { name: "anna", scope: "read" }, own);
  assert.equal(answer.headers["cache-control"], "no-store");
  const { secret } = answer.json;
  assert.match(secret, /^prunella_[\w-]{43}$/);
  const list = await it.ask("/api/v1/tokens", undefined, own);
  assert.ok(!list.text.includes(secret) && !/digest/.test(list.text), list.text);
  const stored = JSON.stringify((await it.store.open()).tokens);
  assert.ok(!stored.includes(secret));
  assert.match(stored, /"digest":"[0-9a-f]{64}"/);
});

test("a revoked token opens nothing any more, and its name is free again", async (context) => {
  const it = await guarded(context);
  const secret = await made(it, "anna", "admin");
  assert.equal(
    (await it.ask("/api/v1/tokens/anna", undefined, { method: "DELETE", ...bearer(secret) })).json.changed,
    true,
  );
  assert.equal((await it.ask("/api/v1/status", undefined, bearer(secret))).status, 401);
  const [token] = (await it.ask("/api/v1/tokens", undefined, own)).json.items;
  assert.deepEqual([token.state, token.revokedBy], ["revoked", "person:anna"]);
  const again = await it.ask("/api/v1/tokens/K1", undefined, { method: "DELETE", ...own });
  assert.equal(again.json.changed, false);
  await made(it, "anna", "read");
});

test("a token ends by itself at its time", async (context) => {
  const it = await guarded(context);
  const secret = await made(it, "anna", "read", { endsAt: new Date(it.now() + 60_000).toISOString() });
  assert.equal((await it.ask("/api/v1/status", undefined, bearer(secret))).status, 200);
  await it.advance(61_000);
  assert.equal((await it.ask("/api/v1/status", undefined, bearer(secret))).status, 401);
  assert.equal((await it.ask("/api/v1/tokens", undefined, own)).json.items[0].state, "expired");
});

test("use is noted, once a minute at most", async (context) => {
  const it = await guarded(context);
  const secret = await made(it, "anna", "read");
  const used = async () => (await it.ask("/api/v1/tokens", undefined, own)).json.items[0].usedAt;
  assert.equal(await used(), null);
  await it.ask("/api/v1/status", undefined, bearer(secret));
  await it.advance(1_000);
  const first = await used();
  assert.ok(Math.abs(Date.parse(first) - it.now()) < 5_000, first);
  await it.advance(30_000);
  await it.ask("/api/v1/status", undefined, bearer(secret));
  await it.advance(1_000);
  assert.equal(await used(), first);
  await it.advance(60_000);
  await it.ask("/api/v1/status", undefined, bearer(secret));
  await it.advance(1_000);
  assert.ok(Date.parse(await used()) - Date.parse(first) > 60_000);
});

test("a line of events that is open ends soon after its token does", async (context) => {
  context.mock.timers.enable({ apis: ["setInterval"] });
  const it = await guarded(context);
  const secret = await made(it, "anna", "read");
  const url = await it.listen();
  const line = await fetch(`${url}/api/v1/events`, bearer(secret));
  const reader = line.body?.pipeThrough(new TextDecoderStream()).getReader();
  assert.match((await reader?.read())?.value ?? "", /retry/);
  context.mock.timers.tick(15_000);
  assert.match((await reader?.read())?.value ?? "", /still here/);
  await it.ask("/api/v1/tokens/anna", undefined, { method: "DELETE", ...own });
  context.mock.timers.tick(15_000);
  let isOver = false;
  while (!isOver) isOver = (await reader?.read())?.done ?? true;
});

test("tokens outlive the control plane", async (context) => {
  const it = await guarded(context);
  await made(it, "anna", "operate");
  const { tokens } = await it.store.open();
  assert.deepEqual(
    tokens.map((token) => [token.name, token.scope]),
    [["anna", "operate"]],
  );
});

test(`no more than ${tokensMax} hold at once, and no two of one name`, async (context) => {
  const it = await guarded(context);
  for (let at = 0; at < tokensMax; at += 1)
    await it.engine.command({
      type: "create-token",
      by: "a",
      name: `n${at}`,
      scope: "read",
      digest: `${at}`.padStart(64, "0"),
      endsAt: null,
    });
  const refused = await it.ask("/api/v1/tokens", { name: "one more", scope: "read" }, own);
  assert.equal(refused.status, 409);
  assert.match(refused.json.detail, /100 tokens hold already; revoke one/);
  await it.ask("/api/v1/tokens/n7", undefined, { method: "DELETE", ...own });
  const taken = await it.ask("/api/v1/tokens", { name: "n8", scope: "read" }, own);
  assert.match(taken.json.detail, /n8 has a token already/);
});

for (const [what, body, field] of [
  ["without a scope", { name: "anna" }, "scope"],
  ["of a scope that there is not", { name: "anna", scope: "root" }, "scope"],
  ["of no name", { name: " ", scope: "read" }, "name"],
  ["that is over", { name: "anna", scope: "read", endsAt: new Date(startAt - 1).toISOString() }, "endsAt"],
] as const)
  test(`a token ${what} is refused, and the answer names the field`, async (context) => {
    const it = await guarded(context);
    const answer = await it.ask("/api/v1/tokens", body, own);
    assert.equal(answer.status, 400, answer.text);
    assert.ok(String(answer.json.field).endsWith(field), answer.text);
  });

test("where no token is demanded everybody on this machine is the owner, and a named one is refused with the reason", async () => {
  const it = await api();
  assert.equal((await it.ask("/api/v1/access")).json.scope, "admin");
  assert.equal(
    (await it.ask("/api/v1/access", undefined, bearer("what-a-sender-has-always-sent"))).json.scope,
    "admin",
  );
  const answer = await it.ask("/api/v1/tokens", { name: "anna", scope: "read" });
  assert.equal(answer.status, 409);
  assert.match(answer.json.detail, /set http\.token/);
  // One from the days when tokens were demanded still says who it is, and still opens nothing once it is revoked.
  const digest = createHash("sha256").update("an-older-token").digest("hex");
  await it.engine.command({ type: "create-token", by: "a", name: "anna", scope: "read", digest, endsAt: null });
  assert.equal((await it.ask("/api/v1/access", undefined, bearer("an-older-token"))).json.scope, "read");
  await it.engine.command({ type: "revoke-token", by: "a", token: "anna" });
  assert.equal((await it.ask("/api/v1/access", undefined, bearer("an-older-token"))).status, 401);
  await it.close();
  assert.deepEqual(failures, []);
});

test("the OpenAPI document says what each operation takes", async () => {
  const it = await api();
  const { paths } = (await it.ask("/api/v1/openapi.json")).json;
  const needs = (url: string, method: string) => paths[`/api/v1${url}`][method].security;
  assert.deepEqual(needs("/status", "get"), [{ token: ["read"] }]);
  assert.deepEqual(needs("/pause", "post"), [{ token: ["operate"] }]);
  assert.deepEqual(needs("/tokens", "post"), [{ token: ["admin"] }]);
  await it.close();
});
