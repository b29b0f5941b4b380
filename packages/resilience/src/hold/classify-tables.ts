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
 * By `code` or `name` of the error, in lower case, which is smaller when compressed than capitals. Transient: the network,
 * resources that run short for a while, Node's own and undici's timeouts, this package's timeouts and refusals, Redis clients
 * (ioredis, node-redis), SQLite's locks. Configuration: names, files, rights, certificates, options. Unexpected: bugs in the
 * program; not TypeError, which fetch throws around every network failure.
 */
const codes: Table = /* @__PURE__ */ table({
  transient: `econnrefused econnreset econnaborted epipe etimedout esockettimedout ehostunreach ehostdown enetunreach enetdown
    enetreset enotconn eai_again eagain ebusy emfile enfile enobufs enomem eaddrnotavail
    und_err_connect_timeout und_err_headers_timeout und_err_body_timeout und_err_socket und_err_closed und_err_destroyed
    und_err_bpl_missing_upstream und_err_response_status_code
    timeouterror prunella_timeout prunella_wait_timeout prunella_queue_full prunella_bulkhead_full prunella_breaker_open
    prunella_rate_limited prunella_limit_reached prunella_deadlock
    maxretriesperrequesterror clusterallfailederror connectiontimeouterror socketclosedunexpectedlyerror nr_closed
    connection_broken uncertain_state sqlite_busy sqlite_locked`,
  configuration: `enotfound enoent enotdir eisdir eacces eperm eaddrinuse erofs enospc eproto err_invalid_url
    err_unsupported_protocol err_tls_cert_altname_invalid cert_has_expired depth_zero_self_signed_cert self_signed_cert_in_chain
    unable_to_verify_leaf_signature unable_to_get_issuer_cert_locally prunella_bad_option prunella_invalid_input
    sqlite_cantopen sqlite_readonly sqlite_full`,
  unexpected: `und_err_invalid_arg und_err_headers_overflow prunella_lock_order prunella_rollback prunella_commit_unknown
    sqlite_corrupt referenceerror rangeerror syntaxerror`,
});

export function byCode(code: string): ErrorKind | undefined {
  return codes.get(code.toLowerCase());
}

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
  if (!(status >= 400 && status < 600)) return undefined;
  if ([401, 402, 403, 404, 405, 407, 410, 451, 501, 505, 511].includes(status)) return "configuration";
  return status >= 500 || [408, 421, 425, 429].includes(status) ? "transient" : "unexpected";
}
