// What every Store must pass: SQLite, the simulator's, PostgreSQL. Cases need no test runner and no Node: give each one
// a way to open an empty store and a random source, and a rejection says what went wrong. Where ports.ts leaves a choice
// (ranges are from <= at < to; an appended row that is there already stays as it is), the cases here settle it.
import { InvalidInputError, StoreError, assert, type StoreFault } from "../errors.ts";
import type { Issue } from "../issue/index.ts";
import type { Changes, IssueQuery, Opened, Page, Store } from "../ports.ts";
import {
  sampleComment,
  sampleDrillRun,
  sampleIncident,
  sampleIssue,
  sampleLearned,
  sampleAlert,
  sampleNotification,
  sampleOutside,
  sampleRemedy,
  sampleRepair,
  sampleSeriesPoint,
  sampleSettings,
  sampleSignal,
  sampleSilence,
  sampleStanding,
  sampleTally,
  sampleToken,
  sampleTransition,
} from "./samples.ts";
import { equal, walk, type StoreCase, type StoreUnderTest } from "./support.ts";
import { randomWorkload } from "./workload.ts";

const dayMs = 24 * 3_600_000;

export const storeSuite: readonly StoreCase[] = [
  storeCase("an empty store opens with nothing in it", async ({ store }) => {
    const opened = await store.open();
    const { epoch, ...rest } = opened;
    assert(epoch >= 1, "the first epoch is at least 1");
    equal(rest, {
      sequence: 0,
      issues: [],
      incidents: [],
      repairs: [],
      settings: { paused: null, pausedTargets: {}, maintenance: [], storm: null },
      numbers: {},
      standings: [],
      outbox: [],
      alerts: [],
      silences: [],
      outside: [],
      tokens: [],
      lastAt: 0,
    });
  }),

  storeCase("what was committed is read back whole, before and after a reopen", async (place) => {
    const write = await writer(place.store);
    await write(everything());
    await holdsEverything(place.store);
    const again = await place.reopen();
    await again.open();
    await holdsEverything(again);
  }),

  storeCase("reopen returns what the engine keeps in memory, and no more", async (place) => {
    const write = await writer(place.store);
    const ended = (at: number) => ({ name: "ended", at, outcome: "verified" }) as const;
    await write({
      at: 2 * dayMs,
      issues: [
        sampleIssue("CRIT-001", { lastSeen: 10 }),
        sampleIssue("CRIT-002", { lastSeen: 30, status: "snoozed" }),
        sampleIssue("CRIT-003", { lastSeen: 20, status: "in-progress" }),
        sampleIssue("CRIT-004", { lastSeen: 40, status: "fixed" }),
        sampleIssue("CRIT-005", { lastSeen: 50, status: "ignored" }),
      ],
      incidents: [
        sampleIncident("INC-1"),
        sampleIncident("INC-2", { state: "handed-over" }),
        sampleIncident("INC-3", { state: "ended" }),
      ],
      repairs: [
        sampleRepair("REP-1"),
        sampleRepair("REP-2", { state: ended(dayMs) }),
        sampleRepair("REP-3", { state: ended(dayMs - 1) }),
        sampleRepair("REP-4", { state: { name: "proposed", expiresAt: 5, asks: true }, createdAt: 0 }),
      ],
      numbers: { CRIT: 5, T: 1 },
      settings: sampleSettings,
      standings: [sampleStanding("restart"), sampleStanding("failover", { demotedTo: "suggest", why: "failed twice" })],
      notifications: [
        sampleNotification("n1", { dueAt: 9 }),
        sampleNotification("n2", { deliveredAt: 5 }),
        sampleNotification("n3", { dueAt: 3, attempts: 2 }),
      ],
    });
    await write({ at: dayMs, numbers: { MED: 2, CRIT: 6 } });
    const before = await place.store.open();
    const again = await (await place.reopen()).open();
    for (const opened of [before, again]) {
      equal(ids(opened.issues), ["CRIT-002", "CRIT-003", "CRIT-001"]);
      equal(ids(opened.incidents).toSorted(), ["INC-1", "INC-2"]);
      equal(ids(opened.repairs).toSorted(), ["REP-1", "REP-2", "REP-4"]);
      equal(opened.numbers, { CRIT: 6, T: 1, MED: 2 });
      equal(opened.settings, sampleSettings);
      equal(opened.standings.map((standing) => [standing.remedy, standing.demotedTo]).toSorted(), [
        ["failover", "suggest"],
        ["restart", null],
      ]);
      equal(
        opened.outbox.map((notification) => [notification.key, notification.attempts]),
        [
          ["n3", 2],
          ["n1", 0],
        ],
      );
      equal([opened.lastAt, opened.sequence], [2 * dayMs, 2]);
    }
    assert(again.epoch > before.epoch, "each open raises the epoch");
  }),

  storeCase("reopen returns at most 10,000 issues, the newest", async (place) => {
    const write = await writer(place.store);
    const all = Array.from({ length: 10_005 }, (_, at) => sampleIssue(`LOW-${at + 1}`, { lastSeen: at }));
    await write({ at: 1, issues: all });
    const { issues } = await (await place.reopen()).open();
    equal(issues.length, 10_000);
    equal([issues[0]?.id, issues.at(-1)?.id], ["LOW-10005", "LOW-6"]);
  }),

  storeCase("a whole record replaces the older version; an appended row is written once", async (place) => {
    const write = await writer(place.store);
    await write(everything());
    await write({
      at: 2_000,
      issues: [sampleIssue("CRIT-001", { status: "fixed", target: "web", occurrences: 9, fingerprint: "moved" })],
      incidents: [sampleIncident("INC-1", { state: "ended", target: "web" })],
      repairs: [sampleRepair("REP-1", { state: { name: "ended", at: 3, outcome: "failed" }, target: "web" })],
      series: [sampleSeriesPoint({ last: 99 })],
      tallies: [sampleTally({ errors: 99 })],
      standings: [sampleStanding("restart", { failed: 99 })],
      notifications: [sampleNotification("n1", { deliveredAt: 99 })],
      transitions: [sampleTransition("T1", { why: "again" })],
      signals: [sampleSignal("s1", { at: 99, target: "web" })],
      comments: [sampleComment("C1", { text: "again" })],
    });
    const { store } = place;
    equal((await store.issue("CRIT-001"))?.status, "fixed");
    equal(ids((await store.issues({ target: "api" })).items), []);
    equal(ids((await store.issues({ target: "web", status: ["fixed"] })).items), ["CRIT-001"]);
    equal(
      [await store.issueByFingerprint("api crash CRIT-001"), (await store.issueByFingerprint("moved"))?.id],
      [null, "CRIT-001"],
    );
    equal(ids((await store.incidents({ state: ["open"] })).items), []);
    equal(ids((await store.repairs({ state: ["ended"], target: "web" })).items), ["REP-1"]);
    equal(
      (await store.series({ target: "api", from: 0, to: dayMs })).map((point) => point.last),
      [99],
    );
    equal(
      (await store.tallies({ from: 0, to: dayMs })).map((tally) => tally.errors),
      [99],
    );
    equal((await store.transitions({})).items, [sampleTransition("T1")]);
    equal((await store.signals({})).items, [sampleSignal("s1")]);
    equal(await store.comments("CRIT-001"), [sampleComment("C1")]);
    const opened = await store.open();
    equal([opened.standings[0]?.failed, opened.outbox, opened.incidents], [99, [], []]);
  }),

  storeCase("a repeated signal within one commit is stored once", async (place) => {
    const write = await writer(place.store);
    await write({ at: 1, signals: [sampleSignal("s1"), sampleSignal("s1", { at: 5 }), sampleSignal("s2")] });
    equal(ids((await place.store.signals({})).items).toSorted(), ["s1", "s2"]);
  }),

  storeCase("a writer with an older epoch is fenced and changes nothing", async (place) => {
    const write = await writer(place.store);
    await write({ at: 1, issues: [sampleIssue("CRIT-001")] });
    const successor = await place.reopen();
    const taken = await successor.open();
    await refused("fenced", write({ at: 2, issues: [sampleIssue("CRIT-002")], numbers: { CRIT: 2 } }));
    equal([await successor.issue("CRIT-002"), taken.sequence], [null, 1]);
    await successor.commit({ epoch: taken.epoch, sequence: 2 }, { at: 3, issues: [sampleIssue("CRIT-003")] });
    equal((await place.store.issue("CRIT-003"))?.id, "CRIT-003");
  }),

  storeCase(
    "whoever opens again with the epoch it held is fenced once another writer has taken over",
    async (place) => {
      const { epoch } = await place.store.open();
      const again = await place.store.open(epoch);
      assert(again.epoch > epoch, "opening again raises the epoch while nobody else has");
      const successor = await place.reopen();
      const taken = await successor.open();
      await refused("fenced", place.store.open(again.epoch));
      await successor.commit({ epoch: taken.epoch, sequence: 1 }, { at: 3, issues: [sampleIssue("CRIT-003")] });
      equal((await successor.issue("CRIT-003"))?.id, "CRIT-003");
    },
  ),

  storeCase("a commit out of order is refused and changes nothing; the right one still fits", async ({ store }) => {
    const { epoch } = await store.open();
    const commit = (sequence: number, at: number): Promise<void> =>
      store.commit({ epoch, sequence }, { at, issues: [sampleIssue(`CRIT-${sequence}`)] });
    await refused("out-of-order", commit(2, 50));
    await refused("out-of-order", commit(0, 50));
    await commit(1, 10);
    await refused("out-of-order", commit(1, 50));
    await refused("out-of-order", store.commit({ epoch: epoch + 1, sequence: 2 }, { at: 50 }));
    await commit(2, 11);
    const opened = await store.open();
    equal([ids(opened.issues).toSorted(), opened.sequence, opened.lastAt], [["CRIT-1", "CRIT-2"], 2, 11]);
  }),

  storeCase("commits issued together apply in order, each with its own answer", async ({ store }) => {
    const { epoch } = await store.open();
    const commit = (sequence: number): Promise<void> =>
      store.commit({ epoch, sequence }, { at: sequence, issues: [sampleIssue("CRIT-1", { occurrences: sequence })] });
    const answers = await Promise.allSettled([commit(1), commit(2), commit(9), commit(3), commit(3), commit(4)]);
    equal(
      answers.map((answer) => answer.status === "fulfilled"),
      [true, true, false, true, false, true],
    );
    equal([(await store.issue("CRIT-1"))?.occurrences, (await store.open()).sequence], [4, 4]);
  }),

  storeCase("an empty commit is a commit", async (place) => {
    const write = await writer(place.store);
    await write({ at: 7 });
    const opened = await place.store.open();
    equal([opened.sequence, opened.lastAt], [1, 7]);
  }),

  storeCase("issues are found by every filter, alone and together", async (place) => {
    const write = await writer(place.store);
    await write({
      at: 1,
      issues: [
        sampleIssue("CRIT-1", { lastSeen: 5, title: "Orders Time Out", rootCause: "pool of db is EMPTY" }),
        sampleIssue("MED-2", { lastSeen: 4, severity: "medium", kind: "unhealthy", status: "fixed", assignee: "Zoë" }),
        sampleIssue("LOW-3", {
          lastSeen: 3,
          severity: "low",
          target: "Web",
          selfHealing: "active",
          regressed: true,
          title: "100%_done",
        }),
        sampleIssue("PERF-4", { lastSeen: 2, needsPerson: "look", status: "ignored", selfHealing: "planned" }),
      ],
    });
    const check = async (query: IssueQuery, expected: string): Promise<void> => {
      equal(ids((await place.store.issues(query)).items).join(" "), expected, JSON.stringify(query));
      const count = expected.split(" ").filter(Boolean).length;
      equal(await place.store.countIssues(query, 100), count, `count of ${JSON.stringify(query)}`);
      equal(await place.store.countIssues(query, 1), Math.min(1, count), `no further than asked for`);
    };
    await check({}, "CRIT-1 MED-2 LOW-3 PERF-4");
    await check({ status: ["fixed", "ignored"] }, "MED-2 PERF-4");
    await check({ status: [] }, "");
    await check({ severity: ["low", "medium"] }, "MED-2 LOW-3");
    await check({ severity: ["no such"] }, "");
    await check({ target: "Web" }, "LOW-3");
    await check({ target: "web" }, "");
    await check({ kind: "unhealthy" }, "MED-2");
    await check({ selfHealing: ["active", "planned"] }, "LOW-3 PERF-4");
    await check({ needsPerson: true }, "PERF-4");
    await check({ needsPerson: false, status: ["pending"] }, "CRIT-1 LOW-3");
    await check({ regressed: true }, "LOW-3");
    await check({ regressed: false, severity: ["critical"] }, "CRIT-1 PERF-4");
    await check({ assignee: "Zoë" }, "MED-2");
    await check({ assignee: "Zo" }, "");
    await check({ assigned: true }, "MED-2");
    await check({ assigned: false, needsPerson: true }, "PERF-4");
    await check({ text: "  orders\tEMPTY " }, "CRIT-1");
    await check({ text: "web" }, "LOW-3");
    await check({ text: "0%_d" }, "LOW-3");
    await check({ text: "%" }, "LOW-3");
    await check({ text: "crit-1" }, "CRIT-1");
    await check({ text: "orders nowhere" }, "");
    await check({ text: "api", severity: ["critical"], status: ["pending"], kind: "crash" }, "CRIT-1");
  }),

  storeCase("issues sort by every key in both directions, numbers in ids counting as numbers", async (place) => {
    const write = await writer(place.store);
    const issue = (id: string, lastSeen: number, firstSeen: number, occurrences: number, severity: Issue["severity"]) =>
      sampleIssue(id, { lastSeen, firstSeen, occurrences, severity });
    await write({
      at: 1,
      issues: [
        issue("CRIT-999", 3, 1, 10, "low"),
        issue("CRIT-1000", 3, 4, 9, "critical"),
        issue("LOW-2", 1, 3, 100, "medium"),
        issue("LOW-10", 2, 2, 9, "critical"),
      ],
    });
    const expected: Record<NonNullable<IssueQuery["sort"]>, string> = {
      lastSeen: "LOW-2 LOW-10 CRIT-999 CRIT-1000",
      firstSeen: "CRIT-999 LOW-10 LOW-2 CRIT-1000",
      severity: "CRIT-999 LOW-2 CRIT-1000 LOW-10",
      occurrences: "CRIT-1000 LOW-10 CRIT-999 LOW-2",
      id: "CRIT-999 CRIT-1000 LOW-2 LOW-10",
    };
    for (const [sort, rising] of Object.entries(expected) as [NonNullable<IssueQuery["sort"]>, string][]) {
      for (const limit of [1, 3, 4]) {
        const list = async (descending?: boolean): Promise<string> =>
          ids(
            await walk((after) =>
              place.store.issues({ sort, limit, after, ...(descending === undefined ? {} : { descending }) }),
            ),
          ).join(" ");
        equal(await list(false), rising, `${sort} rising`);
        equal(await list(true), rising.split(" ").toReversed().join(" "), `${sort} falling`);
        equal(await list(), await list(true), `${sort} falls by default`);
      }
    }
  }),

  storeCase("a repair that a person asked for, with no fault behind it, is kept", async (place) => {
    const write = await writer(place.store);
    await write({ at: 1, repairs: [sampleRepair("REP-1", { issue: null, incident: null })] });
    const kept = await place.store.repair("REP-1");
    equal([kept?.issue, kept?.incident], [null, null]);
    equal(ids((await place.store.repairs({})).items), ["REP-1"]);
    equal(ids((await place.store.repairs({ issue: "CRIT-001" })).items), []);
  }),

  storeCase("incidents, repairs, transitions and signals are filtered, newest first", async (place) => {
    const write = await writer(place.store);
    const ended = { name: "ended", at: 9, outcome: "failed" } as const;
    await write({
      at: 1,
      incidents: [
        sampleIncident("INC-9", { detectedAt: 10 }),
        sampleIncident("INC-10", { detectedAt: 10, issue: "LOW-1", state: "ended" }),
        sampleIncident("INC-11", { detectedAt: 20, target: "web", state: "handed-over" }),
      ],
      repairs: [
        sampleRepair("REP-1", { createdAt: 10, remedy: sampleRemedy("failover") }),
        sampleRepair("REP-2", { createdAt: 20, incident: "INC-2", state: ended }),
        sampleRepair("REP-3", { createdAt: 30, issue: "LOW-1", target: "web" }),
      ],
      transitions: [
        sampleTransition("T9", { at: 10 }),
        sampleTransition("T10", { at: 10, issue: "LOW-1" }),
        sampleTransition("T11", { at: 5, incident: "INC-1", target: null }),
      ],
      signals: [
        sampleSignal("a-1", { at: 10 }),
        sampleSignal("a-2", { at: 20, target: "web" }),
        { type: "lost", id: "b-1", target: "web", at: 15, count: 3, reason: "full" },
      ],
    });
    const { store } = place;
    const check = async (page: Promise<Page<{ readonly id: string }>>, expected: string): Promise<void> =>
      equal(ids((await page).items).join(" "), expected);
    await check(store.incidents({}), "INC-11 INC-10 INC-9");
    await check(store.incidents({ issue: "LOW-1" }), "INC-10");
    await check(store.incidents({ target: "web" }), "INC-11");
    await check(store.incidents({ state: ["open", "handed-over"] }), "INC-11 INC-9");
    await check(store.incidents({ from: 10, to: 20 }), "INC-10 INC-9");
    await check(store.incidents({ from: 11 }), "INC-11");
    await check(store.incidents({ limit: 2 }), "INC-11 INC-10");
    await check(store.repairs({}), "REP-3 REP-2 REP-1");
    await check(store.repairs({ issue: "LOW-1" }), "REP-3");
    await check(store.repairs({ incident: "INC-2" }), "REP-2");
    await check(store.repairs({ target: "api" }), "REP-2 REP-1");
    await check(store.repairs({ remedy: "failover" }), "REP-1");
    await check(store.repairs({ state: ["ended"] }), "REP-2");
    await check(store.repairs({ state: ["scheduled", "ended"], from: 20 }), "REP-3 REP-2");
    await check(store.transitions({}), "T10 T9 T11");
    await check(store.transitions({ issue: "CRIT-001" }), "T9 T11");
    await check(store.transitions({ incident: "INC-1" }), "T11");
    await check(store.transitions({ target: "api", from: 10, to: 11 }), "T10 T9");
    await check(store.signals({}), "a-2 b-1 a-1");
    await check(store.signals({ target: "web" }), "a-2 b-1");
    await check(store.signals({ type: "lost" }), "b-1");
    await check(store.signals({ from: 10, to: 20 }), "b-1 a-1");
    await check(store.signals({ target: "web", type: "started", from: 20 }), "a-2");
  }),

  storeCase("series, tallies and comments come oldest first, from <= at < to", async (place) => {
    const write = await writer(place.store);
    const point = (metric: string, at: number, target = "api") => sampleSeriesPoint({ metric, at, target });
    await write({
      at: 1,
      series: [point("rssBytes", 120), point("rssBytes", 60), point("cpuShare", 120), point("rssBytes", 60, "web")],
      tallies: [sampleTally({ hour: 20 }), sampleTally({ hour: 10 }), sampleTally({ hour: 10, target: "web" })],
      comments: [sampleComment("C10", { at: 5 }), sampleComment("C9", { at: 5 }), sampleComment("C1", { at: 9 })],
    });
    const { store } = place;
    const series = async (from: number, to: number, metric?: string): Promise<string> =>
      (await store.series({ target: "api", from, to, ...(metric === undefined ? {} : { metric }) }))
        .map((row) => `${row.metric}@${row.at}`)
        .join(" ");
    equal(await series(0, 1_000), "rssBytes@60 cpuShare@120 rssBytes@120");
    equal(await series(60, 120), "rssBytes@60");
    equal(await series(0, 1_000, "cpuShare"), "cpuShare@120");
    equal(await store.series({ target: "nobody", from: 0, to: 1 }), []);
    const tallies = async (from: number, to: number, target?: string): Promise<string> =>
      (await store.tallies({ from, to, ...(target === undefined ? {} : { target }) }))
        .map((row) => `${row.target}@${row.hour}`)
        .join(" ");
    equal(await tallies(0, 100), "api@10 web@10 api@20");
    equal(await tallies(10, 20, "api"), "api@10");
    equal(ids(await store.comments("CRIT-001")), ["C9", "C10", "C1"]);
    equal(await store.comments("CRIT-002"), []);
  }),

  storeCase("pages concatenate to the whole, also while rows are inserted and changed", async (place) => {
    const write = await writer(place.store);
    const at = (index: number): number => Math.floor(index / 7);
    const first = Array.from({ length: 100 }, (_, index) => sampleIssue(`LOW-${index}`, { lastSeen: at(index) }));
    await write({
      at: 1,
      issues: first,
      incidents: first.map((issue, index) =>
        sampleIncident(`INC-${index}`, { issue: issue.id, detectedAt: at(index) }),
      ),
    });
    const whole = ids((await place.store.issues({ limit: 500 })).items);
    equal(whole.length, 100);
    equal(ids(await walk((after) => place.store.issues({ limit: 9, after }))), whole);
    const incidents = ids((await place.store.incidents({ limit: 500 })).items);
    equal(ids(await walk((after) => place.store.incidents({ limit: 9, after }))), incidents);
    let inserted = 0;
    const seen = ids(
      await walk(async (after) => {
        inserted += 1;
        await write({
          at: 2,
          issues: [
            sampleIssue(`NEW-${inserted}`, { lastSeen: 1_000 + inserted }),
            sampleIssue(`OLD-${inserted}`, { lastSeen: inserted }),
          ],
        });
        return place.store.issues({ limit: 9, after });
      }),
    );
    equal(seen.length, new Set(seen).size, "no row twice");
    equal(
      seen.filter((id) => id.startsWith("LOW-")),
      whole,
      "no row missed",
    );
  }),

  storeCase("bad limits, cursors and searches are refused by name", async (place) => {
    const write = await writer(place.store);
    const rows = ["INC-1", "INC-2"];
    await write({
      at: 1,
      issues: [sampleIssue("CRIT-1"), sampleIssue("CRIT-2")],
      incidents: rows.map((id) => sampleIncident(id)),
    });
    const { store } = place;
    const { next } = await store.issues({ limit: 1 });
    assert(
      next !== null && (await store.issues({ limit: 2 })).next === null,
      "only a page with more after it has next",
    );
    const tampered = `${next.slice(0, -2)}${next.endsWith("5d") ? "5b" : "5d"}`;
    for (const limit of [0, -1, 501, 1.5, Number.NaN, Infinity]) await invalid("limit", store.issues({ limit }));
    for (const after of ["", "nonsense", "zz", next.slice(2), next.slice(0, -1), tampered, "7b7d", "6e756c6c"])
      await invalid("after", store.issues({ after, limit: 1 }));
    await invalid("after", store.incidents({ after: next }));
    await invalid("after", store.issues({ after: next, sort: "id" }));
    await invalid("after", store.issues({ after: next, descending: false }));
    await invalid("text", store.issues({ text: "a ".repeat(11) }));
    await invalid("text", store.issues({ text: "a".repeat(401) }));
  }),

  storeCase("text survives: NUL, astral, lone surrogates, quotes and a megabyte", async (place) => {
    const write = await writer(place.store);
    const odd = "a\u0000b 'quoted\" \\ \u{1f33f} \ud800 \ufffd \u2028 e\u0301";
    const huge = "é".repeat(1_048_576);
    const id = "CRIT-\u0000-\u{1f33f}-1";
    const target = "api\u0000\u{1f33f}'";
    await write({
      at: 1,
      issues: [
        sampleIssue(id, {
          title: odd,
          rootCause: huge,
          target,
          fingerprint: "f\u0000\u{1f33f}",
          sections: { [odd]: odd },
        }),
      ],
      signals: [sampleSignal("s\u0000", { target }), sampleSignal("s", { target })],
      comments: [sampleComment("C1", { issue: id, text: odd })],
      series: [sampleSeriesPoint({ target, metric: "m\u0000" }), sampleSeriesPoint({ target, metric: "m" })],
      numbers: { "P\u0000": 3, ["__proto__"]: 4 },
    });
    const again = await place.reopen();
    const opened = await again.open();
    equal(Object.entries(opened.numbers).toSorted(), [
      ["P\u0000", 3],
      ["__proto__", 4],
    ]);
    for (const store of [place.store, again]) {
      const issue = await store.issue(id);
      equal(
        [issue?.title, issue?.rootCause === huge, issue?.sections, issue?.target],
        [odd, true, { [odd]: odd }, target],
      );
      equal((await store.issueByFingerprint("f\u0000\u{1f33f}"))?.id, id);
      equal(await store.issue("CRIT-"), null);
      equal(ids((await store.issues({ text: "b 'QUOTED\" \u{1f33f}" })).items), [id]);
      equal(ids((await store.signals({ target })).items), ["s\u0000", "s"]);
      equal(
        (await store.comments(id)).map((comment) => comment.text),
        [odd],
      );
      equal((await store.series({ target, metric: "m\u0000", from: 0, to: dayMs })).length, 1);
    }
  }),

  storeCase("a notification leaves the outbox when delivered, by its key", async (place) => {
    const write = await writer(place.store);
    await write({ at: 1, notifications: [sampleNotification("n1"), sampleNotification("n2")] });
    await write({ at: 2, notifications: [sampleNotification("n1", { attempts: 3, dueAt: 9_000 })] });
    equal(
      (await place.store.open()).outbox.map((row) => [row.key, row.attempts]),
      [
        ["n2", 0],
        ["n1", 3],
      ],
    );
    const last = await writer(place.store);
    await last({ at: 3, notifications: [sampleNotification("n1", { deliveredAt: 3 })] });
    equal(
      (await place.store.open()).outbox.map((row) => row.key),
      ["n2"],
    );
  }),

  storeCase("open gives back the alerts that hold, recent silences and alerts from outside", async (place) => {
    const write = await writer(place.store);
    const now = 100 * dayMs;
    await write({
      at: now,
      alerts: [sampleAlert("a2", { at: 2 }), sampleAlert("a1", { at: 1 }), sampleAlert("over", { resolvedAt: now })],
      silences: [
        sampleSilence("S10", { endsAt: now + 1 }),
        sampleSilence("S9", { endsAt: now - dayMs }),
        sampleSilence("S1", { endsAt: now - dayMs - 1 }),
      ],
      outside: [
        sampleOutside("y"),
        sampleOutside("x", { overAt: now - 600_000 }),
        sampleOutside("old", { overAt: now - 600_001 }),
      ],
    });
    await write({ at: now, alerts: [sampleAlert("a1", { at: 1, steps: 3 })] });
    const opened = await place.store.open();
    equal(opened.alerts, [sampleAlert("a1", { at: 1, steps: 3 }), sampleAlert("a2", { at: 2 })]);
    equal(ids(opened.silences), ["S9", "S10"]);
    equal(
      opened.outside.map((row) => row.key),
      ["x", "y"],
    );
    const { deleted } = await place.store.prune(now + 8 * dayMs);
    equal(deleted, 1 + 3 + 2, "what is over goes by age");
    equal((await place.store.open()).alerts.length, 2);
  }),

  storeCase("open gives back the tokens that hold, and those that ended within a day", async (place) => {
    const write = await writer(place.store);
    const now = 100 * dayMs;
    await write({
      at: now,
      tokens: [
        sampleToken("K10", { endsAt: now + 1 }),
        sampleToken("K9"),
        sampleToken("K2", { endsAt: now - dayMs, revokedBy: "person:bert" }),
        sampleToken("K1", { endsAt: now - dayMs - 1 }),
      ],
    });
    await write({ at: now, tokens: [sampleToken("K9", { usedAt: now })] });
    const again = await place.reopen();
    const { tokens } = await again.open();
    equal(ids(tokens), ["K2", "K9", "K10"]);
    equal(tokens[1], sampleToken("K9", { usedAt: now }));
    equal((await again.prune(now + 8 * dayMs)).deleted, 3, "one without an end is never pruned");
    equal(ids((await again.open()).tokens), ["K9"]);
  }),

  storeCase(
    "notifications are listed newest first, by issue and receiver, without those that were only filed",
    async (place) => {
      const write = await writer(place.store);
      const told = (key: string, at: number, issue: string, receiver: string) =>
        sampleNotification(key, { at, issue, receiver, deliveredAt: at });
      await write({
        at: 1,
        notifications: [
          sampleNotification("filed", { at: 9 }),
          told("n1", 1, "CRIT-001", "chat"),
          told("n2", 2, "CRIT-001", "oncall"),
          told("n3", 3, "MED-001", "chat"),
        ],
      });
      const keys = async (query: Parameters<Store["notifications"]>[0]): Promise<string[]> =>
        (await place.store.notifications(query)).items.map((row) => row.key);
      equal(await keys({}), ["n3", "n2", "n1"]);
      equal(await keys({ issue: "CRIT-001" }), ["n2", "n1"]);
      equal(await keys({ receiver: "chat" }), ["n3", "n1"]);
      const first = await place.store.notifications({ limit: 2 });
      equal(await keys({ limit: 2, after: first.next }), ["n1"]);
    },
  ),

  storeCase(
    "prune deletes old signals, series, tallies and delivered notifications, and keeps every record",
    async (place) => {
      const write = await writer(place.store);
      const now = 1_000 * dayMs;
      await write({ ...everything(), at: now });
      await write({
        at: now,
        signals: [sampleSignal("kept", { at: now - 7 * dayMs }), sampleSignal("gone", { at: now - 7 * dayMs - 1 })],
        series: [sampleSeriesPoint({ at: now - 30 * dayMs }), sampleSeriesPoint({ at: now - 30 * dayMs - 1 })],
        tallies: [sampleTally({ hour: now - 400 * dayMs }), sampleTally({ hour: now - 400 * dayMs - 1 })],
        learned: [
          sampleLearned("metric api a", { at: now - 30 * dayMs }),
          sampleLearned("metric api b", { at: now - 30 * dayMs - 1 }),
        ],
        drillRuns: [
          sampleDrillRun("DRILL-2", { startedAt: now - 400 * dayMs }),
          sampleDrillRun("DRILL-3", { startedAt: now - 400 * dayMs - 1 }),
        ],
        notifications: [sampleNotification("old", { deliveredAt: 1 }), sampleNotification("new", { deliveredAt: now })],
      });
      const { store } = place;
      equal((await store.stats()).oldestSignalAt, 1_000);
      const { deleted } = await store.prune(now);
      equal(deleted, 2 + 2 + 2 + 1 + 1 + 2 + 2);
      equal((await store.prune(now)).deleted, 0, "the second prune finds nothing");
      equal(ids((await store.signals({})).items), ["kept"]);
      equal((await store.series({ target: "api", from: 0, to: now })).length, 1);
      equal((await store.tallies({ from: 0, to: now })).length, 1);
      equal(ids(await store.learned()), ["metric api a"]);
      equal(ids((await store.drillRuns({})).items), ["DRILL-2"]);
      equal([(await store.issue("CRIT-001"))?.id, (await store.incident("INC-1"))?.id], ["CRIT-001", "INC-1"]);
      equal([(await store.repair("REP-1"))?.id, ids((await store.transitions({})).items)], ["REP-1", ["T1"]]);
      equal(ids(await store.comments("CRIT-001")), ["C1"]);
      equal(
        (await store.open()).outbox.map((row) => row.key),
        ["n1"],
        "undelivered ones stay, however old",
      );
      const stats = await store.stats();
      equal([stats.oldestSignalAt, stats.rows["notifications"]], [now - 7 * dayMs, 2]);
    },
  ),

  storeCase("stats count what is stored and what was committed", async (place) => {
    const write = await writer(place.store);
    const before = await place.store.stats();
    equal(before.oldestSignalAt, null);
    await write(everything());
    await refused("out-of-order", place.store.commit({ epoch: 1, sequence: 77 }, { at: 1 }));
    const stats = await place.store.stats();
    equal(stats.commits - before.commits, 1);
    for (const name of ["issues", "incidents", "repairs", "transitions", "signals", "series", "tallies"])
      equal(stats.rows[name], 1, name);
    for (const name of ["standings", "notifications", "comments", "learned", "drillRuns"])
      equal(stats.rows[name], 1, name);
    assert(Number.isFinite(stats.bytes) && stats.bytes >= 0, "bytes is a size");
  }),

  storeCase("a closed store refuses, and opens again with everything in it", async ({ store }) => {
    const write = await writer(store);
    const pending = write(everything());
    await store.close();
    await pending;
    await store.close();
    await refused("unavailable", write({ at: 2 }));
    await refused("unavailable", store.issue("CRIT-001"));
    await store.open();
    await holdsEverything(store);
  }),

  storeCase("a repair that a person asked for belongs to no issue and no incident", async (place) => {
    const write = await writer(place.store);
    await write({ at: 1, repairs: [sampleRepair("REP-1", { issue: null, incident: null }), sampleRepair("REP-2")] });
    equal(await place.store.repair("REP-1"), sampleRepair("REP-1", { issue: null, incident: null }));
    equal(ids((await place.store.repairs({ target: "api" })).items), ["REP-2", "REP-1"]);
    equal(ids((await place.store.repairs({ issue: "CRIT-001" })).items), ["REP-2"]);
  }),

  storeCase("what was learned is replaced whole and comes back after a reopen, by id", async (place) => {
    const write = await writer(place.store);
    equal(await place.store.learned(), []);
    await write({ at: 1, learned: [sampleLearned("b"), sampleLearned("a")] });
    const last = sampleLearned("b", { at: 2, state: [1.5, { deep: [null, true] }] });
    await write({ at: 2, learned: [last] });
    equal(await place.store.learned(), [sampleLearned("a"), last]);
    const again = await place.reopen();
    await again.open();
    equal(await again.learned(), [sampleLearned("a"), last]);
  }),

  storeCase("runs of drills are replaced whole and listed newest first, by drill and by time", async (place) => {
    const write = await writer(place.store);
    await write({
      at: 1,
      drillRuns: [
        sampleDrillRun("DRILL-a", { startedAt: 10, state: "running", endedAt: null }),
        sampleDrillRun("DRILL-b", { startedAt: 30 }),
        sampleDrillRun("DRILL-c", { startedAt: 20, drill: "CRIT-001" }),
      ],
    });
    const ended = sampleDrillRun("DRILL-a", { startedAt: 10, state: "failed", error: "it did not come up" });
    await write({ at: 2, drillRuns: [ended] });
    const again = await place.reopen();
    await again.open();
    equal(await again.drillRun("DRILL-a"), ended);
    equal(await again.drillRun("DRILL-z"), null);
    equal(ids((await again.drillRuns({})).items), ["DRILL-b", "DRILL-c", "DRILL-a"]);
    equal(ids((await again.drillRuns({ drill: "MED-003" })).items), ["DRILL-b", "DRILL-a"]);
    equal(ids((await again.drillRuns({ from: 20, to: 30 })).items), ["DRILL-c"]);
    const first = await again.drillRuns({ limit: 2 });
    equal(ids((await again.drillRuns({ limit: 2, after: first.next })).items), ["DRILL-a"]);
  }),

  {
    name: "random commits, reopens and queries agree with the reference model",
    run: randomWorkload,
  },
];

function storeCase(name: string, check: (place: StoreUnderTest) => Promise<void>): StoreCase {
  return {
    name,
    async run(open) {
      const place = await open();
      try {
        await check(place);
      } finally {
        await place.close();
      }
    },
  };
}

/** Opens a store and returns a function that commits with the next sequence. */
async function writer(store: Store): Promise<(changes: Changes) => Promise<void>> {
  const opened: Opened = await store.open();
  let { sequence } = opened;
  return (changes) => store.commit({ epoch: opened.epoch, sequence: ++sequence }, changes);
}

function everything(): Changes {
  return {
    at: 1_000,
    issues: [sampleIssue("CRIT-001")],
    incidents: [sampleIncident("INC-1")],
    repairs: [sampleRepair("REP-1")],
    transitions: [sampleTransition("T1")],
    signals: [sampleSignal("s1")],
    series: [sampleSeriesPoint()],
    tallies: [sampleTally()],
    settings: sampleSettings,
    numbers: { CRIT: 1 },
    standings: [sampleStanding("restart")],
    notifications: [sampleNotification("n1")],
    comments: [sampleComment("C1")],
    learned: [sampleLearned("metric api cpuShare")],
    drillRuns: [sampleDrillRun("DRILL-1")],
    alerts: [sampleAlert("escalation:INC-1")],
    silences: [sampleSilence("S1")],
    outside: [sampleOutside("alertmanager:1")],
    tokens: [sampleToken("K1")],
  };
}

async function holdsEverything(store: Store): Promise<void> {
  const all = everything();
  equal(
    {
      at: 1_000,
      issues: [await store.issue("CRIT-001")],
      incidents: [await store.incident("INC-1")],
      repairs: [await store.repair("REP-1")],
      transitions: (await store.transitions({})).items,
      signals: (await store.signals({})).items,
      series: await store.series({ target: "api", from: 0, to: dayMs }),
      tallies: await store.tallies({ from: 0, to: dayMs }),
      comments: await store.comments("CRIT-001"),
      learned: await store.learned(),
      drillRuns: [await store.drillRun("DRILL-1")],
    },
    {
      ...all,
      settings: undefined,
      numbers: undefined,
      standings: undefined,
      notifications: undefined,
      alerts: undefined,
      silences: undefined,
      outside: undefined,
      tokens: undefined,
    },
  );
  equal(
    [await store.issue("nobody"), await store.incident("nobody"), await store.repair("nobody")],
    [null, null, null],
  );
  equal((await store.issueByFingerprint("api crash CRIT-001"))?.id, "CRIT-001");
}

async function refused(code: StoreFault, work: Promise<unknown>): Promise<void> {
  const error: unknown = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  assert(error instanceof StoreError, `expected a StoreError "${code}", got ${String(error)}`);
  equal(error.code, code);
}

async function invalid(field: string, work: Promise<unknown>): Promise<void> {
  const error: unknown = await work.then(
    () => null,
    (reason: unknown) => reason,
  );
  assert(error instanceof InvalidInputError, `expected ${field} to be refused, got ${String(error)}`);
  equal(error.field, field);
}

function ids(rows: readonly { readonly id: string }[]): string[] {
  return rows.map((row) => row.id);
}
