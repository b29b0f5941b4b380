// The Notifier port over the configured receivers: finds the one a notification is for and sends to it.
import type { Log, Notifier } from "@prunella/core";
import type { NotifyPlan } from "./plan.ts";
import { sendTo, type SendOptions } from "./receivers.ts";

/** `plan` is asked each time: after a reload the next attempt goes where the new configuration says. */
export function notifierOf(plan: () => NotifyPlan, log: Log, options: () => SendOptions = () => ({})): Notifier {
  return {
    async send(first, together) {
      const receiver = plan().receivers.find((each) => each.name === first.receiver);
      log.write("info", "notification", {
        key: first.key,
        receiver: first.receiver ?? null,
        kind: first.kind,
        status: first.status ?? "firing",
        title: first.title,
        together: together.length,
      });
      if (receiver === undefined)
        throw new Error(
          `receiver ${first.receiver ?? "(none)"} is not configured any more; name it again, or let this one go`,
        );
      await sendTo(receiver, [first, ...together.filter((each) => each.key !== first.key)], options());
    },
  };
}
