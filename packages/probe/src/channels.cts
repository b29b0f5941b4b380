// Subscribes to Node's diagnostics channels so that a fault of ours never reaches the host: Node turns an error thrown by
// a subscriber into an uncaught exception.
const channels = require("node:diagnostics_channel") as typeof import("node:diagnostics_channel");

let faults = 0;

/** Runs `act`; an error it throws is counted (`faultCount`) and goes nowhere. */
function guarded<Args extends unknown[]>(act: (...args: Args) => void): (...args: Args) => void {
  return (...args) => {
    try {
      act(...args);
    } catch {
      faults += 1;
    }
  };
}

/** Errors of ours that were kept from the host since the start. */
function faultCount(): number {
  return faults;
}

/** Listens to a channel; returns the way to stop. */
function subscribe(name: string, listener: (message: unknown) => void): () => void {
  const onMessage = (message: unknown): void => {
    try {
      listener(message);
    } catch {
      faults += 1;
    }
  };
  const channel = channels.channel(name);
  // Before 18.7 there is only the channel's own method.
  if (typeof channels.subscribe === "function") channels.subscribe(name, onMessage);
  else channel.subscribe(onMessage);
  return () => {
    channel.unsubscribe(onMessage);
  };
}

export type ChannelsModule = {
  readonly guarded: typeof guarded;
  readonly faultCount: typeof faultCount;
  readonly subscribe: typeof subscribe;
};
module.exports = { guarded, faultCount, subscribe } satisfies ChannelsModule;
