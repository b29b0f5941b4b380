// Framing of the agent link: one JSON message a line, at most 1 MB. What arrives is checked far enough that the receiver may
// switch on `type` and trust the fields it needs to answer; anything else ends the connection with a reason.
import type { ToAgent, ToControl } from "./wire.ts";

/** Longest message in bytes, its newline included. A longer one is refused on both sides. */
export const messageBytesMax = 1_000_000;

/** One line, ready to write. Throws RangeError when it is longer than `messageBytesMax`. */
export function encodeMessage(message: ToAgent | ToControl): string {
  const line = `${JSON.stringify(message)}\n`;
  // A character is at most 3 bytes, so only a line that might be too long is measured.
  if (line.length * 3 > messageBytesMax && Buffer.byteLength(line) > messageBytesMax)
    throw new RangeError(
      `a message of type ${message.type} is ${Buffer.byteLength(line)} bytes; at most ${messageBytesMax} fit: send less at once`,
    );
  return line;
}

/**
 * Cuts a byte stream into messages. Call the returned function with each chunk; it calls `onMessage` in order, or
 * `onFault` once (line too long, or not JSON), after which it ignores everything.
 */
export function messageReader(
  onMessage: (message: unknown) => void,
  onFault: (reason: string) => void,
  bytesMax = messageBytesMax,
): (chunk: Buffer) => void {
  let parts: Buffer[] = [];
  let held = 0;
  let faulty = false;
  const fail = (reason: string): void => {
    faulty = true;
    parts = [];
    onFault(reason);
  };
  const take = (line: string): void => {
    let message: unknown;
    try {
      message = JSON.parse(line);
    } catch {
      fail("a line is not JSON");
      return;
    }
    onMessage(message);
  };
  return (chunk) => {
    let from = 0;
    while (!faulty) {
      const end = chunk.indexOf(10, from);
      const piece = chunk.subarray(from, end < 0 ? chunk.length : end);
      if (held + piece.length >= bytesMax) {
        fail(`a line is longer than ${bytesMax} bytes`);
        return;
      }
      if (end < 0) {
        if (piece.length > 0) {
          parts.push(piece);
          held += piece.length;
        }
        return;
      }
      const line = parts.length === 0 ? piece.toString() : Buffer.concat([...parts, piece]).toString();
      parts = [];
      held = 0;
      from = end + 1;
      if (line !== "") take(line);
    }
  };
}

/** The message if it is one that a control plane may send, else null. */
export function decodeToAgent(value: unknown): ToAgent | null {
  if (!isRecord(value)) return null;
  return ruleFor(toAgentRules, value)?.(value) === true ? (value as unknown as ToAgent) : null;
}

/** The message if it is one that an agent may send, else null. */
export function decodeToControl(value: unknown): ToControl | null {
  if (!isRecord(value)) return null;
  return ruleFor(toControlRules, value)?.(value) === true ? (value as unknown as ToControl) : null;
}

type Rule = (message: Fields) => boolean;
type Fields = Readonly<Record<string, unknown>>;

const toAgentRules: Readonly<Record<ToAgent["type"], Rule>> = {
  hello: (m) => m["version"] === 1 && isCount(m["fence"]) && isCount(m["pid"]),
  acknowledge: (m) => isCount(m["through"]),
  order: (m) => isCount(m["id"]) && isOrder(m["order"]),
  "outcome-of": (m) => isCount(m["id"]) && typeof m["key"] === "string",
  question: (m) => isCount(m["id"]) && isQuestion(m["question"]),
  drive: (m) => isCount(m["id"]) && typeof m["target"] === "string" && isRecord(m["command"]),
  heartbeat: (m) => typeof m["slug"] === "string",
  logs: (m) =>
    isCount(m["id"]) &&
    typeof m["target"] === "string" &&
    isCount(m["lines"]) &&
    (m["containing"] === null || typeof m["containing"] === "string") &&
    (m["anyOf"] === undefined || m["anyOf"] === null || isTexts(m["anyOf"], 20)),
  alive: () => true,
  "stop-all": () => true,
};

const toControlRules: Readonly<Record<ToControl["type"], Rule>> = {
  hello: (m) => m["version"] === 1 && typeof m["agent"] === "string" && isRecord(m["plan"]),
  event: (m) => isCount(m["number"]) && isRecord(m["signal"]) && typeof m["signal"]["id"] === "string",
  observations: (m) => Array.isArray(m["signals"]) && m["signals"].every(isRecord),
  lines: (m) =>
    typeof m["target"] === "string" &&
    (m["stream"] === "out" || m["stream"] === "err") &&
    isCount(m["at"]) &&
    isTexts(m["lines"], 1_000) &&
    isCount(m["lost"]),
  guards: (m) => typeof m["target"] === "string" && Array.isArray(m["snapshots"]),
  reply: (m) => isCount(m["id"]) && isRecord(m["reply"]) && typeof m["reply"]["kind"] === "string",
  plan: (m) => isRecord(m["plan"]),
};

function ruleFor(rules: Readonly<Record<string, Rule>>, message: Fields): Rule | undefined {
  const type = message["type"];
  return typeof type === "string" && Object.hasOwn(rules, type) ? rules[type] : undefined;
}

function isOrder(value: unknown): boolean {
  return (
    isRecord(value) &&
    typeof value["key"] === "string" &&
    value["key"].length <= 200 &&
    isCount(value["fence"]) &&
    typeof value["target"] === "string" &&
    isRecord(value["action"]) &&
    typeof value["action"]["type"] === "string" &&
    isCount(value["timeoutMs"])
  );
}

function isQuestion(value: unknown): boolean {
  return (
    isRecord(value) &&
    typeof value["target"] === "string" &&
    typeof value["want"] === "string" &&
    typeof value["detail"] === "string" &&
    isCount(value["timeoutMs"])
  );
}

function isRecord(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isTexts(value: unknown, most: number): boolean {
  return Array.isArray(value) && value.length <= most && value.every((each) => typeof each === "string");
}

function isCount(value: unknown): boolean {
  return typeof value === "number" && Number.isFinite(value) && value >= 0;
}
