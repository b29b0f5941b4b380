// What a bundler makes of a line of code that imports the package: the one way in which its size is measured.
import { gzipSync } from "node:zlib";
import { rolldown } from "rolldown";

/** A module of that code, bundled and minified by rolldown; its bytes, and those of it gzipped. */
export async function bundle(code: string): Promise<{ text: string; minified: number; gzipped: number }> {
  const build = await rolldown({
    input: "entry",
    plugins: [
      {
        name: "entry",
        resolveId: (id) => (id === "entry" ? id : null),
        load: (id) => (id === "entry" ? code : null),
      },
    ],
    logLevel: "silent",
  });
  const { output } = await build.generate({ format: "esm", minify: true });
  const text = output[0].code;
  return { text, minified: text.length, gzipped: gzipSync(text, { level: 9 }).length };
}
