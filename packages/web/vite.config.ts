// Builds the UI into static files: no inline script or style (the Content-Security-Policy forbids both), nothing from other
// origins, charts and dialogs in files of their own that are loaded when needed.
import { defineConfig } from "vite";

export default defineConfig({
  root: import.meta.dirname,
  appType: "spa",
  oxc: { jsx: { runtime: "automatic" } },
  build: {
    target: "es2023",
    modulePreload: { polyfill: false },
    // A data: URI would be fine for pictures, but one rule for all files is easier to check.
    assetsInlineLimit: 0,
    cssCodeSplit: true,
    reportCompressedSize: false,
    manifest: "manifest.json",
    rolldownOptions: {
      onLog(level, log, handle) {
        // "use client" means nothing in a page that is all client.
        if (log.code !== "MODULE_LEVEL_DIRECTIVE") handle(level, log);
      },
    },
  },
  clearScreen: false,
  logLevel: "warn",
});
