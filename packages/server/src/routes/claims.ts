// Issues of somebody else's report come in as claims, and all issues go out in the same form.
import { Claim, Imported } from "@prunella/contract";
import { claimOf, claimsMax, type Claim as ClaimRecord, type Issue } from "@prunella/core";
import { Type } from "typebox";
import { actorOf } from "../access.ts";
import type { App } from "../app.ts";
import type { ServerOptions } from "../host.ts";
import { RequestError } from "../problem.ts";
import { allIssues, claimJson } from "../translate/index.ts";
import { answers, closed, optional } from "./shared.ts";

export function claimRoutes(app: App, options: ServerOptions): void {
  const { engine, store } = options;
  app.post(
    "/issues/import",
    {
      schema: {
        ...answers("issues", "File issues of another report as claims, under the ids they have there", Imported),
        body: closed({ issues: Type.Array(Claim, { maxItems: claimsMax }) }),
      },
    },
    async (request) => {
      const done = await engine.command({
        type: "import",
        by: actorOf(request),
        claims: request.body.issues as readonly ClaimRecord[],
      });
      return { rows: done.rows ?? [], message: done.message };
    },
  );
  app.get(
    "/issues/export",
    {
      schema: {
        ...answers(
          "issues",
          "All issues in the form that import takes, as JSON or Markdown",
          Type.Object({ issues: Type.Array(Claim) }),
        ),
        querystring: closed({ format: optional(Type.Union([Type.Literal("json"), Type.Literal("markdown")])) }),
      },
    },
    async ({ query }, reply) => {
      const issues = (await allIssues(store, { sort: "id", descending: false }))
        .filter((issue) => issue.mergedInto === null)
        .map(asClaim)
        .map(claimJson);
      if (query.format !== "markdown") return { issues };
      if (options.render === undefined)
        throw new RequestError(501, "format: markdown is not made here; ask for json", { field: "format" });
      reply.header("content-type", "text/markdown; charset=utf-8");
      return reply.serializer((value) => String(value)).send(options.render.issues(issues));
    },
  );
}

/** What was imported goes out as it came; what was found goes out as it stands. */
function asClaim(issue: Issue): ClaimRecord {
  const oneLine = (text: string): string => text.replaceAll(/\s+/g, " ").trim().slice(0, 1_000);
  return (
    claimOf(issue) ?? {
      id: issue.id,
      severity: issue.severity,
      title: oneLine(issue.title),
      status: issue.status,
      selfHealing: issue.selfHealing,
      rootCause: issue.rootCause === null ? null : oneLine(issue.rootCause),
      solution: issue.solution === null ? null : oneLine(issue.solution),
      sections: {},
    }
  );
}
