// Secrets of the configuration: text with `${NAME}` in it, or the name of a file. The plan, the disk and the API hold the
// reference only; the value is looked up each time it is used, so a changed one needs no restart.
import { readFileSync } from "node:fs";
import process from "node:process";

/** `text` may hold `${NAME}`, which stands for an environment variable of the agent; `file` is an absolute path. */
export type Secret = { readonly secret: string } | { readonly secretFile: string };

/** Longest secret read from a file, bytes. */
const bytesMax = 100_000;

/** Throws an Error that names the reference and never the value. */
export function reveal(secret: Secret, env: Readonly<Record<string, string | undefined>> = process.env): string {
  if ("secretFile" in secret) {
    let text: string;
    try {
      text = readFileSync(secret.secretFile, "utf8");
    } catch (error) {
      throw new Error(
        `the secret file ${secret.secretFile} cannot be read (${String((error as NodeJS.ErrnoException).code)})`,
      );
    }
    if (text.length > bytesMax)
      throw new Error(`the secret file ${secret.secretFile} is larger than ${bytesMax} bytes`);
    return text.trim();
  }
  return secret.secret.replaceAll(/\$\{([A-Za-z_][A-Za-z0-9_]*)\}/g, (_, name: string) => {
    const value = env[name];
    if (value === undefined || value === "")
      throw new Error(`the environment variable ${name} is not set; set it where \`prunella up\` is started`);
    return value;
  });
}

export function revealAll(of: Readonly<Record<string, Secret>>): Record<string, string> {
  return Object.fromEntries(Object.entries(of).map(([name, secret]) => [name, reveal(secret)]));
}
