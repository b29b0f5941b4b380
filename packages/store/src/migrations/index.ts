import type { Migration } from "kysely/migration";
import * as records from "./0001-records.ts";
import * as learned from "./0002-learned.ts";
import * as alerting from "./0003-alerting.ts";
import * as drills from "./0004-drills.ts";
import * as latency from "./0005-latency.ts";

/** Forward only, applied in the order of their names, each in one transaction; never edited once released. */
export const migrations: Readonly<Record<string, Migration>> = {
  "0001-records": records,
  "0002-learned": learned,
  "0003-alerting": alerting,
  "0004-drills": drills,
  "0005-latency": latency,
};
