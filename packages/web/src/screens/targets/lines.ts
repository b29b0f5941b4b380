// The output of a service, followed: the newest lines first, then the server's stream of new ones. When the stream breaks it
// is opened anew and the lines are read again, so none is missed; where no stream is served the lines are asked for each second.
import { useEffect, useState } from "react";
import { address, ApiError, read, requestHeaders } from "../../api/client.ts";
import { eventParser } from "../../api/events.ts";
import type { LogLine } from "../../api/shapes.ts";

/** Lines asked for, lines held (older ones go first), and how often new ones reach the screen, ms. */
const linesAsked = 1_000;
const linesMax = 2_000;
const showMs = 200;
const againMs = 1_000;

export interface Followed {
  /** Null until the first answer. */
  readonly lines: readonly LogLine[] | null;
  readonly error: unknown;
  /** Lines that the service wrote faster than they could be sent. */
  readonly lost: number;
}
const nothing: Followed = { lines: null, error: null, lost: 0 };

export function useLines(target: string, containing: string, isPaused: boolean, isOn: boolean): Followed {
  const [followed, setFollowed] = useState(nothing);
  useEffect(() => {
    if (!isOn || isPaused) return;
    const stop = new AbortController();
    let waiting: LogLine[] = [];
    let show: number | null = null;
    const path = `/targets/${encodeURIComponent(target)}/logs`;
    const flush = (): void => {
      show = null;
      const more = waiting;
      waiting = [];
      setFollowed((old) => ({ ...old, lines: [...(old.lines ?? []), ...more].slice(-linesMax) }));
    };

    async function follow(): Promise<void> {
      const stream = await fetch(address(`${path}/stream`, { containing }), {
        headers: requestHeaders(),
        signal: stop.signal,
        cache: "no-store",
      }).catch(() => null);
      const { items } = await read<{ readonly items: readonly LogLine[] }>(
        path,
        { lines: linesAsked, containing },
        stop.signal,
      );
      setFollowed((old) => ({ ...old, lines: items, error: null }));
      if (stream?.body == null || !stream.ok) return;
      // What came while the lines were read is among them already.
      const known = new Set(items.slice(-200).map(keyOf));
      const parse = eventParser((event) => {
        if (event.type === "lost") {
          const { count } = JSON.parse(event.data) as { readonly count: number };
          setFollowed((old) => ({ ...old, lost: old.lost + count }));
        }
        if (event.type !== "line") return;
        const line = JSON.parse(event.data) as LogLine;
        if (known.delete(keyOf(line))) return;
        waiting = [...waiting, line].slice(-linesMax);
        show ??= window.setTimeout(flush, showMs);
      });
      const reader = stream.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        parse(value);
      }
    }
    async function forEver(): Promise<void> {
      while (!stop.signal.aborted) {
        try {
          await follow();
        } catch (error) {
          if (stop.signal.aborted) return;
          if (error instanceof ApiError) setFollowed((old) => ({ ...old, error }));
        }
        await new Promise((resolve) => window.setTimeout(resolve, againMs));
      }
    }
    void forEver();
    return () => {
      stop.abort();
      if (show !== null) window.clearTimeout(show);
    };
  }, [containing, isOn, isPaused, target]);
  return followed;
}

function keyOf(line: LogLine): string {
  return `${line.at} ${line.stream} ${line.text}`;
}
