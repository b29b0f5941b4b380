// `drills:` of prunella.yaml: which drills run by themselves and when. A drill of the catalogue runs in a world of its own; an
// experiment of the user's reaches this one, so each says when it may and what it proves.
import type { DrillPlan } from "@prunella/adapters";
import { failureModes } from "@prunella/catalogue";
import { drillStaleMs } from "@prunella/core";
import { Cron } from "croner";
import { existsSync } from "node:fs";
import path from "node:path";
import type { Cursor } from "./cursor.ts";
import { keysOf } from "./schema.ts";
import { duration } from "./units.ts";

/** Scheduled drills of one configuration. */
export const drillPlansMax = 100;

export function readDrills(cursor: Cursor, folder: string, remedies: readonly string[]): DrillPlan[] {
  const items = cursor.items();
  if (items.length > drillPlansMax)
    cursor.problem(`holds ${items.length} entries, more than ${drillPlansMax}`, "drop some");
  return items.slice(0, drillPlansMax).flatMap((item) => {
    item.only(keysOf("drill"));
    const run = item.at("run").text();
    const file = item.at("experiment").text();
    if ((run === null) === (file === null)) {
      item.problem("must name either run or experiment", "write run: CRIT-001, or experiment: ./file.json");
      return [];
    }
    if (run !== null && !failureModes.some((mode) => mode.id === run))
      item.at("run").problem(`names ${run}, which is no drill of the catalogue`, "prunella drill lists them");
    const experiment = file === null ? null : path.resolve(folder, file);
    if (experiment !== null && !existsSync(experiment))
      item
        .at("experiment")
        .problem(`names a file that does not exist (${experiment})`, "create it or correct the path");
    const cron = item.at("cron").text("") ?? "";
    const timezone = item.at("timezone").text();
    try {
      const pattern = new Cron(cron, { ...(timezone === null ? {} : { timezone }), paused: true });
      pattern.stop();
    } catch (error) {
      item
        .at("cron")
        .problem(
          `cannot be read (${error instanceof Error ? error.message : String(error)})`,
          'write minute, hour, day, month, weekday, such as "0 3 * * 2"',
        );
      return [];
    }
    const proves = item.at("remedies").texts();
    for (const name of proves)
      if (!remedies.includes(name))
        item.at("remedies").problem(`names ${name}, which is no remedy`, `known: ${remedies.join(", ")}`);
    return [
      {
        drill: run ?? path.basename(experiment ?? ""),
        experiment,
        cron,
        timezone,
        window: readWindow(item.at("window")),
        remedies: proves,
        staleMs: item.at("stale").measure(duration, drillStaleMs, 60_000, 3_650 * 86_400_000, "30d"),
      },
    ];
  });
}

function readWindow(field: Cursor): DrillPlan["window"] {
  const text = field.text();
  if (text === null) return null;
  const match = /^([01]?\d|2[0-3]):([0-5]\d)\s*-\s*([01]?\d|2[0-4]):([0-5]\d)$/.exec(text.trim());
  if (match === null) {
    field.problem(`is not a window of time (${text})`, 'write for example "02:00-05:00"');
    return null;
  }
  const [fromHour, fromMinute, toHour, toMinute] = match.slice(1).map(Number);
  return {
    fromMinute: (fromHour ?? 0) * 60 + (fromMinute ?? 0),
    toMinute: (toHour ?? 0) * 60 + (toMinute ?? 0),
  };
}
