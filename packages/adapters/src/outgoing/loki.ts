// Ships log lines to a Loki: labels few and static (service, level, those of the configuration), batches by size and time, a
// spool with a bound in front. What does not fit or is refused for good is lost, and every lost line is counted.
import type { Log } from "@prunella/core";
import type { System } from "@prunella/resilience";
import { gzipSync } from "node:zlib";
import { reveal, revealAll } from "../secret.ts";
import type { MonitoringPlan } from "../sources/plan.ts";

/** Lines and characters that wait at most; beyond it the oldest are lost. Lines of one request, and of one line. */
export const spoolLinesMax = 50_000;
export const spoolCharactersMax = 32_000_000;
export const batchLinesMax = 2_000;
/** A quarter of what a Loki takes in one request by its own default (4 MB), whatever the encoding of the text adds. */
export const batchCharactersMax = 1_000_000;
const lineCharactersMax = 16_000;
/** A batch leaves this long after its first line, ms; after a failure 1, 2, 4 … s, at most this. */
const lingerMs = 1_000;
const retryMsMax = 60_000;
const timeoutMs = 10_000;

export interface ShippedLine {
  readonly at: number;
  readonly level: string;
  readonly text: string;
}

export interface LokiShipper {
  configure(plan: MonitoringPlan["loki"]): void;
  /** Takes lines of one service; does nothing when no Loki is configured. */
  push(service: string, lines: readonly ShippedLine[]): void;
  /** Lines that were lost before they came here, by whoever read them. */
  lost(lines: number): void;
  /** A Loki is configured. */
  readonly active: boolean;
  readonly counts: { readonly shipped: number; readonly lost: number; readonly waiting: number };
  stop(): void;
}

export function lokiShipper(options: { readonly system: System; readonly log: Log }): LokiShipper {
  const { system, log } = options;
  let plan: MonitoringPlan["loki"] = null;
  let spool: { service: string; line: ShippedLine }[] = [];
  let characters = 0;
  let sequence = 0;
  let timer: { cancel(): void } | null = null;
  let sending = false;
  let failures = 0;
  const counts = { shipped: 0, lost: 0 };

  function arm(delayMs: number): void {
    timer ??= system.setTimer(() => {
      timer = null;
      void flush();
    }, delayMs);
  }

  async function flush(): Promise<void> {
    if (sending || plan === null || spool.length === 0) return;
    sending = true;
    let [lines, size] = [0, 0];
    while (lines < Math.min(batchLinesMax, spool.length)) {
      const next = spool[lines]?.line.text.length ?? 0;
      if (lines > 0 && size + next > batchCharactersMax) break;
      size += next;
      lines += 1;
    }
    const batch = spool.slice(0, lines);
    spool = spool.slice(lines);
    characters -= size;
    const outcome = await send(batch);
    sending = false;
    if (outcome === "taken") {
      counts.shipped += batch.length;
      failures = 0;
    } else if (outcome === "refused") {
      counts.lost += batch.length;
    } else {
      failures += 1;
      spool = [...batch, ...spool];
      characters += size;
      shed();
    }
    if (spool.length > 0) arm(failures === 0 ? 0 : Math.min(retryMsMax, 1_000 * 2 ** Math.min(10, failures - 1)));
  }

  async function send(
    batch: readonly { service: string; line: ShippedLine }[],
  ): Promise<"taken" | "refused" | "later"> {
    if (plan === null) return "refused";
    const streams = new Map<string, { stream: Record<string, string>; values: [string, string][] }>();
    for (const { service, line } of batch) {
      const key = `${line.level} ${service}`;
      const stream = streams.get(key) ?? { stream: { ...plan.labels, service, level: line.level }, values: [] };
      streams.set(key, stream);
      // Nanoseconds as text; lines of one millisecond keep their order by what is added below it.
      sequence = (sequence + 1) % 1_000_000;
      stream.values.push([`${Math.floor(line.at)}${String(sequence).padStart(6, "0")}`, line.text]);
    }
    try {
      const response = await fetch(`${reveal(plan.url).replace(/\/+$/, "")}/loki/api/v1/push`, {
        method: "POST",
        redirect: "manual",
        signal: AbortSignal.timeout(timeoutMs),
        headers: {
          "content-type": "application/json",
          "content-encoding": "gzip",
          "user-agent": "prunella",
          ...revealAll(plan.headers),
        },
        body: gzipSync(JSON.stringify({ streams: [...streams.values()] })),
      });
      await response.body?.cancel();
      if (response.status >= 200 && response.status <= 299) return "taken";
      const isForGood =
        response.status >= 400 && response.status < 500 && response.status !== 429 && response.status !== 408;
      if (failures === 0 || isForGood)
        log.write("warn", "loki-refused", { status: response.status, lines: batch.length, lost: isForGood });
      return isForGood ? "refused" : "later";
    } catch (error) {
      const cause: unknown = error instanceof Error ? (error.cause ?? error) : error;
      if (failures === 0)
        log.write("warn", "loki-not-reached", { message: cause instanceof Error ? cause.message : String(cause) });
      return "later";
    }
  }

  function shed(): void {
    let drop = 0;
    while (spool.length - drop > spoolLinesMax || characters > spoolCharactersMax) {
      characters -= spool[drop]?.line.text.length ?? 0;
      drop += 1;
    }
    if (drop === 0) return;
    spool = spool.slice(drop);
    counts.lost += drop;
  }

  return {
    configure(next) {
      plan = next;
      failures = 0;
      if (plan === null) {
        counts.lost += spool.length;
        spool = [];
        characters = 0;
      }
    },
    push(service, lines) {
      if (plan === null) return;
      for (const line of lines) {
        const text = line.text.slice(0, lineCharactersMax);
        spool.push({ service, line: { ...line, text } });
        characters += text.length;
      }
      shed();
      if (spool.length > 0) arm(spool.length >= batchLinesMax && failures === 0 ? 0 : lingerMs);
    },
    lost(lines) {
      if (plan !== null) counts.lost += lines;
    },
    get active() {
      return plan !== null;
    },
    get counts() {
      return { ...counts, waiting: spool.length };
    },
    stop() {
      timer?.cancel();
      plan = null;
    },
  };
}
