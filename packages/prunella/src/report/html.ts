// HTML from text that may come from anywhere: a template whose every value is escaped.
export function escapeHtml(value: string): string {
  return value.replaceAll(
    /[&<>"'`]|[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g,
    (char) => entities[char] ?? "\ufffd",
  );
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
  "`": "&#96;",
};

export function html(parts: TemplateStringsArray, ...values: readonly (string | number)[]): string {
  return parts.reduce((out, part, at) => out + (at === 0 ? "" : escapeHtml(String(values[at - 1] ?? ""))) + part, "");
}
