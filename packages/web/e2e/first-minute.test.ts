// The first minute and what follows, in a real browser on a real Prunella with real services: break something and watch it
// heal, decide, snooze, resolve, share a link, reload in the middle, look from two tabs, lose the server.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { freePorts } from "@prunella/catalogue";
import { browser, openPage, shop, skipReason, until, type Shop } from "./harness.ts";

const skip = skipReason();
// One that stays: the server is restarted under an open page.
const [port] = await freePorts(1);
let running: Shop;
let chrome: Browser;
const msMax = 30_000;

before(async () => {
  if (skip !== false) return;
  running = await shop({
    more: `http: { port: ${port} }
remedies:
  - when: { kind: heartbeat-missed, target: worker }
    name: restart-worker
    do: [restart]
    mode: approve
    budget: 3 per 1h
    verify: 5s
`,
  });
  chrome = await browser();
});
after(async () => {
  await chrome?.close();
  await running?.stop();
});

async function visible(page: Page, text: string | RegExp, wait = msMax): Promise<void> {
  await page.getByText(text).first().waitFor({ state: "visible", timeout: wait });
}

interface Issues {
  readonly items: readonly {
    readonly id: string;
    readonly kind: string;
    readonly status: string;
    readonly target: string;
  }[];
}
const issueOf = async (kind: string): Promise<string> => {
  let id: string | undefined;
  await until(
    async () => {
      const page = await running.ask<Issues>("/issues?limit=100");
      id = page.items.find((issue) => issue.kind === kind)?.id;
      return id !== undefined;
    },
    msMax,
    () => `no issue of kind ${kind}:\n${running.output()}`,
  );
  return id ?? "";
};

test(
  "the first minute: a service is broken, the page shows it being healed and then recovered, without a reload",
  { skip },
  async () => {
    const { page, context, faults } = await openPage(chrome, running.url);
    await page.goto(running.url);
    await visible(page, "Nothing needs you.");
    await visible(page, "Live");
    // The verdict of the server that has just come up.
    await page.getByRole("heading", { level: 1, name: "All right" }).waitFor({ timeout: msMax });
    await running.break("api", "hang");
    await page.getByRole("heading", { level: 1, name: "Healing" }).waitFor({ timeout: msMax });
    await page.getByText("replace-blocked").first().waitFor({ timeout: msMax });
    await page.getByRole("link", { name: /^api healing/ }).waitFor({ timeout: msMax });
    await page.getByRole("heading", { level: 1, name: "All right" }).waitFor({ timeout: 60_000 });
    await visible(page, "Nothing is being healed.");

    // From the overview to the story of what was healed, by the keyboard alone.
    const id = await issueOf("event-loop-blocked");
    await page.keyboard.press("g");
    await page.keyboard.press("i");
    await page.getByRole("button", { name: "All", exact: true }).click();
    await page
      .getByRole("link", { name: /event loop/ })
      .first()
      .waitFor({ timeout: msMax });
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox", { name: /Search screens/ }).fill(id);
    await page.getByRole("option", { name: new RegExp(id) }).waitFor({ timeout: msMax });
    await page.keyboard.press("Enter");
    await visible(page, /blocked for .* in spinForever/);
    await visible(page, "healthy again");
    await visible(page, "1 verified, 0 failed, 0 recurred");
    assert.deepEqual(faults, []);
    await context.close();
  },
);

test(
  "a repair that waits is approved by the keyboard; the second click of a double click starts nothing twice",
  { skip },
  async () => {
    await running.break("worker", "mute");
    const { page, context, faults } = await openPage(chrome, running.url);
    await page.goto(`${running.url}/approvals`);
    await page.getByRole("heading", { name: "restart-worker on worker" }).waitFor({ timeout: msMax });
    await visible(page, "restart, letting it finish its work");
    await visible(page, /expires in/);
    await visible(page, /of 3 per 1 h/);
    await page.getByRole("button", { name: "Approve" }).dblclick();
    await visible(page, "No repair waits for a decision.");
    await page.getByRole("row", { name: /restart-worker.*verified/ }).waitFor({ timeout: 60_000 });
    const repairs = await running.ask<{
      readonly items: readonly { readonly remedy: string; readonly approvedBy: string | null }[];
    }>("/repairs?remedy=restart-worker");
    assert.equal(repairs.items.length, 1, "one click or two: one repair");
    assert.match(repairs.items[0]?.approvedBy ?? "", /^person:/);
    assert.deepEqual(faults, []);
    await context.close();
  },
);

test(
  "an issue is snoozed and woken with a reason, is judged noise, is commented and assigned; another tab agrees",
  { skip },
  async () => {
    await running.ask("/signals", [
      { target: "web", kind: "checkout-slow", severity: "medium", summary: "checkout takes 9 s" },
    ]);
    const id = await issueOf("checkout-slow");
    const { page, context, faults } = await openPage(chrome, running.url);
    await page.goto(`${running.url}/issues/${id}`);
    const other = await context.newPage();
    await other.goto(`${running.url}/issues/${id}`);
    await visible(page, "checkout takes 9 s");
    await visible(other, "checkout takes 9 s");

    await page.keyboard.press("s");
    await page.getByRole("dialog").getByLabel("for 8 hours").check();
    await page.getByRole("dialog").getByLabel("Reason").fill("known, fixed in the next release");
    await page.getByRole("button", { name: "Snooze", exact: true }).last().click();
    await page.getByRole("button", { name: "Wake" }).waitFor({ timeout: msMax });
    await other.getByRole("button", { name: "Wake" }).waitFor({ timeout: msMax });

    await other.getByRole("button", { name: "Wake" }).click();
    await other.getByRole("dialog").getByRole("button", { name: "Wake" }).click();
    await page.getByRole("button", { name: "Snooze", exact: true }).waitFor({ timeout: msMax });

    // Asleep for two seconds: it wakes by itself, in the page that is open.
    await running.ask(`/issues/${id}/snooze`, { forMs: 2_000 });
    await page.getByRole("button", { name: "Wake" }).waitFor({ timeout: msMax });
    await page.getByRole("button", { name: "Snooze", exact: true }).waitFor({ timeout: msMax });

    await page.getByRole("button", { name: "Noise" }).click();
    await other.getByRole("button", { name: "Noise", pressed: true }).waitFor({ timeout: msMax });
    await page.keyboard.press("c");
    await page.getByRole("textbox", { name: "Comment" }).fill("seen in <b>staging</b> too");
    await page.keyboard.press("Control+Enter");
    await visible(other, "seen in <b>staging</b> too");
    await page.getByRole("button", { name: "Assign" }).click();
    await page.getByLabel("To whom").fill("Anna");
    await page.keyboard.press("Enter");
    await visible(other, "Anna");
    await running.ask("/signals", [
      {
        target: "web",
        kind: "checkout-slow",
        state: "cleared",
        severity: "medium",
        summary: "checkout is quick again",
      },
    ]);
    assert.deepEqual(faults, []);
    await context.close();
  },
);

test(
  "many issues are found by a search, resolved at once by the keyboard, and set back by undo",
  { skip },
  async () => {
    const shelves = (state: "firing" | "cleared") =>
      Array.from({ length: 12 }, (_, at) => ({
        target: "stock",
        kind: "shelf-empty",
        state,
        severity: "low",
        distinguisher: `shelf ${at}`,
        summary: `shelf ${at} is empty`,
      }));
    // Faults that are over and were opened again by a person: resolved they stay resolved.
    await running.ask("/signals", shelves("firing"));
    const filed = async (q: string): Promise<readonly string[]> =>
      (await running.ask<Issues>(`/issues?limit=50&q=${encodeURIComponent(`kind:shelf-empty ${q}`)}`)).items.map(
        (issue) => issue.id,
      );
    await until(
      async () => (await filed("")).length === 12,
      msMax,
      () => "not all twelve issues were filed",
    );
    await running.ask("/signals", shelves("cleared"));
    await until(
      async () => (await filed("is:fixed")).length === 12,
      msMax,
      () => "the issues were not fixed",
    );
    for (const id of await filed("")) await running.ask(`/issues/${id}/reopen`, { why: "looked at again" });
    const { page, context, faults } = await openPage(chrome, running.url);
    await page.goto(`${running.url}/issues`);
    await visible(page, "shelf 11 is empty");
    await page.keyboard.press("/");
    await page.keyboard.press("Control+a");
    await page.keyboard.type("is:open tar");
    await page.getByRole("option", { name: "target:" }).waitFor({ timeout: msMax });
    await page.keyboard.press("Tab");
    await page.keyboard.type("st");
    await page.keyboard.press("Tab");
    // The search is in the address.
    await page.waitForURL(/target%3Astock/, { timeout: msMax });
    await visible(page, /^12 issues$/);
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    await page.keyboard.press("X");
    await visible(page, "12 selected");
    await page.keyboard.press("e");
    await visible(page, "12 issues resolved");
    await visible(page, "No issue fits this search.");
    await page.getByRole("button", { name: "Undo" }).click();
    await visible(page, /^12 issues$/);
    await page.keyboard.press("j");
    await page.keyboard.press("x");
    await visible(page, "1 selected");
    await running.ask("/signals", shelves("cleared"));
    assert.deepEqual(faults, []);
    await context.close();
  },
);

test("a search that is not understood says what is wrong and where", { skip }, async () => {
  const { page, context } = await openPage(chrome, running.url);
  await page.goto(`${running.url}/issues?q=${encodeURIComponent("is:open severity:dreadful")}`);
  await visible(page, /severity:dreadful is not known; one of critical, medium, low/);
  await context.close();
});

test("a link to an incident opens it; a reload in the middle of a repair goes on where it was", { skip }, async () => {
  const { page, context, faults } = await openPage(chrome, running.url);
  await running.break("web", "hang");
  await page.goto(running.url);
  await page.getByText("must hold 10 s without a break").waitFor({ timeout: msMax });
  await page.reload();
  await page.getByText("must hold 10 s without a break").waitFor({ timeout: msMax });
  const incidents = await running.ask<{
    readonly items: readonly { readonly id: string; readonly issue: string; readonly target: string }[];
  }>("/incidents?target=web&limit=10");
  const incident = incidents.items.find((each) => each.target === "web");
  assert.ok(incident);
  await page.goto(`${running.url}/issues/${incident.issue}?incident=${incident.id}&scale=minutes`);
  await page.getByRole("heading", { name: `The story of ${incident.id}` }).waitFor({ timeout: msMax });
  // Minutes are written once they have passed.
  await page
    .getByRole("img", { name: /from .* to/ })
    .first()
    .waitFor({ timeout: 150_000 });
  // Behind each chart there is a table.
  await page.locator("details.chart-table summary").first().click();
  await page.getByRole("columnheader", { name: "Highest" }).first().waitFor({ timeout: msMax });
  await page.goto(`${running.url}/issues/CRIT-999`);
  await visible(page, "There is no issue CRIT-999");
  assert.deepEqual(faults, []);
  await context.close();
});

test("the server is killed under an open page: the page says so, and is live again by itself", { skip }, async () => {
  const { page, context, faults } = await openPage(chrome, running.url);
  await page.goto(`${running.url}/itself`);
  await visible(page, "Live");
  const pid = /process (\d+)/.exec(
    (await page
      .getByText(/process \d+/)
      .first()
      .textContent()) ?? "",
  )?.[1];
  await Promise.all([visible(page, /Not live for/), running.restartControl()]);
  await page.getByText("Live", { exact: true }).waitFor({ timeout: msMax });
  await page.waitForFunction((old) => !document.body.innerText.includes(old), `process ${pid ?? ""}`, {
    timeout: msMax,
  });
  assert.deepEqual(faults, []);
  await context.close();
});

test("healing is paused and resumed by the keyboard, on every screen and in every tab at once", { skip }, async () => {
  const { page, context, faults } = await openPage(chrome, running.url);
  await page.goto(running.url);
  const other = await context.newPage();
  await other.goto(`${running.url}/targets`);
  await visible(page, "Live");
  await page.keyboard.press("Control+k");
  await page.getByRole("combobox", { name: /Search screens/ }).waitFor({ timeout: msMax });
  await page.keyboard.type("pause");
  await page.keyboard.press("Enter");
  await visible(other, "Healing is paused.");
  await visible(page, "Healing is paused.");
  await page.getByRole("button", { name: "Resume healing" }).focus();
  await page.keyboard.press("Enter");
  await other.getByText("Healing is paused.").waitFor({ state: "detached", timeout: msMax });
  assert.deepEqual(faults, []);
  await context.close();
});

test("a remedy is tried dry against an issue and nothing runs", { skip }, async () => {
  const { page, context, faults } = await openPage(chrome, running.url);
  const id = await issueOf("event-loop-blocked");
  await page.goto(`${running.url}/remedies?remedy=restart-worker&issue=${id}`);
  await visible(page, /restart-worker does not fit: it is for heartbeat-missed/);
  const before = await running.ask<{ readonly items: readonly unknown[] }>("/repairs?limit=100");
  await page.getByRole("link", { name: /replace-blocked/ }).click();
  await visible(page, /replace-blocked .* fits/);
  const after = await running.ask<{ readonly items: readonly unknown[] }>("/repairs?limit=100");
  assert.equal(after.items.length, before.items.length);
  assert.deepEqual(faults, []);
  await context.close();
});
