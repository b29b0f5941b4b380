// From SQLite's result codes to what the engine may do next, with a sentence for the operator.
import { StoreError } from "@prunella/core";

/** Primary result codes (sqlite.org/rescode.html); the low byte of the extended code. */
const codes = {
  perm: 3,
  busy: 5,
  locked: 6,
  noMemory: 7,
  readOnly: 8,
  ioError: 10,
  corrupt: 11,
  full: 13,
  cannotOpen: 14,
  notADatabase: 26,
};

/** The primary code of an error of node:sqlite, or null for any other error. */
function resultCode(error: unknown): number | null {
  const extended = (error as { errcode?: unknown } | null)?.errcode;
  return typeof extended === "number" ? extended & 0xff : null;
}

/**
 * @param phase "commit": the COMMIT itself was running, so after an I/O error nobody knows whether it is on the disk.
 * Errors that are neither SQLite's nor the file system's are bugs and come back as they are.
 */
export function storeError(error: unknown, file: string, phase: "open" | "read" | "write" | "commit"): unknown {
  if (error instanceof StoreError) return error;
  const system = (error as { code?: unknown } | null)?.code;
  if (system === "ENOSPC" || system === "EDQUOT") return full(file, error);
  if (system === "EACCES" || system === "EPERM" || system === "EROFS") return notWritable(file, error);
  switch (resultCode(error)) {
    case codes.full:
      return full(file, error);
    case codes.busy:
    case codes.locked:
      return new StoreError(
        "unavailable",
        `${file} is locked by another process: end it, or wait and try again`,
        error,
      );
    case codes.corrupt:
    case codes.notADatabase:
      return new StoreError(
        "corrupt",
        `${file} is damaged: open it again to move it aside and save what is readable`,
        error,
      );
    case codes.ioError:
      return phase === "commit"
        ? new StoreError(
            "unknown",
            `I/O error while committing to ${file}: reopen to see what is stored; check the disk`,
            error,
          )
        : new StoreError("unavailable", `I/O error on ${file}: check the disk and the kernel log`, error);
    case codes.cannotOpen:
    case codes.readOnly:
    case codes.perm:
      return notWritable(file, error);
    case codes.noMemory:
      return new StoreError("unavailable", `out of memory while using ${file}`, error);
    default:
      return error;
  }
}

function full(file: string, cause: unknown): StoreError {
  return new StoreError(
    "unavailable",
    `no space left for ${file}: free space on its disk or lower retention.bytesMax; nothing is lost, it goes on by itself`,
    cause,
  );
}

function notWritable(file: string, cause: unknown): StoreError {
  return new StoreError("unavailable", `${file} cannot be opened for writing: check its owner, mode and folder`, cause);
}
