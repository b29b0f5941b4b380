// The figures that the UI is held to, measured in Chromium on the real server, and printed: first contentful paint and
// interaction under a slowed processor, frame times under an event storm, a list of 100,000 issues, axe on every screen in
// both themes. Screenshots of each screen in both themes and three widths go to a folder that git ignores.
import { sampleIncident, sampleIssue } from "@prunella/core/suites";
import { sqliteStore } from "@prunella/store";
import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { availableParallelism, loadavg } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";
import type { Browser, Page } from "playwright-core";
import { browser, openPage, screenshots, shop, skipReason, until, widths, type Shop } from "./harness.ts";

const skip = skipReason();
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** What the UI is held to. */
const limits = { paintMs: 1_000, interactionMs: 200, frameMsP95: 32 } as const;
/**
 * A slower machine than the one the limits were agreed for may name a factor (CI takes 3), and a machine with more to do than
 * it has processors is no measure of the page: the limits grow by as much. The figures are printed as they are.
 */
const slack = (): number =>
  Number(process.env["PRUNELLA_UI_SLACK"] ?? (process.env["CI"] ? 3 : 1)) *
  Math.max(1, (loadavg()[0] ?? 0) / availableParallelism());
const issuesStored = 100_000;

let running: Shop;
let chrome: Browser;
/** Screens by name; the issue's address is known once there is one. */
const screens: Record<string, string> = {
  overview: "/",
  issues: "/issues",
  approvals: "/approvals",
  targets: "/targets",
  target: "/targets/api",
  logs: "/targets/api?tab=logs",
  guards: "/targets/api?tab=guards",
  remedies: "/remedies",
  drills: "/drills",
  report: "/report",
  itself: "/itself",
};

before(async () => {
  if (skip !== false) return;
  running = await shop({
    more: `remedies:
  - when: { kind: heartbeat-missed, target: worker }
    name: restart-worker
    do: [restart]
    mode: approve
    budget: 3 per 1h
    verify: 5s
  - when: { kind: unhealthy, target: api }
    name: mend-api
    do: [{ exec: "false" }]
    mode: auto
    budget: 1 per 1h
    verify: 5s
`,
  });
  chrome = await browser();
  // Real faults, so that each screen has something real to show: one healed, one that waits, one that needs a person.
  await until(
    async () => (await running.pidOf("worker")) > 0 && (await running.pidOf("api")) > 0,
    30_000,
    () => running.output(),
  );
  await running.break("web", "hang");
  await running.break("worker", "mute");
  await until(
    async () => (await statusOf()).healing.length > 0,
    30_000,
    () => running.output(),
  );
  await until(
    async () => (await statusOf()).healing.length === 0,
    60_000,
    () => running.output(),
  );
  await running.break("api", "errors");
  await until(
    async () => (await statusOf()).needsPerson.length > 0,
    60_000,
    () => running.output(),
  );
  await until(
    async () => (await statusOf()).approvals.length > 0,
    60_000,
    () => running.output(),
  );
  const healed = await running.ask<{ readonly items: readonly { readonly id: string; readonly kind: string }[] }>(
    "/issues?limit=50",
  );
  screens["issue"] = `/issues/${healed.items.find((issue) => issue.kind === "event-loop-blocked")?.id ?? ""}`;
});
after(async () => {
  await chrome?.close();
  await running?.stop();
});

interface StatusLike {
  readonly healing: readonly unknown[];
  readonly needsPerson: readonly unknown[];
  readonly approvals: readonly unknown[];
}
const statusOf = (): Promise<StatusLike> => running.ask<StatusLike>("/status");

/** The screen stands: a heading is there and nothing is loading any more. */
async function settled(page: Page): Promise<void> {
  await page.locator("h1").first().waitFor({ timeout: 20_000 });
  await page.waitForFunction(() => document.querySelectorAll(".skeleton").length === 0, undefined, { timeout: 20_000 });
}

test("axe finds nothing on any screen in either theme, and nothing overflows at three widths", { skip }, async (t) => {
  mkdirSync(screenshots, { recursive: true });
  const found: string[] = [];
  for (const scheme of ["light", "dark"] as const) {
    const { page, context, faults } = await openPage(chrome, running.url, { scheme, reducedMotion: true });
    await page.goto(running.url);
    for (const [name, address] of Object.entries(screens)) {
      await page.goto(`${running.url}${address}`);
      await settled(page);
      if (name === "issue" || name === "target") await page.locator("canvas").first().waitFor({ timeout: 20_000 });
      for (const [width, size] of Object.entries(widths)) {
        await page.setViewportSize(size);
        await page.waitForTimeout(150);
        const over = (await page.evaluate(
          "document.documentElement.scrollWidth - document.documentElement.clientWidth",
        )) as number;
        if (over > 0) found.push(`${name} ${scheme} ${width}: ${over} px wider than the window`);
        await page.screenshot({
          path: path.join(screenshots, `${name}-${scheme}-${width}.png`),
          fullPage: name !== "logs",
        });
        // What the README shows: the first screenful.
        if (scheme === "light" && width === "wide" && (name === "overview" || name === "issue"))
          await page.screenshot({ path: path.join(screenshots, `readme-${name}.png`) });
        if (width !== "middle")
          found.push(...(await violations(page)).map((violation) => `${name} ${scheme} ${width}: ${violation}`));
      }
    }
    found.push(...faults.map((fault) => `${scheme}: ${fault}`));
    await context.close();
  }
  t.diagnostic(
    `${Object.keys(screens).length} screens x 2 themes x 3 widths, axe on 2 of the widths: ${found.length} findings`,
  );
  assert.deepEqual(found, []);
});

async function violations(page: Page): Promise<string[]> {
  // Runs in a world of its own, so that the page's Content-Security-Policy stays as it is.
  await page.evaluate(axe);
  const result = (await page.evaluate(
    `axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] })`,
  )) as {
    readonly violations: readonly {
      readonly id: string;
      readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[];
    }[];
  };
  return result.violations.map(
    ({ id, nodes }) =>
      `${id} (${nodes.length}): ${nodes[0]?.html.slice(0, 200) ?? ""} ${nodes[0]?.failureSummary?.slice(0, 300) ?? ""}`,
  );
}

test("dialogs, the palette and the list of keys are accessible too", { skip }, async () => {
  const found: string[] = [];
  for (const scheme of ["light", "dark"] as const) {
    const { page, context, faults } = await openPage(chrome, running.url, { scheme, reducedMotion: true });
    await page.goto(running.url);
    await settled(page);
    await page.getByRole("button", { name: "Pause healing" }).click();
    await page.getByRole("dialog").waitFor();
    found.push(...(await violations(page)));
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.keyboard.press("Control+k");
    await page.getByRole("combobox").waitFor();
    found.push(...(await violations(page)));
    await page.keyboard.press("Escape");
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await page.keyboard.press("?");
    await page.getByRole("heading", { name: "Keys" }).waitFor();
    found.push(...(await violations(page)), ...faults);
    await context.close();
  }
  assert.deepEqual(found, []);
});

test(
  "first contentful paint and interaction hold their limits on a processor slowed four times",
  { skip },
  async (t) => {
    const { page, context } = await openPage(chrome, running.url);
    const session = await context.newCDPSession(page);
    await session.send("Emulation.setCPUThrottlingRate", { rate: 4 });
    // What the browser itself counts as an interaction: from the input to the next frame that shows its effect.
    await page.addInitScript(`
    window.slowest = 0;
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) if (entry.interactionId) window.slowest = Math.max(window.slowest, entry.duration);
    }).observe({ type: "event", durationThreshold: 16, buffered: true });
  `);
    await page.goto(running.url, { waitUntil: "load" });
    await settled(page);
    const paint = (await page.evaluate(
      `performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? Infinity`,
    )) as number;
    const shown = (await page.evaluate("performance.now()")) as number;
    await page.waitForTimeout(2_000);
    // Other work on the machine only ever adds to a round, so the quickest of three tells what the page needs.
    const rounds: number[] = [];
    for (let round = 0; round < 3; round += 1) {
      await page.evaluate("window.slowest = 0");
      for (const name of ["Issues", "Targets", "Remedies", "Overview"]) {
        await page.getByRole("navigation", { name: "Screens" }).getByRole("link", { name }).first().click();
        await settled(page);
        await page.waitForTimeout(300);
      }
      await page.keyboard.press("Control+k");
      await page.getByRole("combobox").waitFor();
      await page.keyboard.type("api");
      await page.waitForTimeout(300);
      await page.keyboard.press("Escape");
      await page.waitForTimeout(300);
      rounds.push((await page.evaluate("window.slowest")) as number);
    }
    const slowest = Math.min(...rounds);
    t.diagnostic(
      `4x slower: first contentful paint ${paint.toFixed(0)} ms, overview complete after ${shown.toFixed(0)} ms, slowest interaction ${slowest.toFixed(0)} ms (rounds: ${rounds.join(", ")})`,
    );
    assert.ok(paint <= limits.paintMs * slack(), `first contentful paint ${paint.toFixed(0)} ms`);
    assert.ok(slowest <= limits.interactionMs * slack(), `slowest interaction ${slowest.toFixed(0)} ms`);
    await context.close();
  },
);

test("under a storm of 1,000 events a second the overview and the issues stay fluid", { skip }, async (t) => {
  for (const address of ["/", "/issues"]) {
    const { page, context } = await openPage(chrome, running.url);
    await page.goto(`${running.url}${address}`);
    await settled(page);
    let sent = 0;
    let isOver = false;
    const storm = (async () => {
      const since = performance.now();
      while (!isOver) {
        // 100 signals ten times a second, spread over targets and faults.
        await running.ask(
          "/signals",
          Array.from({ length: 100 }, (_, at) => ({
            target: ["api", "web", "worker", "stock"][at % 4],
            kind: "storm-of-errors",
            distinguisher: `error ${at % 25}`,
            severity: "low",
            summary: `error ${at % 25}, time ${sent + at}`,
          })),
        );
        sent += 100;
        await new Promise((resolve) => setTimeout(resolve, Math.max(0, since + sent - performance.now())));
      }
      return (sent / (performance.now() - since)) * 1_000;
    })();
    await page.waitForTimeout(1_000);
    const frames = (await page.evaluate(`new Promise((resolve) => {
      const frames = []; let last = performance.now(); const end = last + 6000;
      const step = (now) => { frames.push(now - last); last = now; if (now < end) requestAnimationFrame(step); else resolve(frames); };
      requestAnimationFrame(step);
    })`)) as number[];
    isOver = true;
    const rate = await storm;
    frames.sort((a, b) => a - b);
    const p95 = frames[Math.floor(frames.length * 0.95)] ?? Infinity;
    t.diagnostic(
      `${address} under ${rate.toFixed(0)} events/s: ${frames.length} frames in 6 s, p50 ${frames[Math.floor(frames.length / 2)]?.toFixed(1)} ms, p95 ${p95.toFixed(1)} ms, longest ${frames.at(-1)?.toFixed(0)} ms`,
    );
    assert.ok(p95 < limits.frameMsP95 * slack(), `${address}: frame time p95 ${p95.toFixed(1)} ms`);
    await context.close();
  }
});

test("100,000 issues: found, sorted and scrolled without a wait", { skip }, async (t) => {
  const large = await shop({
    prepare: async (folder) => {
      const store = sqliteStore({ file: path.join(folder, "prunella.db"), onWarning: () => {} });
      const { epoch, sequence } = await store.open();
      const now = Date.now();
      const words = ["timeout", "reset", "refused", "full", "slow"];
      for (let at = 0; at < issuesStored / 5_000; at += 1)
        await store.commit(
          { epoch, sequence: sequence + at + 1 },
          {
            at: now - 1_000,
            issues: Array.from({ length: 5_000 }, (_, each) => {
              const number = at * 5_000 + each;
              return sampleIssue(`LOW-${number}`, {
                fingerprint: `fixed ${number}`,
                target: `service-${number % 200}`,
                severity: (["critical", "medium", "low"] as const)[number % 3] ?? "low",
                status: number % 50 === 0 ? "ignored" : "fixed",
                title: `connection ${words[number % 5] ?? ""} while order ${number} was handled`,
                firstSeen: now - number * 60_000 - 60_000,
                lastSeen: now - number * 60_000,
                incident: `INC-${number}`,
              });
            }),
            incidents: Array.from({ length: 500 }, (_, each) =>
              sampleIncident(`INC-${at * 5_000 + each}`, {
                issue: `LOW-${at * 5_000 + each}`,
                state: "ended",
                firing: false,
                detectedAt: now - (at * 5_000 + each) * 60_000,
                endedAt: now - (at * 5_000 + each) * 60_000 + 20_000,
                outcome: "recovered",
              }),
            ),
          },
        );
      await store.close();
    },
  });
  try {
    const { page, context, faults } = await openPage(chrome, large.url);
    const startedAt = performance.now();
    await page.goto(`${large.url}/issues?q=${encodeURIComponent("is:fixed,ignored")}`);
    await page.getByRole("link", { name: /order 0 was handled/ }).waitFor({ timeout: 20_000 });
    await page.getByText(/100,000 issues/).waitFor({ timeout: 20_000 });
    const opened = performance.now() - startedAt;

    const searchedAt = performance.now();
    await page.getByRole("combobox", { name: "Search issues" }).fill("is:fixed target:service-7 refused order");
    await page.getByText(/^500 issues$/).waitFor({ timeout: 20_000 });
    const searched = performance.now() - searchedAt;

    await page.getByRole("combobox", { name: "Search issues" }).fill("is:fixed");
    await page.getByText(/98,000 issues/).waitFor({ timeout: 20_000 });
    const frames = (await page.evaluate(`new Promise((resolve) => {
      const scroller = document.querySelector(".issue-scroll");
      const frames = []; let last = performance.now(); const end = last + 4000;
      const step = (now) => {
        frames.push(now - last); last = now; scroller.scrollTop += 400;
        if (now < end) requestAnimationFrame(step); else resolve(frames);
      };
      requestAnimationFrame(step);
    })`)) as number[];
    const rows = (await page.locator("[data-row]").count()) as number;
    const reached = Number(await page.locator("[data-row]").last().getAttribute("data-row"));
    frames.sort((a, b) => a - b);
    const p95 = frames[Math.floor(frames.length * 0.95)] ?? Infinity;
    t.diagnostic(
      `100,000 issues: list after ${opened.toFixed(0)} ms, search after ${searched.toFixed(0)} ms (250 ms of it waiting for the typing to end), scrolled to row ${reached} in 4 s with frames p95 ${p95.toFixed(1)} ms, ${rows} rows in the page`,
    );
    assert.ok(reached > 500 / slack(), `scrolled to row ${reached}`);
    assert.ok(rows < 120, `${rows} rows exist at once`);
    assert.ok(p95 < limits.frameMsP95 * slack(), `frame time p95 while scrolling ${p95.toFixed(1)} ms`);
    assert.deepEqual(faults, []);
    await context.close();
  } finally {
    await large.stop();
  }
});
