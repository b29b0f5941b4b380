// A button that orders something: asks first where that is due, sends once at a time, and is shut, with the reason, where the
// token does not allow it. Pause and maintenance are asked for in the same words everywhere.
import type { Scope } from "@prunella/contract";
import { lazy, Suspense, useState, type ReactNode } from "react";
import { orders, useOrder, type Order } from "../api/actions.ts";
import { Button, type ButtonProps } from "./parts.tsx";
import type { AskProps } from "./ask.tsx";

const Ask = lazy(() => import("./ask.tsx"));

type Question = Omit<AskProps, "close" | "onConfirm">;

export function OrderButton({
  make,
  ask,
  then,
  order: shared,
  needs = "operate",
  disabled = false,
  children,
  ...look
}: Omit<ButtonProps, "onClick" | "needs"> & {
  /** The order, with the reason and the choice that were asked for. */
  readonly make: (why: string, choice: string) => Order;
  /** Asked before it is sent; absent: it is sent at once. */
  readonly ask?: Question;
  /** Told the id of what was changed or made. */
  readonly then?: (id: string) => void;
  /** Shared by buttons of which only one may be pressed. */
  readonly order?: ReturnType<typeof useOrder>;
  readonly needs?: Scope;
}) {
  const own = useOrder();
  const order = shared ?? own;
  const [isAsking, setAsking] = useState(false);
  const send = (why: string, choice: string): void =>
    order.mutate(make(why, choice), { onSuccess: (done) => done !== null && then?.(done.id) });
  return (
    <>
      <Button
        {...look}
        needs={needs}
        disabled={disabled || order.isPending}
        onClick={() => (ask === undefined ? send("", "") : setAsking(true))}
      >
        {children}
      </Button>
      {isAsking && ask !== undefined && (
        <Suspense fallback={null}>
          <Ask {...ask} close={() => setAsking(false)} onConfirm={send} />
        </Suspense>
      )}
    </>
  );
}

const hourMs = 3_600_000;

export function PauseButton({ target, small = false, children }: Held) {
  return (
    <OrderButton
      small={small}
      icon="pause"
      make={(why, forMs) => orders.pause(target, why, forMs === "" ? null : Number(forMs))}
      ask={{
        title: `Pause healing ${target === null ? "everywhere" : `of ${target}`}?`,
        why: "optional",
        confirm: "Pause healing",
        children: (
          <p className="muted">
            No new repair starts until {target === null ? "somebody resumes" : "then"}. Faults are still found and
            filed; a step already on its way ends.
          </p>
        ),
        ...(target === null
          ? {}
          : {
              choices: {
                label: "For how long",
                items: [
                  { name: "1 hour", value: String(hourMs) },
                  { name: "8 hours", value: String(8 * hourMs) },
                  { name: "until somebody resumes", value: "" },
                ],
              },
            }),
      }}
    >
      {children ?? "Pause healing"}
    </OrderButton>
  );
}

export function MaintenanceButton({ target, small = false }: Held) {
  return (
    <OrderButton
      small={small}
      icon="clock"
      make={(why, ms) => orders.maintenance(target, new Date(Date.now() + Number(ms)).toISOString(), why)}
      ask={{
        title: `Maintenance of ${target ?? "everything"}`,
        why: "optional",
        confirm: "Begin",
        children: <p className="muted">No repair starts in the window; faults are still found and filed.</p>,
        choices: {
          label: "From now for",
          items: [
            { name: "15 minutes", value: String(hourMs / 4) },
            { name: "1 hour", value: String(hourMs) },
            { name: "4 hours", value: String(4 * hourMs) },
            { name: "1 day", value: String(24 * hourMs) },
          ],
        },
      }}
    >
      Maintenance
    </OrderButton>
  );
}

interface Held {
  /** Null: everything. */
  readonly target: string | null;
  readonly small?: boolean;
  readonly children?: ReactNode;
}
