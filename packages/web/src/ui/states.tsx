// What a screen shows when there is nothing to show: it loads, it is empty, it failed, the server is away, the token is
// missing, this build does not have it. Each says what it means and what to do.
import type { UseQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { ApiError } from "../api/client.ts";
import { clipped } from "../format/text.ts";
import { Icon, type IconName } from "./icon.tsx";
import { Button } from "./parts.tsx";
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
  if (error instanceof ApiError && error.kind === "no-permission") return <NoPermission error={error} />;
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

function NoPermission({ error }: { readonly error: ApiError }) {
  return (
    <div className="empty" role="alert">
      <div className="row">
        <Icon name="lock" />
        <p>{error.status === 401 ? "A token is needed" : "Not allowed"}</p>
      </div>
      {error.status === 401 ? <TokenForm /> : <p className="small faint">{clipped(error.message)}</p>}
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

/** One query and its states. Data that is held is shown even while a newer answer fails: the bar on top says so. */
export function Async<T>({
  query,
  what,
  children,
  missing,
}: {
  readonly query: UseQueryResult<T>;
  readonly what: string;
  readonly children: (data: T) => ReactNode;
  /** Shown for 404; default: not available in this build. */
  readonly missing?: ReactNode;
}) {
  if (query.data !== undefined) return children(query.data);
  if (query.isPending) return <Loading what={what} />;
  if (isNotAvailable(query.error)) return missing ?? <NotAvailable what={what} />;
  return <Failure error={query.error} retry={() => void query.refetch()} what={what} />;
}
