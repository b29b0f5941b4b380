// Fails with a remedy, instead of a syntax error, when a script runs under a Node too old for it.
import process from "node:process";

/** Exits with status 2 and a remedy unless this is Node 24.16+ (below 25) or 26.1+. */
export function requireNode(): void {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  if ((major === 24 && minor >= 16) || (major === 26 && minor >= 1) || major > 26) return;
  console.error(
    `Prunella needs Node 24.16 or newer; this is ${process.version}.\n` +
      `Start it through npm (npm start, npm test), which uses the Node that npm ci installed, or put node_modules/.bin first on PATH.`,
  );
  process.exit(2);
}
