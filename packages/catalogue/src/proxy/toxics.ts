// What a toxic does to the bytes of one direction of one connection. Names, attributes and units are Toxiproxy's. Toxics may
// be added and removed while connections are open; each piece of data passes those that are there when its turn comes.
import { InvalidInputError } from "@prunella/core";

export const toxicTypes = [
  "latency",
  "bandwidth",
  "slow_close",
  "timeout",
  "reset_peer",
  "slicer",
  "limit_data",
] as const;
export type ToxicType = (typeof toxicTypes)[number];

export interface Toxic {
  readonly name: string;
  readonly type: ToxicType;
  readonly stream: "upstream" | "downstream";
  /** Share of the connections that are hit, 0 to 1; decided once for each connection. */
  readonly toxicity: number;
  readonly attributes: Readonly<Record<string, number>>;
}

/** Attributes with their defaults: ms, but rate in KB/s, delay of the slicer in microseconds, sizes in bytes. */
const attributesOf: Readonly<Record<ToxicType, Readonly<Record<string, number>>>> = {
  latency: { latency: 0, jitter: 0 },
  bandwidth: { rate: 0 },
  slow_close: { delay: 0 },
  timeout: { timeout: 0 },
  reset_peer: { timeout: 0 },
  slicer: { average_size: 0, size_variation: 0, delay: 0 },
  limit_data: { bytes: 0 },
};
/** Longest delay, and largest size or rate, that a toxic may ask for. */
const attributeMax = 3_600_000_000;

/** A toxic as the API takes it. Throws InvalidInputError. */
export function readToxic(value: unknown, known?: Toxic): Toxic {
  const given = (typeof value === "object" && value !== null ? value : {}) as Record<string, unknown>;
  const type = known?.type ?? toxicTypes.find((each) => each === given["type"]);
  if (type === undefined)
    throw new InvalidInputError(
      "type",
      `is ${JSON.stringify(given["type"] ?? null)}, which is no toxic`,
      `use ${toxicTypes.join(", ")}`,
    );
  const stream = known?.stream ?? given["stream"] ?? "downstream";
  if (stream !== "upstream" && stream !== "downstream")
    throw new InvalidInputError("stream", "must be upstream or downstream", "leave it out for downstream");
  const toxicity = given["toxicity"] ?? known?.toxicity ?? 1;
  if (typeof toxicity !== "number" || !(toxicity >= 0 && toxicity <= 1))
    throw new InvalidInputError("toxicity", "must be from 0 to 1", "leave it out for every connection");
  const wanted = (given["attributes"] ?? {}) as Record<string, unknown>;
  const attributes = { ...attributesOf[type], ...known?.attributes };
  for (const [name, attribute] of Object.entries(wanted)) {
    if (!Object.hasOwn(attributes, name))
      throw new InvalidInputError(
        `attributes.${name}`,
        `is no attribute of ${type}`,
        `it has ${Object.keys(attributes).join(", ")}`,
      );
    if (typeof attribute !== "number" || !(attribute >= 0 && attribute <= attributeMax))
      throw new InvalidInputError(`attributes.${name}`, "must be a number from 0", `write at most ${attributeMax}`);
    attributes[name] = attribute;
  }
  const name = known?.name ?? given["name"] ?? `${type}_${stream}`;
  if (typeof name !== "string" || name === "" || name.length > 100)
    throw new InvalidInputError("name", "must be a text of 1 to 100 characters", "leave it out for TYPE_STREAM");
  return { name, type, stream, toxicity, attributes };
}

/** One piece of data on its way, with the time it arrived. */
export interface Piece {
  readonly data: Buffer;
  readonly at: number;
}

export interface Connection {
  /** Bytes let through so far, by this direction. */
  passed: number;
  readonly closed: boolean;
  readonly random: () => number;
  /** Ends both sides in an orderly way. */
  close(): void;
  sleep(ms: number): Promise<void>;
}

/** What passes of a piece, and when: pieces are given on in order, each as soon as the toxic lets it. */
export async function* through(
  toxic: Toxic,
  pieces: AsyncIterable<Piece>,
  connection: Connection,
): AsyncIterable<Piece> {
  const value = (name: string): number => toxic.attributes[name] ?? 0;
  for await (const piece of pieces) {
    if (connection.closed) return;
    switch (toxic.type) {
      case "latency": {
        const jitter = value("jitter");
        const delay = value("latency") + (jitter === 0 ? 0 : (connection.random() * 2 - 1) * jitter);
        // Counted from its arrival, so a stream keeps its throughput and is only late.
        await connection.sleep(piece.at + Math.max(0, delay) - performance.now());
        yield piece;
        break;
      }
      case "bandwidth":
        yield* narrowed(piece, value("rate") * 1_000, connection);
        break;
      case "slicer":
        yield* sliced(piece, value("average_size"), value("size_variation"), value("delay") / 1_000, connection);
        break;
      case "limit_data": {
        const left = value("bytes") - connection.passed;
        if (left > 0) {
          connection.passed += Math.min(left, piece.data.length);
          yield { ...piece, data: piece.data.subarray(0, left) };
        }
        if (piece.data.length >= left) {
          connection.close();
          return;
        }
        break;
      }
      case "timeout":
        // Nothing passes; the proxy closes the connection when its time is over.
        break;
      case "reset_peer":
      case "slow_close":
        yield piece;
        break;
      default:
        toxic.type satisfies never;
    }
  }
}

/** At a rate of 0 nothing passes. Sent in pieces of a tenth of a second, so that a rate is a flow and not a wait. */
async function* narrowed(piece: Piece, bytesPerSecond: number, connection: Connection): AsyncIterable<Piece> {
  if (bytesPerSecond <= 0) return;
  const size = Math.max(1, Math.floor(bytesPerSecond / 10));
  for (let at = 0; at < piece.data.length && !connection.closed; at += size) {
    const data = piece.data.subarray(at, at + size);
    await connection.sleep((data.length * 1_000) / bytesPerSecond);
    yield { ...piece, data };
  }
}

async function* sliced(
  piece: Piece,
  average: number,
  variation: number,
  delayMs: number,
  connection: Connection,
): AsyncIterable<Piece> {
  for (let at = 0; at < piece.data.length && !connection.closed;) {
    const size = Math.max(1, Math.round(average + (connection.random() * 2 - 1) * variation));
    yield { ...piece, data: piece.data.subarray(at, at + size) };
    at += size;
    if (at < piece.data.length) await connection.sleep(delayMs);
  }
}
