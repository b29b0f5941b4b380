// What the lists and charts of the UI ask for beside the records, and how the UI itself is served.
import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { test } from "node:test";
import { api, type Api } from "./harness.ts";

async function reported(on: Api, ...faults: readonly (readonly [target: string, kind: string, severity: string])[]) {
  const answer = await on.ask(
    "/api/v1/signals",
    faults.map(([target, kind, severity]) => ({ target, kind, severity, summary: `${target} is ${kind}` })),
  );
  assert.equal(answer.status, 200, answer.text);
  await on.advance(5_000);
}

test("issues are listed and counted by the search language, together with the other filters", async () => {
  const on = await api();
  try {
    await reported(on, ["api", "slow", "low"], ["web/0", "slow", "medium"], ["db", "full", "critical"]);
    const found = async (query: string): Promise<string> => {
      const { json, text } = await on.ask(`/api/v1/issues?${query}`);
      return json.items === undefined
        ? text
        : json.items
            .map((issue: { target: string }) => issue.target)
            .sort()
            .join(" ");
    };
    assert.equal(await found("q="), "api db web/0");
    assert.equal(await found("q=is:open severity:critical,medium"), "db web/0");
    assert.equal(await found("q=target:api slow"), "api");
    assert.equal(await found("q=severity:low,medium&severity=medium,critical"), "web/0", "both must hold");
    assert.equal(await found("q=is:fixed"), "");
    for (const [q, total] of [
      ["", 3],
      ["is:open", 3],
      ["kind:slow", 2],
      ["is:fixed", 0],
    ] as const)
      assert.deepEqual((await on.ask(`/api/v1/issue-counts?q=${q}`)).json, { total, exact: true }, q);
  } finally {
    await on.close();
  }
});

test("a query that is not understood is refused with the place and the words that would be", async () => {
  const on = await api();
  try {
    for (const url of ["/api/v1/issues", "/api/v1/issue-counts"]) {
      const { status, json } = await on.ask(`${url}?q=${encodeURIComponent("is:open severity:dreadful")}`);
      assert.equal(status, 400);
      assert.equal(json.field, "q");
      assert.match(json.detail, /at character 9, severity:dreadful: .* one of critical, medium, low/);
    }
    const { status, json } = await on.ask("/api/v1/issues?q=target:api&target=db");
    assert.equal(status, 400);
    assert.match(json.detail, /names another target than the parameter target/);
  } finally {
    await on.close();
  }
});

test("a trend counts the incidents of each day; an issue that is not known has none", async () => {
  const on = await api();
  try {
    await reported(on, ["api", "slow", "low"]);
    const { items } = (await on.ask("/api/v1/issues")).json as { items: { id: string }[] };
    const id = items[0]?.id ?? "";
    const { json } = await on.ask(`/api/v1/issue-trends?ids=${id},CRIT-404`);
    assert.equal(json.days.length, 14);
    assert.equal(json.days.at(-1), new Date(on.now()).toISOString().slice(0, 10));
    assert.deepEqual(json.items[id], [...Array.from({ length: 13 }, () => 0), 1]);
    assert.deepEqual(new Set(json.items["CRIT-404"]), new Set([0]));
    assert.equal((await on.ask(`/api/v1/issue-trends?ids=${"A,".repeat(101)}`)).status, 400, "bounded");
  } finally {
    await on.close();
  }
});

test("daily KPIs hold the days with records alone", async () => {
  const on = await api();
  try {
    await reported(on, ["api", "slow", "low"]);
    const { items } = (await on.ask("/api/v1/kpi-days?days=30")).json as {
      items: { day: string; kpis: { detection: { count: number } } }[];
    };
    assert.deepEqual(
      items.map((item) => [item.day, item.kpis.detection.count]),
      [[new Date(on.now()).toISOString().slice(0, 10), 1]],
    );
    assert.equal((await on.ask("/api/v1/kpi-days?days=61")).status, 400);
  } finally {
    await on.close();
  }
});

test("a dry run of a remedy says what it would do, or why it does not fit, and leaves no trace", async () => {
  const on = await api();
  try {
    await reported(on, ["api", "slow", "low"]);
    const id = ((await on.ask("/api/v1/issues")).json as { items: { id: string }[] }).items[0]?.id ?? "";
    const repairs = async (): Promise<unknown> => (await on.ask("/api/v1/repairs")).json.items.length;
    const before = await repairs();
    const dry = await on.ask(`/api/v1/issues/${id}/explain?remedy=restart-down`);
    assert.equal(dry.json.allowed, false);
    assert.match(dry.json.answer, /restart-down does not fit: it is for crash/);
    assert.equal((await on.ask(`/api/v1/issues/${id}/explain?remedy=none-such`)).status, 404);
    assert.equal(await repairs(), before);
  } finally {
    await on.close();
  }
});

test("agents and access are told", async () => {
  const on = await api();
  try {
    const { items } = (await on.ask("/api/v1/agents")).json as { items: { connected: boolean; targets: number }[] };
    assert.deepEqual(
      items.map(({ connected, targets }) => [connected, targets]),
      [[true, 3]],
    );
    assert.deepEqual((await on.ask("/api/v1/access")).json, {
      tokenNeeded: false,
      by: "person:local",
      scope: "admin",
      token: null,
      endsAt: null,
    });
    assert.equal(
      (await on.ask("/api/v1/access", undefined, { headers: { "x-prunella-user": "anna" } })).json.by,
      "person:anna",
    );
  } finally {
    await on.close();
  }
});

test("the built UI is served with a strict policy as soon as it is there; until then the plain page answers", async () => {
  const folder = mkdtempSync(path.join(tmpdir(), "prunella-page-"));
  const web = path.join(folder, "dist");
  const tokenFile = path.join(folder, "token");
  writeFileSync(tokenFile, "a-token-of-many-letters\n", { mode: 0o600 });
  const on = await api({ server: { web, tokenFile } });
  const html = { accept: "text/html" };
  try {
    const bearer = { authorization: "Bearer a-token-of-many-letters" };
    assert.equal((await on.ask("/", undefined, { headers: html })).status, 401, "the plain page tells what goes on");
    assert.match((await on.ask("/", undefined, { headers: { ...html, ...bearer } })).text, /Being healed/);
    assert.equal((await on.ask("/issues/CRIT-001", undefined, { headers: { ...html, ...bearer } })).status, 302);

    mkdirSync(path.join(web, "assets"), { recursive: true });
    writeFileSync(path.join(web, "index.html"), "<!doctype html><p>the UI</p>");
    writeFileSync(path.join(web, "assets", "index-abc.js"), "1;");
    writeFileSync(path.join(web, "theme.js"), "2;");
    for (const place of ["/", "/issues", "/issues/CRIT-001", "/targets/web%2F0?tab=logs"]) {
      const answer = await on.ask(place, undefined, { headers: html });
      assert.equal(answer.status, 200, place);
      assert.match(answer.text, /the UI/, place);
      assert.equal(answer.headers["cache-control"], "no-cache");
      assert.doesNotMatch(String(answer.headers["content-security-policy"]), /unsafe/);
    }
    const asset = await on.ask("/assets/index-abc.js");
    assert.equal(asset.status, 200, "the page that asks for the token needs its files");
    assert.match(String(asset.headers["cache-control"]), /immutable/);
    assert.equal((await on.ask("/assets/none.js")).status, 404);
    assert.equal((await on.ask("/assets/%2e%2e%2ftheme.js")).status, 404);
    assert.equal((await on.ask("/theme.js")).status, 200);
    assert.equal((await on.ask("/api/v1/status")).status, 401);
    assert.equal((await on.ask("/plain")).status, 401);
  } finally {
    await on.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
