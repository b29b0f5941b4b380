// Secrets are blacked out wherever text of others is kept or shown.
import assert from "node:assert/strict";
import { test } from "node:test";
import { redact, secretValues } from "../src/index.ts";

const secrets: readonly string[] = [
  "password: hunter22",
  'DB_PASSWORD="hunter22"',
  '{"apiKey":"hunter22"}',
  "postgres://shop:hunter22@db/shop",
  "Authorization: Bearer hunter22hunter22",
  "token=hunter22;",
  "-----BEGIN RSA PRIVATE KEY-----\nhunter22\n-----END RSA PRIVATE KEY-----",
  "ghp_hunter22hunter22hunter22",
  "eyJhunter22.hunter22.hunter22",
];
for (const text of secrets)
  test(`${text.slice(0, 16)}… is blacked out`, () => assert.doesNotMatch(redact(`before ${text} after`), /hunter22/));

test("what is no secret stays as it is", () => {
  const text = "listening on http://localhost:8080/path?q=1 after 12 s; keys: 3";
  assert.equal(redact(text), text);
});

test("values of secret variables are hidden whatever they look like", () => {
  const known = secretValues({ SHOP_TOKEN: "plain-looking", HOME: "/home/shop" });
  assert.deepEqual(known, ["plain-looking"]);
  assert.equal(redact("it said plain-looking", known), "it said [hidden]");
});
