// Named tokens from the command line, against a real Prunella that demands one.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { test } from "node:test";
import { rest, root, scratch, startProduct } from "../../../tools/product/harness.ts";

const bin = path.join(root, "packages/prunella/bin/prunella.mjs");

test("a token is made, printed once, opens what its scope says, and is revoked", async () => {
  const folder = scratch("tokens");
  const own = path.join(folder, "token");
  writeFileSync(own, "the-token-of-the-owner-of-this\n", { mode: 0o600 });
  writeFileSync(path.join(folder, "service.js"), "setInterval(() => {}, 1000);");
  const cli = (token: string, ...words: string[]) => {
    const options = ["--data", path.join(folder, ".prunella"), "--token", token];
    const { status, stdout, stderr } = spawnSync(process.execPath, [bin, ...options, ...words], { encoding: "utf8" });
    return { status, stdout, stderr };
  };
  const product = await startProduct(
    folder,
    `services:\n  service:\n    command: node service.js\nhttp: { port: 0, token: ${own} }\n`,
  );
  try {
    for (let round = 0; round < 300 && cli(own, "tokens").status === 3; round += 1) await rest(100);
    const none = cli(own, "tokens");
    assert.match(none.stdout, /^no named tokens$/m, none.stderr);
    const made = cli(own, "tokens", "create", "anna", "--scope", "read", "--for", "90d");
    assert.equal(made.status, 0, made.stderr);
    assert.match(made.stdout, /^prunella_[\w-]{43}\n$/, "the output is the token and nothing else");
    assert.match(made.stderr, /token K1 of anna holds until \d{4}-.*, with the scope read; it is not shown again/);
    const hers = path.join(folder, "anna.token");
    writeFileSync(hers, made.stdout, { mode: 0o600 });

    assert.equal(cli(hers, "targets").status, 0);
    const refused = cli(hers, "pause", "lunch");
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /takes a token with the scope operate, and the one of anna has read/);
    assert.match(cli(own, "tokens").stdout, /^K1 +anna +read +until \d{4}-\S+ +used \d{4}-\S+ +made by person:/m);
    assert.equal(cli(own, "tokens", "create", "anna").status, 1, "the name is taken");
    assert.equal(cli(own, "tokens", "create", "bert", "--scope", "root").status, 2);
    assert.equal(cli(own, "tokens", "create", "bert", "--for", "ever").status, 2);

    assert.match(cli(own, "tokens", "revoke", "anna").stdout, /token K1 of anna is revoked/);
    assert.match(cli(hers, "targets").stderr, /missing, wrong or over/);
  } finally {
    await product.stop();
  }
});
