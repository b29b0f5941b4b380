// Sends injection strings as table and column names, to every database there is, and says what became of each.
// Argument: PROGRAM-URL. Prints JSON.
import process from "node:process";

const [url = ""] = process.argv.slice(2);
const effects = [
  "DROP TABLE customers",
  "DELETE FROM orders",
  "UPDATE orders SET amount = 0",
  "CREATE TABLE owned (a INTEGER)",
  "INSERT INTO orders VALUES (99, 99)",
];
const strings = new Set<string>();
for (const effect of effects) {
  for (const before of [
    "orders",
    "id FROM orders",
    "1",
    "*",
    "orders WHERE 1=1",
    "(SELECT 1)",
    "orders o",
    '"orders"',
    "orders AS o",
    "main.orders",
  ]) {
    strings.add(`${before}; ${effect}`);
    strings.add(`${before}; ${effect}; --`);
    strings.add(`${before};/**/${effect}/**/;`);
  }
  strings.add(`orders\n;\n${effect}`);
  strings.add(`orders\u0000; ${effect}`);
}
for (const each of [
  "orders --",
  "orders /* comment */",
  "orders UNION SELECT secret FROM customers",
  "orders UNION ALL SELECT secret FROM customers --",
  "(SELECT secret FROM customers)",
  "customers, orders",
  "orders, customers",
  "secret FROM customers --",
  "* FROM customers --",
  "1 FROM orders; --",
  '"orders"',
  "[orders]",
  "`orders`",
  "'orders'",
  'orders"',
  "orders'",
  "orders`",
  '"orders"" ; DROP TABLE customers; --"',
  "orders\\",
  "ｏｒｄｅｒｓ",
  "оrders",
  "ordеrs",
  "orders\u200b",
  "orders\u00a0",
  "\u202eorders",
  "orders\u037e DROP TABLE customers",
  "orders； DROP TABLE customers",
  "select",
  "SELECT",
  "Table",
  "where",
  "from",
  "union",
  "order",
  "group",
  "user",
  "drop",
  "",
  " ",
  "1orders",
  "orders id",
  "orders.id",
  "public.orders",
  "pg_catalog.pg_tables; DROP TABLE orders",
  "orders OR 1=1",
  "orders LIMIT 1",
  "orders/**/",
  "orders%00",
  "orders%3B",
  "$1",
  "?",
  ":id",
  "@id",
  "id, (SELECT secret FROM customers)",
  "id||secret",
  "count(*)",
  "pg_sleep(5)",
  "randomblob(100)",
  "load_extension('x')",
  "CASE WHEN 1 THEN 1 END",
  "orders\tWHERE 1",
  "orders\rWHERE 1",
  "orders;",
  ";",
  "--",
  "/*",
  "*/",
  "a".repeat(64),
  "a".repeat(5_000),
  "orders-1",
  "orders+1",
  "orders*2",
  "(orders)",
  "{orders}",
  "ordersé",
  "名",
])
  strings.add(each);

const { postgres } = (await (await fetch(`${url}/state`)).json()) as { postgres: boolean };
const before = await fingerprint();
let sent = 0;
let refused = 0;
let serverErrors = 0;
const passed: string[] = [];
for (const database of postgres ? ["sqlite", "postgres"] : ["sqlite"])
  for (const text of strings)
    for (const body of [
      { database, table: text, column: "id" },
      { database, table: "orders", column: text },
    ]) {
      const response = await fetch(`${url}/rows`, {
        method: "POST",
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(10_000),
      });
      sent += 1;
      await response.text();
      if (response.status === 422) refused += 1;
      else if (passed.length < 5) passed.push(text.slice(0, 100));
      if (response.status >= 500) serverErrors += 1;
    }
const after = await fingerprint();
const good = await fetch(`${url}/rows`, {
  method: "POST",
  body: JSON.stringify({ database: "sqlite", table: "orders", column: "id" }),
});
const state = (await (await fetch(`${url}/state`)).json()) as { refused: number };
process.stdout.write(
  JSON.stringify({
    strings: strings.size,
    databases: postgres ? 2 : 1,
    sent,
    notRefused: sent - refused,
    passed,
    serverErrors,
    unchanged: before === after,
    counterOff: state.refused - sent,
    goodNameStillWorks: good.status === 200,
  }),
);

async function fingerprint(): Promise<string> {
  return ((await (await fetch(`${url}/fingerprint`)).json()) as { fingerprint: string }).fingerprint;
}
