// Gives the application its address. Listening where other machines can reach it demands a token.
import { checkBinding } from "./access.ts";
import { application } from "./app.ts";
import type { ServerOptions } from "./host.ts";

export interface Server {
  readonly url: string;
  /** Ends open requests and frees the port. */
  close(): Promise<void>;
}

/** Throws InvalidInputError for a host or token file that is not safe; listen errors (EADDRINUSE) as they come. */
export async function serve(options: ServerOptions): Promise<Server> {
  checkBinding(options.host, options.tokenFile);
  const app = await application(options);
  const url = await app.listen({ host: options.host, port: options.port });
  return { url, close: () => app.close() };
}
