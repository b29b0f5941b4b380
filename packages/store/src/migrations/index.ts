import type { Migration } from "kysely/migration";
import * as records from "./0001-records.ts";
import * as learned from "./0002-learned.ts";
import * as alerting from "./0003-alerting.ts";
import * as drills from "./0004-drills.ts";
import * as latency from "./0005-latency.ts";
import * as web from "./0006-web.ts";
import * as tokens from "./0007-tokens.ts";

/** Forward only, each in one transaction, each depending on 0001 alone; never edited once released. */
export const migrations: Readonly<Record<string, Migration>> = {
  "0001-records": records,
  "0002-learned": learned,
  "0003-alerting": alerting,
  "0004-drills": drills,
  "0005-latency": latency,
  "0006-web": web,
  "0007-tokens": tokens,
};
