// What a successor of this agent must know, in one small file that is replaced whole (write, fsync, rename, fsync of the
// folder). Writes are coalesced: `save()` resolves once a write that began after the call is on disk. When the disk refuses,
// it says so once, carries on, and tries again with the next change.
import { open, readFile, rename } from "node:fs/promises";
import path from "node:path";
import type { Exit, StepOutcome, TimeMs } from "@prunella/core";
import type { Shares } from "./control-groups.ts";

export interface ServiceRecord {
  /** It should run: false after a person or a repair stopped it. */
  wanted: boolean;
  /** The running process, or null. */
  pid: number | null;
  startTicks: number;
  startedAt: TimeMs;
  /** Size of the two log files when it started: lines before that are another process's. */
  outFrom: number;
  errFrom: number;
  downSince: TimeMs;
  lastExit: Exit | null;
  /** What orders have made of its shares of the machine; absent: as the plan says. */
  shares?: Shares;
}

export interface OrderRecord {
  readonly key: string;
  readonly at: TimeMs;
  /** Null: begun. */
  outcome: StepOutcome | null;
}

export interface AgentState {
  readonly version: 1;
  bootId: string;
  /** Highest fence seen. */
  fence: number;
  services: Record<string, ServiceRecord>;
  control: { pid: number; startTicks: number } | null;
  /** Oldest first, at most `ordersMax`. */
  orders: OrderRecord[];
  /** Sessions that our services once led, newest last, at most `pastMax`: by them an orphan is known. */
  past: { pid: number; startTicks: number; target: string }[];
  /** Events made and events acknowledged by the agent that wrote this; what is between died with it. */
  events: { made: number; acknowledged: number };
}

export const ordersMax = 500;
export const pastMax = 200;

export function emptyState(boot: string): AgentState {
  return {
    version: 1,
    bootId: boot,
    fence: 0,
    services: {},
    control: null,
    orders: [],
    past: [],
    events: { made: 0, acknowledged: 0 },
  };
}

/** The state of the agent before, or null: none, or not readable as one (then `reason` says why). */
export async function readState(
  dataFolder: string,
): Promise<{ readonly state: AgentState | null; readonly reason: string | null }> {
  let text: string;
  try {
    text = await readFile(path.join(dataFolder, stateFile), "utf8");
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    return { state: null, reason: code === "ENOENT" ? null : String(error) };
  }
  try {
    const value = JSON.parse(text) as Partial<AgentState> | null;
    if (value === null || value.version !== 1 || typeof value.services !== "object" || !Array.isArray(value.orders))
      return { state: null, reason: `${stateFile} is not a state of this version` };
    return { state: { ...emptyState(""), ...value } as AgentState, reason: null };
  } catch {
    return { state: null, reason: `${stateFile} is not JSON` };
  }
}

/** Appends an order, forgetting the oldest finished ones beyond the bound. */
export function rememberOrder(state: AgentState, record: OrderRecord): void {
  state.orders.push(record);
  while (state.orders.length > ordersMax) {
    const oldest = state.orders.findIndex((order) => order.outcome !== null);
    state.orders.splice(Math.max(0, oldest), 1);
  }
}

export interface StateFile {
  /** Resolves when the state as it is now, or later, is on disk, or the disk has refused it. */
  save(): Promise<void>;
}

const stateFile = "agent-state.json";

export function stateFileOf(
  dataFolder: string,
  state: AgentState,
  onTrouble: (reason: string | null) => void,
): StateFile {
  const file = path.join(dataFolder, stateFile);
  let writing: Promise<void> | null = null;
  let next: Promise<void> | null = null;
  let failing = false;

  async function write(): Promise<void> {
    try {
      const draft = `${file}.new`;
      const handle = await open(draft, "w", 0o600);
      try {
        await handle.writeFile(JSON.stringify(state));
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(draft, file);
      const folder = await open(dataFolder, "r");
      try {
        await folder.sync();
      } finally {
        await folder.close();
      }
      if (failing) onTrouble(null);
      failing = false;
    } catch (error) {
      if (!failing) onTrouble(error instanceof Error ? error.message : String(error));
      failing = true;
    }
  }

  function begin(): Promise<void> {
    const mine = write().finally(() => {
      if (writing === mine) writing = null;
    });
    writing = mine;
    return mine;
  }

  return {
    save() {
      if (writing === null) return begin();
      next ??= writing.then(() => {
        next = null;
        return begin();
      });
      return next;
    },
  };
}
