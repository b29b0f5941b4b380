// What the token that this page holds allows. The server decides with every request; the page knows beforehand, so that what
// is not allowed is shut and says why instead of failing when it is pressed.
import type { Access, Scope } from "@prunella/contract";
import { useQuery } from "@tanstack/react-query";
import { queries, queryClient } from "./queries.ts";

const order: readonly Scope[] = ["read", "operate", "admin"];

/** Why something that takes a scope is not allowed; null: it is, or that is not known yet and the server will say. */
function lackOf(access: Access | undefined, needs: Scope): string | null {
  if (access === undefined || order.indexOf(access.scope) >= order.indexOf(needs)) return null;
  return `Your token has the scope ${access.scope}; this takes ${needs}`;
}

export function useLack(needs: Scope): string | null {
  const { data } = useQuery(queries.access());
  return lackOf(data, needs);
}

/** The same outside of a component. */
export function lackNow(needs: Scope): string | null {
  return lackOf(queryClient.getQueryData(queries.access().queryKey), needs);
}
