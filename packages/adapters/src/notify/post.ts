// One HTTP request to a receiver: bounded in time, redirects not followed (they would carry headers, and with them a token,
// elsewhere), the address never in an error beyond its host, since it may be a secret.

export interface Posted {
  readonly status: number;
  /** The beginning of the answer, at most 300 characters of one line. */
  readonly answer: string;
}

const answerBytesMax = 10_000;

/** Rejects when the receiver cannot be reached, does not answer in time, or answers anything but 2xx. */
export async function post(
  what: string,
  url: string,
  body: unknown,
  more: { readonly headers?: Readonly<Record<string, string>>; readonly timeoutMs?: number } = {},
): Promise<Posted> {
  const address = URL.parse(url);
  if (address === null || !/^https?:$/.test(address.protocol))
    throw new Error(`${what}: its address is no http or https URL; correct it in the configuration`);
  const where = `${what} at ${address.host}`;
  // Name and password in the address become the header that fetch refuses to make of them.
  const { username, password } = address;
  address.username = "";
  address.password = "";
  let response;
  try {
    response = await fetch(address, {
      method: "POST",
      redirect: "manual",
      signal: AbortSignal.timeout(more.timeoutMs ?? 10_000),
      headers: {
        "content-type": "application/json",
        "user-agent": "prunella",
        ...(username === ""
          ? {}
          : {
              authorization: `Basic ${Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString("base64")}`,
            }),
        ...more.headers,
      },
      body: JSON.stringify(body),
    });
  } catch (error) {
    const cause: unknown = error instanceof Error ? (error.cause ?? error) : error;
    throw new Error(`${where} was not reached: ${cause instanceof Error ? cause.message : String(cause)}`, {
      cause: error,
    });
  }
  const answer = await beginning(response);
  if (response.status >= 200 && response.status <= 299) return { status: response.status, answer };
  const hint =
    response.status >= 300 && response.status < 400
      ? "; redirects are not followed: configure the final address"
      : answer === ""
        ? ""
        : `: ${answer}`;
  throw new Error(`${where} answered ${response.status}${hint}`);
}

async function beginning(response: Response): Promise<string> {
  let text = "";
  const decoder = new TextDecoder();
  try {
    for await (const chunk of response.body ?? []) {
      text += decoder.decode(chunk as Uint8Array, { stream: true });
      if (text.length >= answerBytesMax) break;
    }
  } catch {
    // The status has come; what was to follow is of no account.
  }
  return text
    .replace(/[\s\p{Cc}]+/gu, " ")
    .trim()
    .slice(0, 300);
}
