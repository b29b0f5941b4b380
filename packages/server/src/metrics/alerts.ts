// Being told, and being told from outside. Receivers and sources are named by the configuration and by fixed words.
import type { ServerOptions } from "../host.ts";
import type { Kit } from "./kit.ts";

const states = ["waiting", "suppressed", "failing"] as const;

export function alertMetrics({ gauge, total }: Kit, { engine, clock }: ServerOptions): void {
  gauge("prunella_alerts", "Alerts that hold, by what keeps them from being told", ["suppressed"], (to) => {
    for (const suppressed of ["no", "silence", "inhibited", "acknowledged", "snoozed", "ignored"])
      to.set({ suppressed }, 0);
    for (const { suppressedBy } of engine.world.alerts.values())
      to.inc({ suppressed: suppressedBy?.split(":")[0] ?? "no" });
  });
  gauge("prunella_silences", "Silences, by state", ["state"], (to) => {
    const now = clock.now();
    for (const state of ["pending", "active"]) to.set({ state }, 0);
    for (const { startsAt, endsAt } of engine.world.silences.values())
      if (now < endsAt) to.inc({ state: now < startsAt ? "pending" : "active" });
  });
  total(
    "prunella_notifications_total",
    "Notifications sent since start, by receiver and outcome",
    ["receiver", "outcome"],
    (add) => {
      const { delivered, failed } = engine.deliveries;
      for (const receiver of new Set([...delivered.keys(), ...failed.keys()])) {
        add({ receiver, outcome: "delivered" }, delivered.get(receiver) ?? 0);
        add({ receiver, outcome: "failed" }, failed.get(receiver) ?? 0);
      }
    },
  );
  gauge("prunella_notifications_pending", "Notifications in the outbox", ["receiver", "state"], (to) => {
    for (const { receiver, suppressedBy, attempts } of engine.world.outbox.values()) {
      if (receiver === undefined) continue;
      const state: (typeof states)[number] = suppressedBy != null ? "suppressed" : attempts > 0 ? "failing" : "waiting";
      to.inc({ receiver, state });
    }
  });
  gauge(
    "prunella_notification_oldest_timestamp_seconds",
    "When the oldest notification that could not be delivered yet was made; 0: there is none",
    [],
    (to) => {
      let oldest = 0;
      for (const { receiver, suppressedBy, dueAt, at, attempts } of engine.world.outbox.values())
        if (receiver !== undefined && suppressedBy == null && (attempts > 0 || dueAt <= clock.now()))
          oldest = oldest === 0 ? at : Math.min(oldest, at);
      to.set(oldest / 1000);
    },
  );
  gauge("prunella_outside_alerts", "Alerts from outside that hold, by what they are here", ["role"], (to) => {
    for (const role of ["finding", "witness"]) to.set({ role }, 0);
    for (const { overAt, incident } of engine.world.outside.values())
      if (overAt === null) to.inc({ role: incident === null ? "finding" : "witness" });
  });
}
