export * from "./issues-markdown.ts";
export * from "./report-markdown.ts";
export * from "./report-html.ts";
