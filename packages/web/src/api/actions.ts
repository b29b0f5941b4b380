// What a person orders. Each order is sent once at a time, its answer is told, and what it touched is asked for anew. Whether
// an order is allowed is the server's to say; a refusal is shown in its words.
import type { Done, Scope } from "@prunella/contract";
import { useMutation } from "@tanstack/react-query";
import { toast } from "../ui/toasts.tsx";
import { lackNow } from "./access.ts";
import { send } from "./client.ts";
import { queryClient } from "./queries.ts";

export interface Order {
  readonly path: string;
  readonly body?: unknown;
  readonly method?: "POST" | "DELETE";
  /** What to do when the person wants it back. */
  readonly undo?: Order;
  readonly quiet?: boolean;
  /** What a token must allow; default: "operate". */
  readonly needs?: Scope;
}

const part = encodeURIComponent;
const issue = (id: string, verb: string): string => `/issues/${part(id)}/${verb}`;

export const orders = {
  approve: (repair: string): Order => ({ path: `/repairs/${part(repair)}/approve`, body: {} }),
  refuse: (repair: string, why: string): Order => ({ path: `/repairs/${part(repair)}/refuse`, body: { why } }),
  cancel: (repair: string, why: string): Order => ({ path: `/repairs/${part(repair)}/cancel`, body: { why } }),
  resolve: (id: string, why: string): Order => ({
    path: issue(id, "resolve"),
    body: { why },
    undo: orders.reopen(id, "undone"),
  }),
  ignore: (id: string, why: string): Order => ({
    path: issue(id, "ignore"),
    body: { why },
    undo: orders.reopen(id, "undone"),
  }),
  reopen: (id: string, why: string): Order => ({ path: issue(id, "reopen"), body: { why } }),
  snooze: (id: string, until: Readonly<Record<string, unknown>>, why: string): Order => ({
    path: issue(id, "snooze"),
    body: { ...until, why },
    undo: orders.reopen(id, "undone"),
  }),
  assign: (id: string, assignee: string | null, before: string | null): Order => ({
    path: issue(id, "assign"),
    body: { assignee },
    ...(before === assignee ? {} : { undo: { path: issue(id, "assign"), body: { assignee: before } } }),
  }),
  comment: (id: string, text: string): Order => ({ path: issue(id, "comments"), body: { text } }),
  acknowledge: (id: string): Order => ({ path: issue(id, "acknowledge"), body: {} }),
  verdict: (incident: string, verdict: "real" | "noise" | null, before: "real" | "noise" | null): Order => ({
    path: `/incidents/${part(incident)}/verdict`,
    body: { verdict },
    undo: { path: `/incidents/${part(incident)}/verdict`, body: { verdict: before } },
  }),
  pause: (target: string | null, why: string, forMs: number | null): Order => ({
    path: "/pause",
    body: { target, why, ...(forMs === null ? {} : { forMs }) },
    undo: orders.resume(target),
  }),
  resume: (target: string | null): Order => ({ path: "/resume", body: { target } }),
  act: (target: string, action: "restart" | "start" | "stop", why: string): Order => ({
    path: `/targets/${part(target)}/actions`,
    body: { action, ...(why === "" ? {} : { why }) },
  }),
  guard: (target: string, name: string, control: string, argument?: number): Order => ({
    path: `/targets/${part(target)}/guards/${part(name)}`,
    body: { control, ...(argument === undefined ? {} : { argument }) },
  }),
  maintenance: (target: string | null, to: string, why: string): Order => ({
    path: "/maintenance",
    body: { target, to, why },
  }),
  endSilence: (id: string): Order => ({ path: `/silences/${part(id)}`, method: "DELETE" }),
  revokeToken: (id: string): Order => ({ path: `/tokens/${part(id)}`, method: "DELETE", needs: "admin" }),
  endMaintenance: (id: string): Order => ({ path: `/maintenance/${part(id)}`, method: "DELETE" }),
  promote: (remedy: string): Order => ({ path: `/remedies/${part(remedy)}/promote`, body: {}, needs: "admin" }),
  runDrill: (id: string, withoutHealing: boolean): Order => ({
    path: `/drills/${part(id)}/runs`,
    body: { withoutHealing },
  }),
  abortDrill: (run: string): Order => ({ path: `/drill-runs/${part(run)}/abort`, body: {} }),
} as const;

/** Told instead of asked for, when the token that the page holds does not allow it: keys and commands end here too. */
export function isShut(needs: Scope = "operate"): boolean {
  const lack = lackNow(needs);
  if (lack !== null) toast(lack, { isFailure: true });
  return lack !== null;
}

/** Sends one order and tells what came of it. */
export async function carryOut(order: Order): Promise<Done | null> {
  if (isShut(order.needs)) return null;
  try {
    const done = await send<Done>(order.path, order.body, order.method ?? "POST");
    const { undo } = order;
    if (order.quiet !== true)
      toast(sentence(done.message), undo === undefined || !done.changed ? {} : { undo: () => void carryOut(undo) });
    return done;
  } catch (error) {
    toast(sentence(error instanceof Error ? error.message : String(error)), { isFailure: true });
    return null;
  } finally {
    void queryClient.invalidateQueries();
  }
}

/** Many orders one after another, one answer for all, one undo for those that changed something. */
export async function carryOutAll(all: readonly Order[], what: string): Promise<void> {
  if (all.some((order) => isShut(order.needs))) return;
  const undo: Order[] = [];
  const failures: string[] = [];
  let unchanged = 0;
  for (const order of all) {
    try {
      const done = await send<Done>(order.path, order.body, order.method ?? "POST");
      if (!done.changed) unchanged += 1;
      else if (order.undo !== undefined) undo.push(order.undo);
    } catch (error) {
      failures.push(error instanceof Error ? error.message : String(error));
    }
  }
  void queryClient.invalidateQueries();
  const changed = all.length - failures.length - unchanged;
  const parts = [
    `${changed} ${changed === 1 ? "issue" : "issues"} ${what}`,
    ...(unchanged > 0 ? [`${unchanged} already so`] : []),
    ...(failures.length > 0 ? [`${failures.length} refused: ${failures[0] ?? ""}`] : []),
  ];
  toast(parts.join("; "), {
    isFailure: changed === 0 && failures.length > 0,
    ...(undo.length === 0 ? {} : { undo: () => void carryOutAll(undo, "set back") }),
  });
}

/** While an order is on its way its button does nothing: two clicks are one order. */
export function useOrder() {
  return useMutation({ mutationFn: carryOut });
}

function sentence(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
