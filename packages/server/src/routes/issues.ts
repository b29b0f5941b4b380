// Issues: the list with its filters, one issue with all that belongs to it, and what people may do with it.
import {
  Comment,
  Explanation,
  Incident,
  Issue,
  IssueDrill,
  IssueStatus,
  pageOf as pageSchema,
  SelfHealing,
  issueQueryCharactersMax,
  Severity,
  Transition,
} from "@prunella/contract";
import { chosen } from "../issue-filter.ts";
import {
  drillStaleMs,
  InvalidInputError,
  NotFoundError,
  remediesFor,
  type Issue as IssueRecord,
  type Snooze,
} from "@prunella/core";
import { Type } from "typebox";
import { actorOf } from "../access.ts";
import type { App } from "../app.ts";
import type { ScheduledDrill, ServerOptions } from "../host.ts";
import {
  commentJson,
  dryRun,
  explain,
  incidentJson,
  issueDrillJson,
  issueJson,
  pageOf,
  transitionJson,
} from "../translate/index.ts";
import {
  answers,
  closed,
  doneAnswer,
  idParams,
  listOf,
  optional,
  optionalBody,
  paging,
  present,
  text,
  why,
} from "./shared.ts";

const sorts = ["lastSeen", "firstSeen", "severity", "occurrences", "id"] as const;
const query = closed({
  ...paging,
  status: listOf(IssueStatus),
  severity: listOf(Severity),
  selfHealing: listOf(SelfHealing),
  target: optional(text(128)),
  kind: optional(text(64)),
  needsPerson: optional(Type.Boolean()),
  text: optional(Type.String({ maxLength: 400 })),
  q: optional(
    Type.String({
      maxLength: issueQueryCharactersMax,
      description: "is:open severity:critical target:api heal:failed words; adds to the other filters",
    }),
  ),
  sort: optional(Type.Union(sorts.map((each) => Type.Literal(each)))),
  descending: optional(Type.Boolean()),
});
const reason = closed({ why });
/** Runs looked at for what a drill says of an issue. */
const drillRunsLooked = 50;

export function issueRoutes(app: App, options: ServerOptions): void {
  const { engine, store, clock } = options;

  async function issueOf(id: string): Promise<IssueRecord> {
    const issue = engine.world.issues.get(id) ?? (await store.issue(id));
    if (issue === null || issue === undefined) throw new NotFoundError("issue", id);
    return issue;
  }

  /** The drill of the catalogue's row that it claims to be, and those on the schedule that prove one of its remedies. */
  async function drillsOf(issue: IssueRecord): Promise<ScheduledDrill[]> {
    const used = (await store.incidents({ issue: issue.id, limit: 20 })).items.map((incident) => incident.remedy);
    const target = engine.world.targets.get(issue.target);
    const fitting = target === undefined ? [] : remediesFor(issue, target, engine.context().remedies, clock.now());
    const remedies = new Set([...used, ...fitting.map((remedy) => remedy.name)]);
    const scheduled = (options.drills?.scheduled() ?? []).flatMap((each) => {
      const proved = each.remedies.filter((name) => remedies.has(name));
      return proved.length === 0 ? [] : [{ ...each, remedies: proved }];
    });
    const isClaim = issue.origin === "imported" && (options.drills?.modes ?? []).some((mode) => mode.id === issue.id);
    return [...(isClaim ? [{ drill: issue.id, remedies: [], staleMs: drillStaleMs }] : []), ...scheduled];
  }

  app.get(
    "/issues",
    { schema: { ...answers("issues", "Issues", pageSchema(Issue)), querystring: query } },
    async (request) => {
      const { sort, q, ...rest } = request.query;
      const filter = chosen(q, rest);
      return pageOf(
        await store.issues(present({ ...rest, ...filter, sort: sorts.find((each) => each === sort) })),
        issueJson,
      );
    },
  );
  app.get("/issues/:id", { schema: { ...answers("issues", "One issue", Issue), params: idParams } }, async (request) =>
    issueJson(await issueOf(request.params.id)),
  );
  app.get(
    "/issues/:id/incidents",
    {
      schema: {
        ...answers("issues", "Its incidents", pageSchema(Incident)),
        params: idParams,
        querystring: closed(paging),
      },
    },
    async (request) => {
      const { id } = await issueOf(request.params.id);
      return pageOf(await store.incidents(present({ issue: id, ...request.query })), incidentJson);
    },
  );
  app.get(
    "/issues/:id/drills",
    {
      schema: {
        ...answers(
          "issues",
          "Drills that prove what is done about it: of the mode it claims, and of its remedies by the schedule",
          pageSchema(IssueDrill),
        ),
        params: idParams,
      },
    },
    async (request) => {
      const issue = await issueOf(request.params.id);
      const items = [];
      for (const drill of await drillsOf(issue))
        items.push(
          issueDrillJson(
            drill,
            (await store.drillRuns({ drill: drill.drill, limit: drillRunsLooked })).items,
            clock.now(),
          ),
        );
      return { items, next: null };
    },
  );
  app.get(
    "/issues/:id/transitions",
    {
      schema: {
        ...answers("issues", "Its history", pageSchema(Transition)),
        params: idParams,
        querystring: closed(paging),
      },
    },
    async (request) => {
      const { id } = await issueOf(request.params.id);
      return pageOf(await store.transitions(present({ issue: id, ...request.query })), transitionJson);
    },
  );
  app.get(
    "/issues/:id/comments",
    { schema: { ...answers("issues", "Its comments, oldest first", pageSchema(Comment)), params: idParams } },
    async (request) => {
      const { id } = await issueOf(request.params.id);
      return { items: (await store.comments(id)).map(commentJson), next: null };
    },
  );
  app.get(
    "/issues/:id/explain",
    {
      schema: {
        ...answers(
          "issues",
          "What would run for it now, and which guard would stop it; with a remedy: what that one would do (dry run)",
          Explanation,
        ),
        params: idParams,
        querystring: closed({ remedy: optional(text(200)) }),
      },
    },
    async (request) => {
      const { remedy } = request.query;
      const issue = await issueOf(request.params.id);
      return remedy === undefined ? explain(engine, issue, clock.now()) : dryRun(engine, issue, remedy, clock.now());
    },
  );

  app.post(
    "/issues/:id/resolve",
    {
      schema: {
        ...doneAnswer("issues", "resolve it; with a release, for that release and later ones"),
        params: idParams,
        body: optionalBody(closed({ why, release: optional(text(200)) })),
      },
    },
    async (request) =>
      engine.command(
        present({
          type: "resolve" as const,
          by: actorOf(request),
          issue: request.params.id,
          why: request.body?.why ?? "",
          release: request.body?.release,
        }),
      ),
  );
  for (const type of ["ignore", "reopen"] as const)
    app.post(
      `/issues/:id/${type}`,
      { schema: { ...doneAnswer("issues", `${type} it`), params: idParams, body: optionalBody(reason) } },
      async (request) =>
        engine.command({ type, by: actorOf(request), issue: request.params.id, why: request.body?.why ?? "" }),
    );
  app.post(
    "/issues/:id/snooze",
    {
      schema: {
        ...doneAnswer("issues", "Let it sleep until a time, until so many more occurrences, or until it gets worse"),
        params: idParams,
        body: closed({
          until: optional(Type.String({ format: "date-time" })),
          forMs: optional(Type.Integer({ minimum: 1_000, maximum: 366 * 86_400_000 })),
          occurrences: optional(Type.Integer({ minimum: 1, maximum: 1_000_000 })),
          worse: optional(Type.Literal(true)),
          why,
        }),
      },
    },
    async (request) => {
      const issue = await issueOf(request.params.id);
      const snooze = snoozeOf(request.body, issue, clock.now());
      return engine.command({
        type: "snooze",
        by: actorOf(request),
        issue: issue.id,
        snooze,
        why: request.body.why ?? "",
      });
    },
  );
  app.post(
    "/issues/:id/assign",
    {
      schema: {
        ...doneAnswer("issues", "Give it to somebody; null: to nobody"),
        params: idParams,
        body: closed({ assignee: Type.Union([text(100), Type.Null()]) }),
      },
    },
    async (request) =>
      engine.command({
        type: "assign",
        by: actorOf(request),
        issue: request.params.id,
        assignee: request.body.assignee,
      }),
  );
  app.post(
    "/issues/:id/comments",
    { schema: { ...doneAnswer("issues", "Comment on it"), params: idParams, body: closed({ text: text(10_000) }) } },
    async (request) =>
      engine.command({ type: "comment", by: actorOf(request), issue: request.params.id, text: request.body.text }),
  );
  app.post(
    "/issues/:id/merge",
    {
      schema: { ...doneAnswer("issues", "Merge it into another"), params: idParams, body: closed({ into: text(80) }) },
    },
    async (request) =>
      engine.command({ type: "merge", by: actorOf(request), issue: request.params.id, into: request.body.into }),
  );
  app.post(
    "/issues/:id/unmerge",
    {
      schema: {
        ...doneAnswer("issues", "Let it stand for itself again"),
        params: idParams,
        body: optionalBody(closed({})),
      },
    },
    async (request) => engine.command({ type: "unmerge", by: actorOf(request), issue: request.params.id }),
  );
}

/** Worse is a higher severity, or twice its rate so far and at least ten occurrences an hour. */
function snoozeOf(
  body: {
    readonly until?: string;
    readonly forMs?: number;
    readonly occurrences?: number;
    readonly worse?: true;
  },
  issue: IssueRecord,
  now: number,
): Snooze {
  const given = [body.until, body.forMs, body.occurrences, body.worse].filter((each) => each !== undefined).length;
  if (given !== 1)
    throw new InvalidInputError("until", "is not named once", "name exactly one of until, forMs, occurrences, worse");
  if (body.until !== undefined) return { until: "time", at: Date.parse(body.until) };
  if (body.forMs !== undefined) return { until: "time", at: now + body.forMs };
  if (body.occurrences !== undefined)
    return { until: "occurrences", occurrences: issue.occurrences + body.occurrences };
  const hours = Math.max(1, (now - issue.firstSeen) / 3_600_000);
  return { until: "worse", severity: issue.severity, perHourMax: Math.max(10, (2 * issue.occurrences) / hours) };
}
