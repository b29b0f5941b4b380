// Bodies as programs send them: compressed or not, of any content type, read as raw bytes with a limit on what they become.
// Bytes of all requests together are limited too; above that a sender is told to come back before anything is read.
import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Readable } from "node:stream";
import zlib from "node:zlib";
import { RequestError } from "../problem.ts";

/** Largest body, compressed and decompressed, bytes. */
export const wireBytesMax = 16 * 1024 * 1024;
export const bodyBytesMax = 64 * 1024 * 1024;
/** Bytes of all bodies that are being read or decoded at once. */
export const bytesAtOnceMax = 192 * 1024 * 1024;
/** A sender that is turned away comes back after this, s. */
export const retryAfterS = 5;

export interface BodyBudget {
  bytes: number;
}

/** Makes every request of this scope arrive as a Buffer. */
export function rawBodies(scope: FastifyInstance, budget: BodyBudget): void {
  const held = new WeakMap<FastifyRequest, number>();
  const hold = (request: FastifyRequest, bytes: number): void => {
    held.set(request, (held.get(request) ?? 0) + bytes);
    budget.bytes += bytes;
  };
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser("*", async (request: FastifyRequest, payload: Readable) => {
    if (budget.bytes > bytesAtOnceMax) throw tooBusy("too many bytes are being read at once");
    return readBody(request, payload, (bytes) => hold(request, bytes));
  });
  const release = async (request: FastifyRequest): Promise<void> => {
    budget.bytes -= held.get(request) ?? 0;
    held.delete(request);
  };
  scope.addHook("onResponse", release);
  scope.addHook("onRequestAbort", release);
}

export function tooBusy(why: string): RequestError {
  return new RequestError(429, `${why}; send it again in ${retryAfterS} s`, { retryAfterS });
}

async function readBody(request: FastifyRequest, payload: Readable, hold: (bytes: number) => void): Promise<Buffer> {
  const encoding = (request.headers["content-encoding"] ?? "identity").toLowerCase().trim();
  const unpack = unpackers[encoding];
  if (unpack === undefined)
    throw new RequestError(
      415,
      `content-encoding: ${encoding.slice(0, 40)} is not known; send gzip, deflate, br, zstd or none`,
      {
        field: "content-encoding",
      },
    );
  const chunks: Buffer[] = [];
  let wire = 0;
  let size = 0;
  const source = unpack === null ? payload : payload.pipe(unpack());
  payload.on("data", (chunk: Buffer) => {
    wire += chunk.length;
    if (wire > wireBytesMax) payload.destroy(tooLarge());
  });
  payload.on("error", (error) => source !== payload && source.destroy(error));
  try {
    for await (const chunk of source as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > bodyBytesMax) throw tooLarge();
      hold(chunk.length);
      chunks.push(chunk);
    }
  } catch (error) {
    if (error instanceof RequestError) throw error;
    const code = (error as NodeJS.ErrnoException).code ?? "";
    if (code.startsWith("Z_") || code.startsWith("ERR_") || code.startsWith("ZSTD"))
      throw new RequestError(400, `body: is no ${encoding} (${code}); correct it`, { field: "body" });
    throw error;
  } finally {
    if (source !== payload) source.destroy();
  }
  return Buffer.concat(chunks, size);
}

function tooLarge(): RequestError {
  return new RequestError(413, `body: is larger than ${bodyBytesMax / 1024 ** 2} MiB; send less at once`, {
    field: "body",
  });
}

const unpackers: Readonly<
  Record<string, (() => zlib.Gunzip | zlib.Inflate | zlib.BrotliDecompress | zlib.ZstdDecompress) | null>
> = {
  identity: null,
  "": null,
  gzip: () => zlib.createGunzip(),
  "x-gzip": () => zlib.createGunzip(),
  deflate: () => zlib.createInflate(),
  br: () => zlib.createBrotliDecompress(),
  zstd: () => zlib.createZstdDecompress(),
};

/** Parses JSON without letting keys of its own reach a prototype. Throws RequestError. */
export function json(body: unknown): unknown {
  if (!Buffer.isBuffer(body) || body.length === 0)
    throw new RequestError(400, "body: is empty; send JSON", { field: "body" });
  let text = body.toString("utf8");
  if (text.charCodeAt(0) === 0xfeff) text = text.slice(1);
  try {
    return JSON.parse(text, (key, value: unknown) => (key === "__proto__" ? undefined : value));
  } catch (error) {
    throw new RequestError(
      400,
      `body: is no JSON (${error instanceof Error ? error.message : String(error)}); correct it`,
      {
        field: "body",
      },
    );
  }
}
