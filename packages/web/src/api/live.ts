// The live line to the server: one stream per tab, resumed with Last-Event-ID after it broke, with growing pauses. Changes
// are folded and handed out at most twice a second, so that a storm of events costs the page no more than a few.
import { useSyncExternalStore } from "react";
import type { ChangeEvent } from "@prunella/contract";
import { address, requestHeaders } from "./client.ts";
import { eventParser, fold, nothingFolded, type Folded } from "./events.ts";

export type Connection =
  | { readonly state: "connecting" }
  | { readonly state: "live"; readonly since: number }
  | { readonly state: "lost"; readonly since: number; readonly retryAt: number; readonly why: string }
  | { readonly state: "no-permission" };

/** Folded changes are handed out at most this often, ms. */
export const handOutMs = 500;
/** The server says something every 15 s; a line silent for longer is taken for dead. */
const silentMsMax = 40_000;
const retryMs = { first: 500, max: 10_000 } as const;

export interface Live {
  connection(): Connection;
  subscribe(listener: () => void): () => void;
  /** Ends the line and opens it anew at once, after a token was given or the person asked. */
  reconnect(): void;
  stop(): void;
}

export function live(on: { readonly change: (folded: Folded) => void; readonly reset: () => void }): Live {
  let connection: Connection = { state: "connecting" };
  const listeners = new Set<() => void>();
  let lastId: string | null = null;
  let failures = 0;
  let folded = nothingFolded;
  let handOut: number | null = null;
  let lastHandOut = 0;
  let controller = new AbortController();
  let retry: number | null = null;
  let heardAt = 0;
  let stopped = false;

  const become = (next: Connection): void => {
    connection = next;
    for (const listener of listeners) listener();
  };
  const give = (): void => {
    handOut = null;
    lastHandOut = performance.now();
    const all = folded;
    folded = nothingFolded;
    on.change(all);
  };
  const parse = eventParser((event) => {
    if (event.id !== null) lastId = event.id;
    if (event.type === "reset") on.reset();
    if (event.type !== "change") return;
    folded = fold(folded, JSON.parse(event.data) as ChangeEvent);
    handOut ??= window.setTimeout(give, Math.max(0, handOutMs - (performance.now() - lastHandOut)));
  });

  async function open(): Promise<void> {
    const mine = (controller = new AbortController());
    let why = "the line broke";
    try {
      const response = await fetch(address("/events"), {
        headers: { ...requestHeaders(), ...(lastId === null ? {} : { "last-event-id": lastId }) },
        signal: mine.signal,
        cache: "no-store",
      });
      if (response.status === 401) return become({ state: "no-permission" });
      if (!response.ok || response.body === null) throw new Error(`the server answered ${response.status}`);
      const wasLost = failures > 0;
      failures = 0;
      heardAt = performance.now();
      become({ state: "live", since: Date.now() });
      // Without an id to resume from nobody knows what was missed.
      if (wasLost && lastId === null) on.reset();
      const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        heardAt = performance.now();
        parse(value);
      }
    } catch (error) {
      if (error instanceof Error && error.name !== "AbortError") why = error.message;
    }
    if (mine !== controller || stopped) return;
    const wait = Math.min(retryMs.max, retryMs.first * 2 ** failures);
    failures += 1;
    const since = connection.state === "lost" ? connection.since : Date.now();
    become({ state: "lost", since, retryAt: Date.now() + wait, why });
    retry = window.setTimeout(() => void open(), wait);
  }
  function reconnect(): void {
    if (retry !== null) window.clearTimeout(retry);
    const old = controller;
    controller = new AbortController();
    old.abort();
    void open();
  }
  const watch = window.setInterval(() => {
    if (connection.state === "live" && performance.now() - heardAt > silentMsMax) reconnect();
  }, 5_000);
  const online = (): void => {
    if (connection.state === "lost") reconnect();
  };
  window.addEventListener("online", online);
  void open();
  return {
    connection: () => connection,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    reconnect,
    stop() {
      stopped = true;
      window.removeEventListener("online", online);
      window.clearInterval(watch);
      if (retry !== null) window.clearTimeout(retry);
      if (handOut !== null) window.clearTimeout(handOut);
      controller.abort();
    },
  };
}

export function useConnection(of: Live): Connection {
  return useSyncExternalStore(of.subscribe, of.connection);
}
