// The first schema. Indexes that serve an issue list carry the filter columns too, so that a filter which few rows pass
// is decided within the index and a page of 100,000 issues stays fast.
import { sql, type Kysely } from "kysely";

const stored = "seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, ord TEXT NOT NULL";
const filters = "status, severity, selfHealing, needsPerson, kind, target";

const statements = [
  `CREATE TABLE meta (seq INTEGER PRIMARY KEY CHECK (seq = 1), epoch INTEGER NOT NULL, sequence INTEGER NOT NULL,
     lastAt REAL NOT NULL, settings TEXT)`,
  "INSERT INTO meta (seq, epoch, sequence, lastAt, settings) VALUES (1, 0, 0, 0, NULL)",

  `CREATE TABLE issues (${stored}, fingerprint TEXT NOT NULL, target TEXT NOT NULL, kind TEXT NOT NULL,
     severity INTEGER NOT NULL, status TEXT NOT NULL, selfHealing TEXT NOT NULL, needsPerson INTEGER NOT NULL,
     occurrences INTEGER NOT NULL, firstSeen REAL NOT NULL, lastSeen REAL NOT NULL, words TEXT NOT NULL, body TEXT NOT NULL)`,
  "CREATE INDEX issuesByFingerprint ON issues (fingerprint, lastSeen, ord)",
  "CREATE INDEX issuesByTarget ON issues (target, lastSeen, ord)",
  `CREATE INDEX issuesByLastSeen ON issues (lastSeen, ord, ${filters})`,
  `CREATE INDEX issuesByFirstSeen ON issues (firstSeen, ord, ${filters})`,
  `CREATE INDEX issuesBySeverity ON issues (severity, ord, ${filters})`,
  `CREATE INDEX issuesByOccurrences ON issues (occurrences, ord, ${filters})`,
  `CREATE INDEX issuesById ON issues (ord, ${filters})`,
  "CREATE INDEX issuesLive ON issues (lastSeen, ord) WHERE status <> 'fixed' AND status <> 'ignored'",

  `CREATE TABLE incidents (${stored}, issue TEXT NOT NULL, target TEXT NOT NULL, state TEXT NOT NULL,
     detectedAt REAL NOT NULL, body TEXT NOT NULL)`,
  "CREATE INDEX incidentsByTime ON incidents (detectedAt, ord, state)",
  "CREATE INDEX incidentsByIssue ON incidents (issue, detectedAt, ord)",
  "CREATE INDEX incidentsByTarget ON incidents (target, detectedAt, ord)",
  "CREATE INDEX incidentsLive ON incidents (ord) WHERE state <> 'ended'",

  `CREATE TABLE repairs (${stored}, issue TEXT NOT NULL, incident TEXT NOT NULL, target TEXT NOT NULL, remedy TEXT NOT NULL,
     state TEXT NOT NULL, createdAt REAL NOT NULL, endedAt REAL, body TEXT NOT NULL)`,
  "CREATE INDEX repairsByTime ON repairs (createdAt, ord, state, remedy)",
  "CREATE INDEX repairsByIssue ON repairs (issue, createdAt, ord)",
  "CREATE INDEX repairsByIncident ON repairs (incident, createdAt, ord)",
  "CREATE INDEX repairsByTarget ON repairs (target, createdAt, ord)",
  "CREATE INDEX repairsLive ON repairs (ord) WHERE state <> 'ended'",
  "CREATE INDEX repairsEnded ON repairs (endedAt) WHERE endedAt IS NOT NULL",

  `CREATE TABLE transitions (${stored}, issue TEXT, incident TEXT, target TEXT, at REAL NOT NULL, body TEXT NOT NULL)`,
  "CREATE INDEX transitionsByTime ON transitions (at, ord)",
  "CREATE INDEX transitionsByIssue ON transitions (issue, at, ord)",
  "CREATE INDEX transitionsByIncident ON transitions (incident, at, ord)",
  "CREATE INDEX transitionsByTarget ON transitions (target, at, ord)",

  `CREATE TABLE signals (${stored}, target TEXT NOT NULL, type TEXT NOT NULL, at REAL NOT NULL, body TEXT NOT NULL)`,
  "CREATE INDEX signalsByTime ON signals (at, ord, type)",
  "CREATE INDEX signalsByTarget ON signals (target, at, ord, type)",

  "CREATE TABLE seriesNames (seq INTEGER PRIMARY KEY, target TEXT NOT NULL, metric TEXT NOT NULL, UNIQUE (target, metric))",
  `CREATE TABLE series (seq INTEGER PRIMARY KEY, name INTEGER NOT NULL, at REAL NOT NULL, min REAL NOT NULL, mean REAL NOT NULL,
     max REAL NOT NULL, last REAL NOT NULL, count INTEGER NOT NULL, UNIQUE (name, at))`,
  "CREATE INDEX seriesByTime ON series (at)",

  `CREATE TABLE tallies (seq INTEGER PRIMARY KEY, target TEXT NOT NULL, hour REAL NOT NULL, watchedMs REAL NOT NULL,
     goodMs REAL NOT NULL, requests REAL NOT NULL, errors REAL NOT NULL, UNIQUE (target, hour))`,
  "CREATE INDEX talliesByHour ON tallies (hour, target)",

  "CREATE TABLE standings (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, body TEXT NOT NULL)",
  `CREATE TABLE notifications (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, dueAt REAL NOT NULL, deliveredAt REAL,
     body TEXT NOT NULL)`,
  "CREATE INDEX notificationsDue ON notifications (dueAt, id) WHERE deliveredAt IS NULL",
  "CREATE INDEX notificationsDelivered ON notifications (deliveredAt) WHERE deliveredAt IS NOT NULL",
  `CREATE TABLE comments (${stored}, issue TEXT NOT NULL, at REAL NOT NULL, body TEXT NOT NULL)`,
  "CREATE INDEX commentsByIssue ON comments (issue, at, ord)",
  "CREATE TABLE numbers (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, number INTEGER NOT NULL)",
];

export async function up(database: Kysely<unknown>): Promise<void> {
  for (const statement of statements) await sql.raw(statement).execute(database);
}
