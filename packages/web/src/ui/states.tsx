// What a screen shows when there is nothing to show: it loads, it is empty, it failed, the server is away, the token is
// missing, this build does not have it. Each says what it means and what to do.
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ApiError } from "../api/client.ts";
import { clipped } from "../format/text.ts";
import { Icon, type IconName } from "./icon.tsx";
import { Button, Panel, type PanelProps } from "./parts.tsx";
import { TokenForm } from "./token-form.tsx";

export function Loading({ what }: { readonly what: string }) {
  return (
    <div className="skeleton" role="status">
      <span className="visually-hidden">{what} loads</span>
      <i />
      <i />
      <i />
    </div>
  );
}

export function Empty({
  title,
  children,
  icon = "check-circle",
  centre = false,
}: {
  readonly title: string;
  readonly children?: ReactNode;
  readonly icon?: IconName;
  readonly centre?: boolean;
}) {
  return (
    <div className={`empty ${centre ? "centre" : ""}`}>
      <div className="row">
        <Icon name={icon} />
        <p>{title}</p>
      </div>
      {children !== undefined && <div className="small faint">{children}</div>}
    </div>
  );
}

export function Failure({
  error,
  retry,
  what,
}: {
  readonly error: unknown;
  readonly retry?: () => void;
  readonly what: string;
}) {
  if (error instanceof ApiError && error.kind === "no-permission")
    return error.status === 401 ? <TokenNeeded /> : <NoPermission>{clipped(error.message)}</NoPermission>;
  if (error instanceof ApiError && error.kind === "offline")
    return (
      <Notice icon="offline" title="Prunella cannot be reached" retry={retry}>
        {what} will appear as soon as it answers again. Services run on meanwhile: they do not depend on this page.
      </Notice>
    );
  const text = error instanceof Error ? error.message : String(error);
  return (
    <Notice icon="alert" title={`${what} cannot be shown`} retry={retry}>
      {clipped(text)}
    </Notice>
  );
}

export function NotAvailable({ what }: { readonly what: string }) {
  return (
    <Notice icon="unknown" title="Not available in this build">
      {what} is not served by the Prunella that runs here.
    </Notice>
  );
}

export function isNotAvailable(error: unknown): boolean {
  return error instanceof ApiError && (error.status === 404 || error.status === 501);
}

/** Shown in place of what the token does not allow, with what would. */
export function NoPermission({ children }: { readonly children: ReactNode }) {
  return (
    <Notice icon="lock" title="Not allowed">
      {children}
    </Notice>
  );
}

function TokenNeeded() {
  return (
    <div className="empty" role="alert">
      <div className="row">
        <Icon name="lock" />
        <p>A token is needed</p>
      </div>
      <TokenForm />
    </div>
  );
}

function Notice({
  icon,
  title,
  retry,
  children,
}: {
  readonly icon: IconName;
  readonly title: string;
  readonly retry?: (() => void) | undefined;
  readonly children: ReactNode;
}) {
  return (
    <div className="empty" role="alert">
      <div className="row">
        <Icon name={icon} />
        <p>{title}</p>
      </div>
      <p className="small faint wrap">{children}</p>
      {retry !== undefined && (
        <Button small onClick={retry}>
          Try again
        </Button>
      )}
    </div>
  );
}

/** What is shown of a query: any of the library's, with pages or without. */
type Asked<T> = Pick<UseQueryResult<T>, "data" | "error" | "isPending"> & { readonly refetch: () => unknown };

export interface AsyncProps<T> {
  readonly query: Asked<T>;
  readonly what: string;
  readonly children: (data: T) => ReactNode;
  /** Shown for a list without items. */
  readonly empty?: ReactNode;
  /** Shown for 404; default: not available in this build. */
  readonly missing?: ReactNode;
  /** What is shown in place of the data stands in a panel of its own. */
  readonly framed?: boolean;
}

/** One query and its states. Data that is held is shown even while a newer answer fails: the bar on top says so. */
export function Async<T>({ query, what, children, empty, missing, framed = false }: AsyncProps<T>) {
  const { data } = query;
  if (data !== undefined && (empty === undefined || !isEmptyList(data))) return children(data);
  const state =
    data !== undefined ? (
      empty
    ) : query.isPending ? (
      <Loading what={what} />
    ) : isNotAvailable(query.error) ? (
      (missing ?? <NotAvailable what={what} />)
    ) : (
      <Failure error={query.error} retry={() => void query.refetch()} what={what} />
    );
  return framed ? <section className="panel">{state}</section> : state;
}

function isEmptyList(data: unknown): boolean {
  const items = typeof data === "object" && data !== null ? (data as { readonly items?: unknown }).items : undefined;
  return Array.isArray(items) && items.length === 0;
}

/** A panel of what one query answers; `optional`: it is left out where this build does not serve it. */
export function QueryPanel<T>({
  query,
  what,
  children,
  empty,
  missing,
  optional = false,
  ...panel
}: Omit<PanelProps, "children"> & Omit<AsyncProps<T>, "framed"> & { readonly optional?: boolean }) {
  if (optional && query.data === undefined && isNotAvailable(query.error)) return null;
  return (
    <Panel {...panel}>
      <Async query={query} what={what} empty={empty} missing={missing}>
        {children}
      </Async>
    </Panel>
  );
}
