// Tokens: by whose leave a request comes, how far that reaches, and for how long. Only a digest of the secret is ever known
// here; who holds it and whether it fits is the server's to say.
import { ConflictError, InvalidInputError, NotFoundError } from "./errors.ts";
import type { TimeMs } from "./signal/index.ts";
import type { Draft } from "./world.ts";

/** Each includes those before it. */
export const scopes = ["read", "operate", "admin"] as const;
export type Scope = (typeof scopes)[number];

export function includesScope(held: Scope, needed: Scope): boolean {
  return scopes.indexOf(held) >= scopes.indexOf(needed);
}

/** Tokens that are not over; one more is refused. */
export const tokensMax = 100;
/** A token that is over is listed for this long, ms. */
export const tokenMemoryMs = 24 * 3_600_000;
/** Use is noted this often at most, ms: each note is a commit. */
export const tokenUseEveryMs = 60_000;
/** Longest time until a token ends by itself, ms: ten years. */
const tokenMsMax = 3_653 * 24 * 3_600_000;

export interface Token {
  readonly id: string;
  /** Whose it is: what its holder does is recorded under this name. No two that hold share one. */
  readonly name: string;
  readonly scope: Scope;
  /** SHA-256 of the secret, hexadecimal. */
  readonly digest: string;
  readonly createdAt: TimeMs;
  readonly createdBy: string;
  /** Null: until it is revoked. */
  readonly endsAt: TimeMs | null;
  /** Null: it was not; it ends by itself or never. */
  readonly revokedBy: string | null;
  /** To within `tokenUseEveryMs`; null: never. */
  readonly usedAt: TimeMs | null;
}

export type TokenCommand =
  | {
      readonly type: "create-token";
      readonly name: string;
      readonly scope: Scope;
      readonly digest: string;
      readonly endsAt: TimeMs | null;
    }
  /** By id or name. */
  | { readonly type: "revoke-token"; readonly token: string }
  | { readonly type: "use-token"; readonly token: string };

export function tokenState(token: Token, now: TimeMs): "active" | "expired" | "revoked" {
  if (token.endsAt === null || now < token.endsAt) return "active";
  return token.revokedBy === null ? "expired" : "revoked";
}

interface Done {
  readonly id: string;
  readonly changed: boolean;
  readonly message: string;
}

export function carryOutToken(draft: Draft, command: TokenCommand & { readonly by: string }): Done {
  switch (command.type) {
    case "create-token":
      return create(draft, command);
    case "revoke-token": {
      const known = find(draft, command.token);
      if (tokenState(known, draft.now) !== "active")
        return { id: known.id, changed: false, message: `token ${known.id} is over already` };
      draft.putToken({ ...known, endsAt: draft.now, revokedBy: command.by });
      draft.noteSystem(command.by, known.id, "token-revoked", `${known.name}, ${known.scope}`);
      return { id: known.id, changed: true, message: `token ${known.id} of ${known.name} is revoked` };
    }
    case "use-token": {
      const known = find(draft, command.token);
      if (known.usedAt !== null && draft.now - known.usedAt < tokenUseEveryMs)
        return { id: known.id, changed: false, message: "noted already" };
      draft.putToken({ ...known, usedAt: draft.now });
      return { id: known.id, changed: true, message: "noted" };
    }
    default:
      return command satisfies never;
  }
}

function create(
  draft: Draft,
  command: Extract<TokenCommand, { type: "create-token" }> & { readonly by: string },
): Done {
  const { name, scope, digest, endsAt } = command;
  if (endsAt !== null && endsAt <= draft.now)
    throw new InvalidInputError("endsAt", "lies in the past", "name a later end, or leave it out");
  if (endsAt !== null && endsAt - draft.now > tokenMsMax)
    throw new InvalidInputError("endsAt", "lies more than ten years ahead", "name an earlier end, or leave it out");
  const active = draft.tokens().filter((token) => tokenState(token, draft.now) === "active");
  if (active.length >= tokensMax) throw new ConflictError(`${tokensMax} tokens hold already; revoke one`);
  if (active.some((token) => token.name === name))
    throw new ConflictError(`${name} has a token already; revoke it, or take another name`);
  const id = `K${draft.nextNumber("K")}`;
  draft.putToken({
    id,
    name,
    scope,
    digest,
    createdAt: draft.now,
    createdBy: command.by,
    endsAt,
    revokedBy: null,
    usedAt: null,
  });
  draft.noteSystem(command.by, id, "token-created", `${name}, ${scope}`);
  const until = endsAt === null ? "until it is revoked" : `until ${new Date(endsAt).toISOString()}`;
  return { id, changed: true, message: `token ${id} of ${name} holds ${until}, with the scope ${scope}` };
}

function find(draft: Draft, wanted: string): Token {
  const all = draft.tokens();
  const found =
    all.find((token) => token.id === wanted) ??
    all.find((token) => token.name === wanted && tokenState(token, draft.now) === "active");
  if (found === undefined) throw new NotFoundError("token", wanted);
  return found;
}
