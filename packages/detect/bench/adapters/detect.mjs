// The package for the adapters: its sources where Node runs TypeScript as it is, else what `npm run build:adapters` made.
import process from "node:process";

async function built() {
  try {
    return await import("../../dist/index.js");
  } catch (error) {
    if (error.code !== "ERR_MODULE_NOT_FOUND") throw error;
    const message = `Node ${process.versions.node} runs no TypeScript and there is no build: run npm run build:adapters`;
    throw new Error(message, { cause: error });
  }
}

export const detect = process.features.typescript ? await import("../../src/index.ts") : await built();
