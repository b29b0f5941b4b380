// The agent is another process: it may be away or slow, which is not the client's fault.
import { RequestError } from "../problem.ts";

/** How long the agent may take to answer, ms. */
const agentMsMax = 10_000;

export async function fromAgent<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${agentMsMax / 1000} s`)), agentMsMax);
  });
  try {
    return await Promise.race([answer, late]);
  } catch (error) {
    throw new RequestError(
      503,
      `the agent does not answer (${error instanceof Error ? error.message : String(error)}); try again`,
      {
        retryAfterS: 2,
      },
    );
  } finally {
    clearTimeout(timer);
  }
}
