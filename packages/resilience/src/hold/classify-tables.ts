// Which codes mean what: Node's system errors, undici (fetch), PostgreSQL's SQLSTATE (appendix A), Redis, HTTP (RFC 9110)
// and this package's own errors. Lists of words, because they are shipped to browsers; unknown codes are left out on purpose.
import type { ErrorKind } from "./classify.ts";

type Table = ReadonlyMap<string, ErrorKind>;

function table(words: Readonly<Record<ErrorKind, string>>): Table {
  return new Map(
    Object.entries(words).flatMap(([kind, list]) =>
      list.split(/\s+/).map((word) => [word, kind as ErrorKind] as const),
    ),
  );
}

/**
 * By `code` or `name` of the error. Transient: the network, resources that run short for a while, Node's own and undici's
 * timeouts, this package's timeouts and refusals, Redis clients (ioredis, node-redis), SQLite's locks. Configuration: names,
 * files, rights, certificates, options. Unexpected: bugs in the program; not TypeError, which fetch throws around every
 * network failure.
 */
export const byCode: Table = /* @__PURE__ */ table({
  transient: `ECONNREFUSED ECONNRESET ECONNABORTED EPIPE ETIMEDOUT ESOCKETTIMEDOUT EHOSTUNREACH EHOSTDOWN ENETUNREACH ENETDOWN
    ENETRESET ENOTCONN EAI_AGAIN EAGAIN EBUSY EMFILE ENFILE ENOBUFS ENOMEM EADDRNOTAVAIL
    UND_ERR_CONNECT_TIMEOUT UND_ERR_HEADERS_TIMEOUT UND_ERR_BODY_TIMEOUT UND_ERR_SOCKET UND_ERR_CLOSED UND_ERR_DESTROYED
    UND_ERR_BPL_MISSING_UPSTREAM UND_ERR_RESPONSE_STATUS_CODE
    TimeoutError PRUNELLA_TIMEOUT PRUNELLA_WAIT_TIMEOUT PRUNELLA_QUEUE_FULL PRUNELLA_BULKHEAD_FULL PRUNELLA_BREAKER_OPEN
    PRUNELLA_RATE_LIMITED PRUNELLA_LIMIT_REACHED PRUNELLA_DEADLOCK
    MaxRetriesPerRequestError ClusterAllFailedError ConnectionTimeoutError SocketClosedUnexpectedlyError NR_CLOSED
    CONNECTION_BROKEN UNCERTAIN_STATE SQLITE_BUSY SQLITE_LOCKED`,
  configuration: `ENOTFOUND ENOENT ENOTDIR EISDIR EACCES EPERM EADDRINUSE EROFS ENOSPC EPROTO ERR_INVALID_URL
    ERR_UNSUPPORTED_PROTOCOL ERR_TLS_CERT_ALTNAME_INVALID CERT_HAS_EXPIRED DEPTH_ZERO_SELF_SIGNED_CERT SELF_SIGNED_CERT_IN_CHAIN
    UNABLE_TO_VERIFY_LEAF_SIGNATURE UNABLE_TO_GET_ISSUER_CERT_LOCALLY PRUNELLA_BAD_OPTION PRUNELLA_INVALID_INPUT
    SQLITE_CANTOPEN SQLITE_READONLY SQLITE_FULL`,
  unexpected: `UND_ERR_INVALID_ARG UND_ERR_HEADERS_OVERFLOW PRUNELLA_LOCK_ORDER PRUNELLA_ROLLBACK PRUNELLA_COMMIT_UNKNOWN
    SQLITE_CORRUPT ReferenceError RangeError SyntaxError`,
});

/** By the first word of the message, in capitals, as Redis answers. */
const byRedisWord: Table = /* @__PURE__ */ table({
  transient: "LOADING BUSY TRYAGAIN CLUSTERDOWN MASTERDOWN READONLY OOM NOREPLICAS",
  configuration: "NOAUTH WRONGPASS NOPERM",
  unexpected: "WRONGTYPE",
});

/** As `pg` and its pool say that a connection was lost or did not come about. */
const lostConnection =
  /^(Connection terminated (unexpectedly|due to connection timeout)|timeout exceeded when trying to connect)/;

export function byMessage(message: string): ErrorKind | undefined {
  return (
    byRedisWord.get(message.split(" ", 1)[0] as string) ?? (lostConnection.test(message) ? "transient" : undefined)
  );
}

/**
 * PostgreSQL's SQLSTATE in full: deadlock and serialisation, lock not available, statement timeout, shutdowns and starts, a
 * standby that answers during failover (25006); catalogue or schema that is not there, privileges, undefined table, disk full.
 */
const sqlStates: Table = /* @__PURE__ */ table({
  transient: "40001 40P01 55P03 57014 57P01 57P02 57P03 25006",
  configuration: "3D000 3F000 42501 42P01 53100",
  unexpected: "",
});

/** By its class: connection, rollback, resources, system; authorisation; data, constraint, syntax, internal error. */
const sqlClasses: Table = /* @__PURE__ */ table({
  transient: "08 40 53 58",
  configuration: "28",
  unexpected: "22 23 42 XX",
});

export function bySqlState(state: string): ErrorKind | undefined {
  return sqlStates.get(state) ?? sqlClasses.get(state.slice(0, 2));
}

export function byHttpStatus(status: number): ErrorKind | undefined {
  if ([408, 421, 425, 429, 500, 502, 503, 504, 507].includes(status)) return "transient";
  if ([401, 402, 403, 404, 405, 407, 410, 451, 501, 505, 511].includes(status)) return "configuration";
  if (status >= 400 && status < 500) return "unexpected";
  return status >= 500 && status < 600 ? "transient" : undefined;
}
