// The README's pictures, taken over from the last run of the browser suite: `npm test -- e2e`, then `npm run pictures`.
import { copyFileSync, existsSync, globSync } from "node:fs";
import path from "node:path";
import process from "node:process";

const root = path.resolve(import.meta.dirname, "..");
const taken = globSync(path.join(root, "packages/web/screenshots/readme-*.png"));
if (taken.length === 0) {
  process.stderr.write("packages/web/screenshots holds no readme-*.png; run npm test -- e2e first\n");
  process.exit(1);
}
for (const file of taken) {
  const to = path.join(root, "docs/pictures", path.basename(file).replace("readme-", ""));
  // A picture that no page shows would be kept for nobody.
  if (!existsSync(to))
    throw new Error(`${path.relative(root, to)} is not in use; name it in README.md and add it by hand`);
  copyFileSync(file, to);
  process.stdout.write(`${path.relative(root, to)}\n`);
}
