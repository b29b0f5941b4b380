// The command line against a real Prunella, and against what it left behind.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { test } from "node:test";
import { freePorts, rest, root, scratch, startProduct } from "../../../tools/product/harness.ts";

const bin = path.join(root, "packages/prunella/bin/prunella.mjs");
const document = `| ID | Severity | Issue | Status | Self-Healing | Root Cause | Solution |
| --- | --- | --- | --- | --- | --- | --- |
| MED-042 | Medium | Queue growth | âœ… Fixed | ðŸ”„ Planned | Unbounded queue | Bounded \\| drained |

### MED-042: Queue growth

**Verification:**

- âœ… shown elsewhere
`;

test("the records are told while it runs, and by the data folder alone after it ended", async () => {
  const [port = 0] = await freePorts(1);
  const folder = scratch("records");
  writeFileSync(
    path.join(folder, "service.js"),
    `require("http").createServer((q, r) => { r.end("ok"); if (q.url === "/exit") setTimeout(() => process.exit(3), 50); }).listen(${port}, "127.0.0.1", () => console.log("listens"));`,
  );
  const kept = mkdtempSync(path.join(tmpdir(), "prunella-kept-"));
  const data = path.join(kept, "data");
  const cli = (...words: string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [bin, "--data", words[0] ?? "", ...words.slice(1)], {
      encoding: "utf8",
      cwd: kept,
    });
    return { status, stdout, stderr };
  };
  const product = await startProduct(
    folder,
    `services:\n  service:\n    command: node service.js\n    check: http://127.0.0.1:${port}/\n    slo: { availability: 99%, errors: 2% }\nhttp: { port: 0 }\n`,
  );
  const live = path.join(folder, ".prunella");
  try {
    await product.healthy(90_000);
    await fetch(`http://127.0.0.1:${port}/exit`);
    for (let round = 0; round < 300; round += 1) {
      const { items } = await product.ask<{ items: { outcome: string | null }[] }>("/api/v1/incidents");
      if (items[0]?.outcome === "recovered") break;
      await rest(200);
    }
    const file = path.join(kept, "theirs.md");
    writeFileSync(file, document);
    const imported = cli(live, "issues", "import", file);
    assert.equal(imported.status, 0, imported.stderr);
    assert.match(imported.stdout, /3 places of damaged encoding/);
    assert.match(imported.stdout, /MED-042 +new +claimed fixed, kept as a claim; pending here/);
    assert.match(cli(live, "issues", "import", file).stdout, /MED-042 +unchanged/);

    const report = cli(live, "report", "--last", "1h");
    assert.equal(report.status, 0, report.stderr);
    assert.match(report.stdout, /\| CRIT-001 \|.*✅ Fixed.*INC-1: repaired .* and watched healthy \(\d{4}-/);
    assert.match(report.stdout, /\| MED-042 \|.*⏳ Pending.*claimed fixed; nothing here shows it \|/);
    const status = cli(live, "status");
    assert.equal(status.status, 0, status.stdout);
    assert.ok(status.stdout.split("\n").length <= 24);
    assert.match(cli(live, "complete", "--", "issues", "show", "M").stdout, /^MED-042\tQueue growth$/m);
    assert.match(cli(live, "slo").stdout, /98 % of requests without error/);
    assert.equal(cli(live, "top").status, 2);
  } finally {
    cpSync(live, data, { recursive: true, filter: (source) => !source.endsWith(".sock") });
    await product.stop();
  }
  try {
    rmSync(path.join(data, "control.json"), { force: true });
    const offline = cli(data, "issues", "--search", "queue");
    assert.equal(offline.status, 0, offline.stderr);
    assert.match(offline.stdout, /^MED-042 /);
    assert.match(offline.stderr, /no control plane runs; these are the records/);
    assert.match(cli(data, "logs", "service").stdout, /listens/);
    const html = path.join(kept, "report.html");
    assert.equal(cli(data, "report", "--format", "html", "--out", html).status, 0);
    assert.match(readFileSync(html, "utf8"), /^<!doctype html>[\s\S]*MED-042/);
    const first = cli(data, "issues", "export").stdout;
    assert.match(
      first,
      /\| MED-042 \| Medium \| Queue growth \| ✅ Fixed \| 🔄 Planned \| Unbounded queue \| Bounded \\\| drained \|/,
    );
    assert.equal(cli(data, "pause", "x").status, 3);
    assert.equal(cli(data, "issues", "--limit", "many").status, 2);
    assert.equal(cli(path.join(kept, "nowhere"), "status").status, 3);
  } finally {
    rmSync(kept, { recursive: true, force: true });
  }
});
