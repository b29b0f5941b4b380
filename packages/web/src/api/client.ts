// Requests to the API of the same origin. Every failure is an ApiError with what the server said and what to do, and a kind
// that the screens have a designed state for. The token and the person's name stay in this browser.
import type { Problem } from "@prunella/contract";

export type FailureKind = "offline" | "no-permission" | "not-found" | "refused" | "busy" | "fault";

export class ApiError extends Error {
  readonly kind: FailureKind;
  readonly status: number;
  readonly field: string | null;
  constructor(kind: FailureKind, status: number, message: string, field: string | null = null) {
    super(message);
    this.name = "ApiError";
    this.kind = kind;
    this.status = status;
    this.field = field;
  }
}

/** Longest wait for an answer, ms; after it the request counts as offline and may be tried again. */
const requestMsMax = 20_000;
const tokenKey = "prunella.token";
const personKey = "prunella.person";

/** For this tab only unless the person asks to stay: a token that nobody stored cannot be stolen from storage. */
export function token(): string | null {
  return stored(sessionStorage, tokenKey) ?? stored(localStorage, tokenKey);
}
export function setToken(value: string | null, keep: boolean): void {
  for (const storage of [sessionStorage, localStorage]) storage.removeItem(tokenKey);
  if (value !== null) (keep ? localStorage : sessionStorage).setItem(tokenKey, value);
}
export function isTokenKept(): boolean {
  return stored(localStorage, tokenKey) !== null;
}

/** The name that decisions are recorded under; empty: the server's default. */
export function person(): string {
  return stored(localStorage, personKey) ?? "";
}
export function setPerson(name: string): void {
  if (name === "") localStorage.removeItem(personKey);
  else localStorage.setItem(personKey, name);
}

function stored(storage: Storage, key: string): string | null {
  try {
    return storage.getItem(key);
  } catch {
    return null;
  }
}

export function requestHeaders(): Record<string, string> {
  const secret = token();
  const name = person();
  return {
    ...(secret === null ? {} : { authorization: `Bearer ${secret}` }),
    ...(name === "" ? {} : { "x-prunella-user": name }),
  };
}

export type Query = Readonly<Record<string, string | number | boolean | readonly string[] | null | undefined>>;

/** Path below /api/v1 with its query; lists are joined by commas, absent values are left out. */
export function address(path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value === undefined || value === null || value === "") continue;
    const text = typeof value === "object" ? value.join(",") : String(value);
    if (text !== "") search.set(name, text);
  }
  const text = search.toString();
  return `/api/v1${path}${text === "" ? "" : `?${text}`}`;
}

export async function read<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  const response = await ask(address(path, query), { headers: requestHeaders(), ...(signal ? { signal } : {}) });
  return (await response.json()) as T;
}

/** As it came, for what is not JSON. */
export async function readText(path: string, query: Query = {}): Promise<string> {
  const response = await ask(address(path, query), { headers: requestHeaders() });
  return response.text();
}

export async function send<T>(path: string, body?: unknown, method: "POST" | "DELETE" = "POST"): Promise<T> {
  const response = await ask(address(path), {
    method,
    headers: { ...requestHeaders(), ...(body === undefined ? {} : { "content-type": "application/json" }) },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return (await response.json()) as T;
}

async function ask(url: string, init: RequestInit): Promise<Response> {
  const late = AbortSignal.timeout(requestMsMax);
  let response: Response;
  try {
    response = await fetch(url, { ...init, signal: init.signal ? AbortSignal.any([init.signal, late]) : late });
  } catch (error) {
    if (init.signal?.aborted === true) throw error;
    throw new ApiError(
      "offline",
      0,
      late.aborted ? "Prunella has not answered within 20 s." : "Prunella cannot be reached.",
    );
  }
  if (response.ok) return response;
  const problem = await problemOf(response);
  throw new ApiError(kindOf(response.status), response.status, problem.detail, problem.field ?? null);
}

async function problemOf(response: Response): Promise<Pick<Problem, "detail" | "field">> {
  try {
    const body = (await response.json()) as Partial<Problem>;
    if (typeof body.detail === "string") return { detail: body.detail, ...(body.field ? { field: body.field } : {}) };
  } catch {
    // Not JSON: the status must do.
  }
  return { detail: `The server answered ${response.status}.` };
}

function kindOf(status: number): FailureKind {
  if (status === 401 || status === 403) return "no-permission";
  if (status === 404) return "not-found";
  if (status === 429 || status === 503) return "busy";
  return status < 500 ? "refused" : "fault";
}
