// Which codes mean what: Node's system errors, undici (fetch), PostgreSQL's SQLSTATE (appendix A), Redis, HTTP (RFC 9110)
// and this package's own refusals. One table each; unknown codes are left out on purpose.
import type { ErrorKind } from "./classify.ts";

const transient = "transient";
const configuration = "configuration";
const unexpected = "unexpected";

/** By `code` or `name` of the error. */
export const byCode: Readonly<Record<string, ErrorKind | undefined>> = Object.assign(
  Object.create(null) as Record<string, ErrorKind>,
  {
    // Node system errors: the network, and resources that run short for a while.
    ECONNREFUSED: transient,
    ECONNRESET: transient,
    ECONNABORTED: transient,
    EPIPE: transient,
    ETIMEDOUT: transient,
    ESOCKETTIMEDOUT: transient,
    EHOSTUNREACH: transient,
    EHOSTDOWN: transient,
    ENETUNREACH: transient,
    ENETDOWN: transient,
    ENETRESET: transient,
    ENOTCONN: transient,
    EAI_AGAIN: transient,
    EAGAIN: transient,
    EBUSY: transient,
    EMFILE: transient,
    ENFILE: transient,
    ENOBUFS: transient,
    ENOMEM: transient,
    EADDRNOTAVAIL: transient,
    // Names, files, rights and certificates: somebody must correct them.
    ENOTFOUND: configuration,
    ENOENT: configuration,
    ENOTDIR: configuration,
    EISDIR: configuration,
    EACCES: configuration,
    EPERM: configuration,
    EADDRINUSE: configuration,
    EROFS: configuration,
    ENOSPC: configuration,
    EPROTO: configuration,
    ERR_INVALID_URL: configuration,
    ERR_UNSUPPORTED_PROTOCOL: configuration,
    ERR_TLS_CERT_ALTNAME_INVALID: configuration,
    CERT_HAS_EXPIRED: configuration,
    DEPTH_ZERO_SELF_SIGNED_CERT: configuration,
    SELF_SIGNED_CERT_IN_CHAIN: configuration,
    UNABLE_TO_VERIFY_LEAF_SIGNATURE: configuration,
    UNABLE_TO_GET_ISSUER_CERT_LOCALLY: configuration,
    // undici, which is also Node's fetch.
    UND_ERR_CONNECT_TIMEOUT: transient,
    UND_ERR_HEADERS_TIMEOUT: transient,
    UND_ERR_BODY_TIMEOUT: transient,
    UND_ERR_SOCKET: transient,
    UND_ERR_CLOSED: transient,
    UND_ERR_DESTROYED: transient,
    UND_ERR_BPL_MISSING_UPSTREAM: transient,
    UND_ERR_RESPONSE_STATUS_CODE: transient,
    UND_ERR_INVALID_ARG: unexpected,
    UND_ERR_HEADERS_OVERFLOW: unexpected,
    // Timeouts by name, and the refusals of this package.
    TimeoutError: transient,
    PRUNELLA_OVERRUN: transient,
    PRUNELLA_WAIT_TIMEOUT: transient,
    PRUNELLA_QUEUE_FULL: transient,
    PRUNELLA_QUOTA_EXCEEDED: transient,
    PRUNELLA_LIMIT_REACHED: transient,
    PRUNELLA_DEADLOCK: transient,
    PRUNELLA_BAD_OPTION: configuration,
    PRUNELLA_INVALID_INPUT: configuration,
    PRUNELLA_LOCK_ORDER: unexpected,
    PRUNELLA_ROLLBACK: unexpected,
    // Redis clients (ioredis, node-redis) by name or code.
    MaxRetriesPerRequestError: transient,
    ClusterAllFailedError: transient,
    ConnectionTimeoutError: transient,
    SocketClosedUnexpectedlyError: transient,
    NR_CLOSED: transient,
    CONNECTION_BROKEN: transient,
    UNCERTAIN_STATE: transient,
    // SQLite.
    SQLITE_BUSY: transient,
    SQLITE_LOCKED: transient,
    SQLITE_CANTOPEN: configuration,
    SQLITE_READONLY: configuration,
    SQLITE_FULL: configuration,
    SQLITE_CORRUPT: unexpected,
    // JavaScript's own: a bug in the program. Not TypeError: fetch throws one around every network failure.
    ReferenceError: unexpected,
    RangeError: unexpected,
    SyntaxError: unexpected,
  },
);

/** By the beginning of the message, as Redis answers and some drivers speak. */
export const byMessage: readonly (readonly [string, ErrorKind])[] = [
  ["LOADING ", transient],
  ["BUSY ", transient],
  ["TRYAGAIN ", transient],
  ["CLUSTERDOWN ", transient],
  ["MASTERDOWN ", transient],
  ["READONLY ", transient],
  ["OOM ", transient],
  ["NOREPLICAS ", transient],
  ["NOAUTH ", configuration],
  ["WRONGPASS ", configuration],
  ["NOPERM ", configuration],
  ["WRONGTYPE ", unexpected],
  ["Connection terminated unexpectedly", transient],
  ["Connection terminated due to connection timeout", transient],
  ["timeout exceeded when trying to connect", transient],
];

/** PostgreSQL by exact SQLSTATE, then by its class (first two characters). */
export function bySqlState(state: string): ErrorKind | undefined {
  return sqlStates[state] ?? sqlClasses[state.slice(0, 2)];
}

const sqlStates: Readonly<Record<string, ErrorKind>> = {
  "40001": transient, // serialization_failure
  "40P01": transient, // deadlock_detected
  "55P03": transient, // lock_not_available
  "57014": transient, // query_canceled (statement timeout)
  "57P01": transient, // admin_shutdown
  "57P02": transient, // crash_shutdown
  "57P03": transient, // cannot_connect_now
  "25006": transient, // read_only_sql_transaction: a standby answers during failover
  "3D000": configuration, // invalid_catalog_name
  "3F000": configuration, // invalid_schema_name
  "42501": configuration, // insufficient_privilege
  "42P01": configuration, // undefined_table
  "53100": configuration, // disk_full
};

const sqlClasses: Readonly<Record<string, ErrorKind>> = {
  "08": transient, // connection exception
  "28": configuration, // invalid authorization
  "40": transient, // transaction rollback
  "53": transient, // insufficient resources
  "58": transient, // system error
  "22": unexpected, // data exception
  "23": unexpected, // integrity constraint violation
  "42": unexpected, // syntax error
  XX: unexpected, // internal error
};

export function byHttpStatus(status: number): ErrorKind | undefined {
  if ([408, 421, 425, 429, 500, 502, 503, 504, 507].includes(status)) return transient;
  if ([401, 402, 403, 404, 405, 407, 410, 451, 501, 505, 511].includes(status)) return configuration;
  if (status >= 400 && status < 500) return unexpected;
  return status >= 500 && status < 600 ? transient : undefined;
}
