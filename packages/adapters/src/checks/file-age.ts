// File age check: a file exists and was written to lately (a backup, a queue's heartbeat file).
import { stat } from "node:fs/promises";
import { result, type CheckResult, type How } from "./result.ts";

export async function fileAgeCheck(how: How<"file-age">): Promise<CheckResult> {
  const startedAt = performance.now();
  try {
    // A modification time in the future (a clock that was set back) counts as fresh.
    const ageMs = Math.max(0, Date.now() - (await stat(how.path)).mtimeMs);
    return result(
      ageMs <= how.ageMsMax,
      startedAt,
      `written ${Math.round(ageMs / 1000)} s ago, at most ${Math.round(how.ageMsMax / 1000)} s expected`,
    );
  } catch (error) {
    return result(false, startedAt, error instanceof Error ? error.message : String(error));
  }
}
