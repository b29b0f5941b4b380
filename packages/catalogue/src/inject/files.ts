// Faults on the disk: a folder that fills up, and a configuration that goes bad. Both stay within folders that are the
// target's own or a scratch folder, and leave what they changed as it was, byte for byte.
import { randomUUID } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  openSync,
  closeSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import path from "node:path";
import { InjectionRefused, number, word, type InjectContext, type Injector } from "./injector.ts";

const abortsWhen = "another target that was healthy turns bad";
/** Left free on the file system, whatever is asked for. */
const leftFreeBytes = 200_000_000;
const pieceBytes = 1_000_000;

/** The folder or file meant, checked to lie within those that may be touched. */
function within(context: InjectContext, name: string): string {
  const given = context.arguments[name];
  if (typeof given !== "string" || given === "")
    throw new InjectionRefused(`${name}: is missing; name a path within ${context.folders.join(" or ")}`);
  if (!existsSync(given)) throw new InjectionRefused(`${name}: ${given} does not exist`);
  const real = realpathSync(given);
  const allowed = context.folders.filter((folder) => existsSync(folder)).map((folder) => realpathSync(folder));
  if (!allowed.some((folder) => real === folder || real.startsWith(`${folder}${path.sep}`)))
    throw new InjectionRefused(
      `${name}: ${real} is outside of ${context.folders.join(" and ")}; nothing else is touched`,
    );
  return real;
}

export const disk: Injector = {
  kind: "disk",
  what: "fills a folder with a file",
  takes: {
    folder: "a folder of the target or a scratch folder",
    bytes: "how much (default 100,000,000; at most 10e9); a file system of the folder's own is filled up to leaveFree",
    leaveFree: "bytes left free (default and least 200,000,000 on a shared file system; 0 on one of the folder's own)",
  },
  blastRadius:
    "everything on the folder's file system, when it fills; at least 200 MB stay free on one that others share",
  abortsWhen,
  undoes: "the file is removed",
  async inject(context) {
    const folder = within(context, "folder");
    if (!statSync(folder).isDirectory()) throw new InjectionRefused(`folder: ${folder} is no folder`);
    // A mount of its own can be filled to the last byte without harming anybody else.
    const apart = statSync(folder).dev !== statSync(path.dirname(folder)).dev;
    const least = apart ? 0 : leftFreeBytes;
    const leaveFree = number(context, "leaveFree", least, least, 1e13);
    const file = path.join(folder, `.prunella-fill-${randomUUID()}`);
    const wanted = number(context, "bytes", 100_000_000, 1, 1e10);
    const room = statfsSync(folder);
    const bytes = Math.min(wanted, room.bavail * room.bsize - leaveFree);
    if (bytes <= 0) throw new InjectionRefused(`folder: no more than ${leaveFree} bytes are free there already`);
    const piece = Buffer.alloc(pieceBytes, 0x70);
    const handle = openSync(file, "wx", 0o600);
    try {
      for (let written = 0; written < bytes;)
        written += writeSync(handle, piece, 0, Math.min(pieceBytes, bytes - written));
    } catch (error) {
      // Full is what was asked for.
      if ((error as NodeJS.ErrnoException).code !== "ENOSPC") {
        rmSync(file, { force: true });
        throw error;
      }
    } finally {
      closeSync(handle);
    }
    return {
      summary: `filled ${folder} with ${Math.round(statSync(file).size / 1e6)} MB`,
      detail: { file },
      async undo() {
        rmSync(file, { force: true });
        return `removed ${file}`;
      },
    };
  },
};

export const config: Injector = {
  kind: "config",
  what: "corrupts a file",
  takes: { file: "a file of the target", how: "truncate (default), garbage, empty, remove" },
  blastRadius: "whoever reads the file",
  abortsWhen,
  undoes: "the file is put back as it was: bytes and rights",
  async inject(context) {
    const file = within(context, "file");
    if (!statSync(file).isFile()) throw new InjectionRefused(`file: ${file} is no file`);
    const how = word(context, "how", "truncate", ["truncate", "garbage", "empty", "remove"]);
    const saved = `${file}.prunella-saved-${randomUUID()}`;
    const { mode } = statSync(file);
    copyFileSync(file, saved);
    const before = readFileSync(saved);
    if (how === "remove") rmSync(file);
    else
      writeFileSync(
        file,
        how === "empty"
          ? ""
          : how === "truncate"
            ? before.subarray(0, Math.floor(before.length / 2))
            : "{[%\u0000 not what it was\n",
      );
    let undone = false;
    return {
      summary: `${how} of ${file}`,
      detail: { file, saved },
      async undo() {
        if (undone) return `${file} is as it was`;
        undone = true;
        chmodSync(saved, mode & 0o7777);
        renameSync(saved, file);
        return `${file} put back`;
      },
    };
  },
};
