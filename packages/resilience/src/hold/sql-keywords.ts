// Words that an identifier must not be. SQLite: all of its keywords (sqlite.org/lang_keywords.html). PostgreSQL: those
// reserved, and those that cannot be a column or function name (PostgreSQL documentation, appendix C). In lower case, which
// is a seventh smaller when compressed than capitals among the rest of the package.

const both = `all analyze and as asc between case cast check collate column constraint create cross current_date current_time
  current_timestamp default deferrable desc distinct do else end except exists for foreign from full group having in
  initially inner intersect into is isnull join left like limit natural not notnull null offset on or order outer
  primary references returning right row select table then to union unique using values when where window with`;
const sqlite = `abort action add after alter always attach autoincrement before begin by cascade commit conflict current database
  deferred delete detach drop each escape exclude exclusive explain fail filter first following generated glob groups
  if ignore immediate index indexed insert instead key last match materialized no nothing nulls of others over
  partition plan pragma preceding query raise range recursive regexp reindex release rename replace restrict rollback
  rows savepoint set temp temporary ties transaction trigger unbounded update vacuum view virtual without`;
const postgres = `analyse any array asymmetric authorization bigint binary bit boolean both char character coalesce collation
  concurrently current_catalog current_role current_schema current_user dec decimal extract false fetch float freeze
  grant greatest grouping ilike inout int integer interval json json_array json_arrayagg json_exists json_object
  json_objectagg json_query json_scalar json_serialize json_table json_value lateral leading least localtime
  localtimestamp merge_action national nchar none normalize nullif numeric only out overlaps overlay placing position
  precision real session_user setof similar smallint some substring symmetric system_user tablesample time timestamp
  trailing treat trim true user varchar variadic verbose xmlattributes xmlconcat xmlelement xmlexists xmlforest
  xmlnamespaces xmlparse xmlpi xmlroot xmlserialize xmltable`;

const words = (own: string): ReadonlySet<string> => new Set(`${both} ${own}`.split(/\s+/));

export const keywords: Readonly<Record<"sqlite" | "postgres", ReadonlySet<string>>> = /* @__PURE__ */ (() => ({
  sqlite: words(sqlite),
  postgres: words(postgres),
}))();
