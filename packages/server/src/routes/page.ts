// "/": the built web UI when there is one, else a plain page rendered here, without script: is everything all right, what is
// being healed, what needs a person. The plain page is always at /plain too.
import fastifyStatic from "@fastify/static";
import type { Repair, Status, Target } from "@prunella/contract";
import { existsSync } from "node:fs";
import path from "node:path";
import { openToAll } from "../access.ts";
import type { App } from "../app.ts";
import type { ServerOptions } from "../host.ts";
import { html, type Html } from "../html.ts";
import { sendProblem } from "../problem.ts";
import { statusJson, targetJson, targetList } from "../translate/index.ts";

/** Targets listed on the plain page at most. */
const targetsShown = 300;

export async function pageRoutes(app: App, options: ServerOptions, startedAt: number): Promise<void> {
  const { engine, clock } = options;
  const plain = async (): Promise<string> => {
    const status = statusJson(options, { startedAt, storeBytes: 0 });
    const specs = targetList(engine).filter((spec) => spec.kind !== "self");
    const targets = specs.slice(0, targetsShown).map((spec) => targetJson(engine, spec, clock.now()));
    return page(status, targets, specs.length - targets.length).text;
  };
  app.get("/plain", { schema: { hide: true } }, async (_request, reply) =>
    reply.type("text/html; charset=utf-8").send(await plain()),
  );
  app.get("/plain.css", { schema: { hide: true } }, async (_request, reply) =>
    reply.type("text/css; charset=utf-8").header("cache-control", "max-age=3600").send(style),
  );
  const { web } = options;
  const built = (): string | null => {
    const index = web === undefined ? null : path.join(web, "index.html");
    return index !== null && existsSync(index) ? path.dirname(index) : null;
  };
  // The build may appear while the server runs (it is made at the first start from sources), so it is looked for each time.
  await app.register(fastifyStatic, { root: path.resolve(web ?? "."), serve: false, cacheControl: false });
  app.get("/", { schema: { hide: true }, config: openToAll }, async (request, reply) => {
    if (built() !== null) return reply.header("cache-control", "no-cache").sendFile("index.html");
    if (request.identity === null) return reply.code(401).type("text/plain; charset=utf-8").send(tokenNeeded);
    return reply.type("text/html; charset=utf-8").send(await plain());
  });
  // Built files carry a hash in their name; the page that names them is asked for anew each time.
  app.get("/assets/:file", { schema: { hide: true }, config: openToAll }, async (request, reply) => {
    const { file } = request.params as { readonly file: string };
    if (!/^[\w.-]+$/.test(file) || built() === null || !existsSync(path.join(web ?? "", "assets", file)))
      return sendProblem(reply, 404, "url: no such file of the UI; load the page anew", { field: "url" });
    return reply.header("cache-control", "public, max-age=31536000, immutable").sendFile(`assets/${file}`);
  });
  for (const file of ["theme.js", "icon.svg"])
    app.get(`/${file}`, { schema: { hide: true }, config: openToAll }, async (_request, reply) =>
      built() === null
        ? sendProblem(reply, 404, "url: the UI is not built; see /plain", { field: "url" })
        : reply.header("cache-control", "max-age=3600").sendFile(file),
    );
  // Addresses of the UI's own pages are all answered by its index.
  for (const place of places)
    app.get(place, { schema: { hide: true }, config: openToAll }, async (_request, reply) =>
      built() === null ? reply.redirect("/", 302) : reply.header("cache-control", "no-cache").sendFile("index.html"),
    );
}

/** The UI's own addresses; anything else is answered by 404. */
const places = ["issues", "approvals", "targets", "remedies", "drills", "report", "itself"].flatMap((place) => [
  `/${place}`,
  `/${place}/*`,
]);

const tokenNeeded =
  "A token is needed, and the page that asks for it is not built yet. Come back in a moment, or send it as `Authorization: Bearer TOKEN`.\n";

const verdicts: Readonly<Record<Status["verdict"], string>> = {
  "all-right": "All right",
  healing: "Healing",
  "needs-person": "Needs a person",
  paused: "Paused",
  degraded: "Prunella itself is not whole",
};

function page(status: Status, targets: readonly Target[], more: number): Html {
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta http-equiv="refresh" content="5" />
        <title>${verdicts[status.verdict]} · Prunella</title>
        <link rel="stylesheet" href="/plain.css" />
      </head>
      <body>
        <header>
          <h1>Prunella</h1>
          <p role="status" class="verdict ${status.verdict}">${verdicts[status.verdict]}</p>
          <p>${status.summary}</p>
        </header>
        <main>
          <section>
            <h2>Needs you</h2>
            ${status.needsPerson.length + status.approvals.length === 0 ? html`<p>Nothing.</p>` : ""}
            <ul>
              ${status.needsPerson.map(
                (issue) => html`<li><strong>${issue.id}</strong> ${issue.title}: ${issue.needsPerson}</li>`,
              )}
              ${status.approvals.map(
                (repair) =>
                  html`<li>
                    <strong>${repair.id}</strong> ${repair.remedy} on ${repair.target}: ${repair.plan.join(", then ")}
                    (<code>prunella repairs approve ${repair.id}</code>)
                  </li>`,
              )}
            </ul>
          </section>
          <section>
            <h2>Being healed</h2>
            ${status.healing.length === 0 ? html`<p>Nothing.</p>` : ""}
            <ul>
              ${status.healing.map(healing)}
            </ul>
          </section>
          <section>
            <h2>Targets</h2>
            <table>
              <thead>
                <tr>
                  <th scope="col">Target</th>
                  <th scope="col">State</th>
                  <th scope="col">Pid</th>
                  <th scope="col">Open issues</th>
                </tr>
              </thead>
              <tbody>
                ${targets.map(
                  (target) =>
                    html`<tr>
                      <td>${target.key}</td>
                      <td class="${target.state}">${target.state}</td>
                      <td>${target.pid}</td>
                      <td>${target.openIssues.join(", ")}</td>
                    </tr>`,
                )}
              </tbody>
            </table>
            ${more > 0 ? html`<p>and ${more} more: <code>prunella targets</code></p>` : ""}
          </section>
        </main>
        <footer>
          <p>
            <a href="/api/v1/report?format=html">Report</a> · <a href="/api/v1/issues">Issues</a> ·
            <a href="/api/v1/openapi.json">API</a> · <a href="/metrics">Metrics</a> · Prunella ${status.itself.version},
            ${status.at}
          </p>
        </footer>
      </body>
    </html>`;
}

function healing(repair: Repair): Html {
  return html`<li>
    <strong>${repair.id}</strong> ${repair.remedy} on ${repair.target}, ${repair.state}: ${repair.why}
  </li>`;
}

const style = `:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 0 auto; padding: 1rem; }
h1 { margin: 0; font-size: 1.2rem; }
h2 { font-size: 1rem; margin: 1.5rem 0 .25rem; }
.verdict { font-size: 2rem; font-weight: 700; margin: 0; }
.all-right, .healthy { color: light-dark(#0a6b2d, #58d07f); }
.healing, .starting, .paused { color: light-dark(#8a5200, #f0b24b); }
.needs-person, .degraded, .failing, .down { color: light-dark(#b3121d, #ff8a8a); }
table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .25rem .75rem .25rem 0; border-bottom: 1px solid light-dark(#ddd, #444); overflow-wrap: anywhere; }
`;
