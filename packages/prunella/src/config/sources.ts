// `sources:`, `monitoring:` and the `scrape:` of targets: what others may send, what is fetched, and what is sent out.
import type { MonitoringPlan, ScrapePlan, SourcesPlan } from "@prunella/adapters";
import type { Cursor } from "./cursor.ts";
import { isHttp, secretMap, secretOf, urlSecret } from "./notify.ts";
import { keysOf } from "./schema.ts";
import { duration } from "./units.ts";

const hour = 3_600_000;
/** Sentry projects, and targets that are scraped. */
export const projectsMax = 500;
export const scrapesMax = 500;

export function readSources(root: Cursor, names: readonly string[], folder: string): SourcesPlan {
  const cursor = root.at("sources");
  cursor.only(keysOf("sources"));
  const known = (field: Cursor): string => {
    const name = field.text("") ?? "";
    if (!names.includes(name.split("/")[0] ?? ""))
      field.problem(`names ${name}, which is neither a service nor a target`, `known: ${names.join(", ")}`);
    return name;
  };
  const sentry = cursor
    .at("sentry")
    .items()
    .slice(0, projectsMax)
    .map((item) => {
      item.only(keysOf("sentry-project"));
      const project = item.at("project").text("") ?? "";
      if (!/^\d{1,20}$/.test(project))
        item.at("project").problem("must be a number", "write for example 1; it ends the DSN");
      if (!item.at("key").exists) item.at("key").problem("is missing", "make one: openssl rand -hex 16");
      return { project, key: secretOf(item.at("key"), folder), target: known(item.at("target")) };
    });
  const services = Object.fromEntries(
    cursor
      .at("services")
      .entries()
      .map(([name, field]) => [name, known(field)]),
  );
  return { sentry, services, scrapes: readScrapes(root, folder) };
}

function readScrapes(root: Cursor, folder: string): ScrapePlan[] {
  return [...root.at("services").entries(), ...root.at("targets").entries()]
    .flatMap(([target, cursor]) => {
      const field = cursor.isMap ? cursor.at("scrape") : cursor;
      if (!cursor.isMap || !field.exists) return [];
      if (field.isMap) field.only(keysOf("scrape"));
      const url = (field.isMap ? field.at("url") : field).text("") ?? "";
      if (!isHttp(url))
        field.problem("must be an http or https URL", "write for example http://127.0.0.1:9100/metrics");
      const everyMs = field.at("every").measure(duration, 15_000, 1_000, hour, "15s");
      const timeoutMs = Math.min(everyMs, field.at("timeout").measure(duration, 5_000, 100, hour, "5s"));
      return [{ target, url, everyMs, timeoutMs, headers: secretMap(field.at("headers"), folder) }];
    })
    .slice(0, scrapesMax);
}

export function readMonitoring(cursor: Cursor, folder: string): MonitoringPlan {
  cursor.only(keysOf("monitoring"));
  const deadman = cursor.at("deadman");
  const loki = cursor.at("loki");
  if (deadman.isMap && deadman.at("url").exists) deadman.only(keysOf("deadman"));
  if (loki.isMap) loki.only(keysOf("loki"));
  return {
    deadman: deadman.exists
      ? {
          url: urlSecret(deadman.isMap ? deadman.at("url") : deadman, folder),
          everyMs: deadman.at("every").measure(duration, 60_000, 1_000, 24 * hour, "1m"),
        }
      : null,
    loki: loki.exists
      ? {
          url: urlSecret(loki.isMap ? loki.at("url") : loki, folder),
          headers: secretMap(loki.at("headers"), folder),
          labels: loki.at("labels").textMap(),
        }
      : null,
  };
}
