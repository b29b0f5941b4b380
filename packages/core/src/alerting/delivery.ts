// Sends what waits in the outbox: at least once, one message for what is due together, each receiver's failure delaying only
// its own. What was sent but could not be booked (the store is failing) is remembered here, so that people are not told the
// same every second; and when the store fails, they are told that, past the outbox.
import type { System } from "@prunella/resilience";
import type { Clock, Log, Notification, Notifier } from "../ports.ts";
import type { TimeMs } from "../signal/index.ts";

/** Messages on their way at once, and notifications in one message; the rest follows in the next round. */
export const messagesInFlightMax = 32;
export const messageSizeMax = 100;
/** A notification that cannot be delivered is tried again after 1, 2, 4 … s, at most this, ms; until the alert manager gives it up. */
export const retryMsMax = 300_000;
const timeoutMs = 10_000;
/** People are told past the outbox that the store fails, at most this often, ms. */
export const directEveryMs = 900_000;

export interface DeliveryOptions {
  readonly notifier: Notifier;
  readonly clock: Clock;
  readonly system: System;
  readonly log: Log;
  readonly outbox: () => Iterable<Notification>;
  /** Stores what came of an attempt. */
  readonly book: (notifications: readonly Notification[]) => Promise<void>;
}

export interface DeliveryCounts {
  /** Per receiver since start. */
  readonly delivered: ReadonlyMap<string, number>;
  readonly failed: ReadonlyMap<string, number>;
  readonly inFlight: number;
}

export interface Delivery {
  /** Starts sending what is due. */
  run(now: TimeMs): void;
  /** Tells receivers at once, without the store; a key is told again only after `directEveryMs`. */
  direct(notifications: readonly Notification[]): void;
  readonly counts: DeliveryCounts;
  stop(): void;
}

export function delivery(options: DeliveryOptions): Delivery {
  const { notifier, clock, system, log } = options;
  const inFlight = new Set<string>();
  const unbooked = new Map<string, Notification>();
  const directAt = new Map<string, TimeMs>();
  const counts = { delivered: new Map<string, number>(), failed: new Map<string, number>() };
  let booking = false;
  let stopped = false;

  function run(now: TimeMs): void {
    void bookLate();
    const messages = new Map<string, Notification[]>();
    const earlier = new Set<string>();
    for (const notification of options.outbox()) {
      if (notification.receiver === undefined || unbooked.has(notification.key)) continue;
      const line = `${notification.receiver} ${notification.alert ?? notification.key}`;
      // The end of an alert never overtakes its beginning.
      const waits = earlier.has(line) || inFlight.has(notification.key);
      earlier.add(line);
      if (waits || notification.dueAt > now || notification.suppressedBy != null) continue;
      const together = `${notification.receiver} ${notification.group ?? notification.key} ${notification.status ?? ""}`;
      const message = messages.get(together) ?? [];
      if (message.length < messageSizeMax) messages.set(together, [...message, notification]);
    }
    for (const message of messages.values()) {
      if (stopped || inFlight.size >= messagesInFlightMax * messageSizeMax || underWay >= messagesInFlightMax) return;
      void send(message);
    }
  }
  let underWay = 0;

  async function send(message: readonly Notification[]): Promise<void> {
    const [first] = message;
    if (first === undefined) return;
    for (const { key } of message) inFlight.add(key);
    underWay += 1;
    try {
      const failure = await attempt(first, message);
      count(failure === null ? counts.delivered : counts.failed, first.receiver ?? "", message.length);
      if (failure !== null)
        log.write("warn", "notification-failed", {
          key: first.key,
          receiver: first.receiver ?? null,
          attempt: first.attempts + 1,
          message: failure,
        });
      await book(
        message.map((notification) =>
          failure === null
            ? { ...notification, attempts: notification.attempts + 1, deliveredAt: clock.now(), ended: "delivered" }
            : {
                ...notification,
                attempts: notification.attempts + 1,
                dueAt: clock.now() + Math.min(retryMsMax, 1_000 * 2 ** Math.min(20, notification.attempts)),
                lastError: failure.slice(0, 300),
              },
        ),
      );
    } finally {
      underWay -= 1;
      for (const { key } of message) inFlight.delete(key);
    }
  }

  /** Null when it was taken, else why not. */
  function attempt(first: Notification, message: readonly Notification[]): Promise<string | null> {
    return new Promise((resolve) => {
      const timer = system.setTimer(() => resolve(`no answer within ${timeoutMs} ms`), timeoutMs);
      // A notifier that throws instead of rejecting is no different.
      Promise.resolve()
        .then(() => notifier.send(first, message))
        .then(
          () => resolve(null),
          (error: unknown) => resolve(error instanceof Error ? error.message : String(error)),
        )
        .finally(() => timer.cancel());
    });
  }

  async function book(notifications: readonly Notification[]): Promise<void> {
    try {
      await options.book(notifications);
    } catch (error) {
      for (const notification of notifications)
        if (notification.deliveredAt !== null) unbooked.set(notification.key, notification);
      log.write("error", "notification-not-booked", {
        key: notifications[0]?.key ?? null,
        message: error instanceof Error ? error.message : String(error),
      });
    }
  }

  async function bookLate(): Promise<void> {
    if (booking || unbooked.size === 0) return;
    booking = true;
    const late = [...unbooked.values()].slice(0, messageSizeMax);
    try {
      await options.book(late);
      for (const { key } of late) unbooked.delete(key);
    } catch {
      // The store is still failing; that was said when it began.
    } finally {
      booking = false;
    }
  }

  return {
    run,
    direct(notifications) {
      const now = clock.now();
      for (const notification of notifications) {
        const key = `${notification.key}>${notification.receiver ?? ""}`;
        if (stopped || now - (directAt.get(key) ?? Number.NEGATIVE_INFINITY) < directEveryMs) continue;
        directAt.delete(key);
        directAt.set(key, now);
        if (directAt.size > 1_000) directAt.delete(directAt.keys().next().value ?? "");
        void attempt(notification, [notification]).then((failure) => {
          count(failure === null ? counts.delivered : counts.failed, notification.receiver ?? "", 1);
          // Tried again with the next failure of the store, not only in a quarter of an hour.
          if (failure !== null) directAt.delete(key);
        });
      }
    },
    counts: {
      ...counts,
      get inFlight() {
        return underWay;
      },
    },
    stop() {
      stopped = true;
    },
  };
}

/** Receivers come from the configuration, which bounds them. */
function count(of: Map<string, number>, receiver: string, by: number): void {
  of.set(receiver, (of.get(receiver) ?? 0) + by);
}
