// Where lines of logs go once the agent has sent them: to the engine, and to whoever listens (a live view, a push to a log
// store). A listener that throws is told once and dropped; none is waited for. Nothing is kept here.
import type { Log, LogLine, TargetKey } from "@prunella/core";

export type LinesListener = (target: TargetKey, lines: readonly LogLine[], lost: number) => void;

export interface LogHub {
  publish(target: TargetKey, lines: readonly LogLine[], lost: number): void;
  /** Hears the lines of every target, in order per target; returns the way to stop. At most `listenersMax` at once. */
  onLines(listener: LinesListener): () => void;
  /** Lines left out before they came here. */
  readonly lost: number;
}

export const listenersMax = 100;

export function logHub(log: Log): LogHub {
  const listeners = new Set<LinesListener>();
  let lostSum = 0;
  return {
    publish(target, lines, lost) {
      lostSum += lost;
      for (const listener of listeners) {
        try {
          listener(target, lines, lost);
        } catch (error) {
          listeners.delete(listener);
          log.write("error", "log-listener-failed", {
            message: error instanceof Error ? error.message : String(error),
          });
        }
      }
    },
    onLines(listener) {
      if (listeners.size >= listenersMax) throw new Error(`${listenersMax} listen to log lines already`);
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    get lost() {
      return lostSum;
    },
  };
}
