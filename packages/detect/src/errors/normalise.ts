// Takes out of messages, file names and function names what differs from one occurrence to the next.

const messageCharactersMax = 8192;

// Order matters: the longer form first.
const replacements: readonly (readonly [RegExp, string])[] = [
  [/\b[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}\b/gi, "<uuid>"],
  [/\b[a-z][a-z\d+.-]{1,20}:\/\/[^\s"'<>)\]}]{1,2048}/gi, "<url>"],
  [/[\w.%+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}/g, "<email>"],
  [/\b\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:[.,]\d{1,9})?)?(?: ?(?:Z|[+-]\d{2}:?\d{2}))?)?/g, "<date>"],
  [
    /\b(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},? )?(?:\d{1,2} (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6} \d{4}|(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6} \d{1,2},?(?: \d{4})?) ?(?:\d{2}:\d{2}(?::\d{2})?)?/g,
    "<date>",
  ],
  [/\b\d{1,2}:\d{2}:\d{2}(?:[.,]\d{1,9})?\b/g, "<time>"],
  [/(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?::\d{1,5})?(?![\w.])/g, "<ip>"],
  [
    /(?<![\w:])(?:[\da-f]{1,4}:){3,7}[\da-f]{1,4}(?![\w:])|(?<![\w:])(?:[\da-f]{1,4}:){1,6}(?::[\da-f]{1,4}){1,6}(?![\w:])/gi,
    "<ip>",
  ],
  [/\b0x[\da-f]+\b/gi, "<hex>"],
  [/\b(?=[\da-f]{0,64}\d)(?=[\da-f]{0,64}[a-f])[\da-f]{7,64}\b/gi, "<hex>"],
  [
    /\b(?:[A-Za-z]+[_-])?(?=[A-Za-z\d]{0,40}\d[A-Za-z]{0,40}\d)(?=[A-Za-z\d]{0,40}[A-Za-z])[A-Za-z\d]{12,64}\b/g,
    "<id>",
  ],
  [/(?<![\w.])[+-]?\d+(?:[.,]\d+)*(?:e[+-]?\d+)?(?=$|[^\w.]|[.](?:\s|$)|[a-zµ%]{1,3}\b)/gi, "<number>"],
  [/(?<=[A-Za-z][_-])\d+\b/g, "<number>"],
];

/** "user 42 not found" and "user 7 not found" become one text. At most 8,192 characters are read. */
export function normaliseMessage(message: string): string {
  let text = message.length > messageCharactersMax ? message.slice(0, messageCharactersMax) : message;
  for (const [pattern, word] of replacements) text = text.replace(pattern, word);
  return text.replaceAll(/\s+/g, " ").trim();
}

/** Without origin, query, content hashes, versions and what lies above the project: "app.3f2a9c1b.js?v=2" is "app.js". */
export function normaliseFilename(filename: string): string {
  let name = filename.slice(0, 1024).replaceAll("\\", "/");
  name = name.replace(
    /^(?:webpack|webpack-internal|vite|rollup|app|ng):\/{2,3}(?:[^/]*\/)??(?=\.{0,2}\/|[^/]*\.|src\/)/,
    "",
  );
  name = name.replace(/^[a-z][a-z\d+.-]*:\/\/[^/]*\//i, "").replace(/[?#].*$/, "");
  name = name.replaceAll(/(?:^|\/)\.{1,2}(?=\/)/g, "").replace(/^\/+/, "");
  name = name.replaceAll(/([._-])(?=[\da-f]*\d)[\da-f]{6,64}(?=[._-]|$)/gi, "");
  name = name.replaceAll(/(?:^|(?<=\/))v?\d+(?:\.\d+){1,3}(?=\/)/g, "<version>");
  name = name.replaceAll(/([-@])v?\d+(?:\.\d+){1,3}(?=[/.-]|$)/g, "");
  return name.toLowerCase();
}

/** The path from the last folder that usually starts a project on; deployments put it in different places. */
export function projectPath(path: string): string {
  const library = path.lastIndexOf("node_modules/");
  if (library >= 0) return path.slice(library);
  const packages = /(?:site|dist)-packages\//.exec(path);
  if (packages !== null) return path.slice(packages.index);
  const parts = path.split("/");
  const strong = parts.findIndex((part) => /^(?:src|lib|dist|build|pkg|cmd|internal|packages)$/.test(part));
  const root = strong >= 0 ? strong : parts.findIndex((part) => /^(?:app|server|client)$/.test(part));
  return root >= 0 ? parts.slice(root).join("/") : parts.slice(-3).join("/");
}

const anonymous = /^(?:<anonymous>|anonymous|\?|<unknown>|<lambda>|<module>|eval|<genexpr>|<listcomp>)$/;

/** Without "async", "new", receiver aliases, generated numbers; undefined for a function without a name. */
export function normaliseFunction(name: string | undefined): string | undefined {
  if (name === undefined) return undefined;
  let text = name.slice(0, 512).trim();
  text = text.replace(/^(?:async\*?|new|get|set|bound) /, "").replace(/ \[as [^\]]+\]$/, "");
  text = text.replace(/^(?:Object|Module|Function|exports|module\.exports|globalThis|window|self|global)\./, "");
  text = text.replace(/^async\*/, "").replace(/\/<$|\/[\w$]+<$/, "");
  text = text
    .replaceAll(/lambda\$([\w]+)\$\d+/g, "lambda$$$1")
    .replaceAll(/\$\$?(?:Lambda|Proxy|EnhancerBy\w+|FastClassBy\w+)(?:\$\$[\da-f]+|[$/\d\w]*)?/g, "$$generated");
  text = text
    .replaceAll(/\.func\d+(?:\.\d+)*/g, ".func")
    .replaceAll(/\[\.\.\.\]/g, "")
    .replaceAll(/\$\d+/g, "")
    .replaceAll(/::h[\da-f]{16}$/g, "");
  text = text.replace(/\(.*\)$/, (arguments_) => (arguments_.length > 2 ? "" : arguments_)).replace(/\(\)$/, "");
  const last = text.slice(text.lastIndexOf(".") + 1);
  if (text === "" || anonymous.test(text) || anonymous.test(last)) return undefined;
  return text;
}

/** Source text without its spaces and literals. */
export function normaliseContext(line: string | undefined): string | undefined {
  const text = line?.slice(0, 240).replaceAll(/\s+/g, " ").trim();
  return text === undefined || text === "" || text.length > 200 ? undefined : text;
}
