// Text from signals made harmless for the eye: React writes it as text anyway, so markup never acts; what is left are control
// characters, which may hide or reverse what stands beside them, and sheer length.

/** Bidirectional controls reorder the text around them; shown as what they are they reorder nothing. */
const bidi = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
/** Invisible or line-breaking where no line should break; tab and newline are kept. */
const controls = /[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029\ufeff\ufff9-\ufffb]/g;
/** More marks than this upon one letter paint over the lines above and below ("zalgo"). */
const stacked = /(\p{M}{4})\p{M}+/gu;

/** Same text with every control character replaced by a visible sign. */
export function harmless(text: string): string {
  return text.replace(/\r\n?/g, "\n").replace(bidi, "\u{fffd}").replace(controls, "\u{fffd}").replace(stacked, "$1");
}

/** Cuts text to a length for a place that shows a line or a paragraph, and makes it harmless. */
export function clipped(text: string, charactersMax = 400): string {
  const short = text.length > charactersMax ? `${text.slice(0, charactersMax).trimEnd()}…` : text;
  return harmless(short);
}

/** Long text, such as a stack: cut in the middle of nowhere, with what is missing said. */
export function block(text: string, charactersMax = 20_000): string {
  if (text.length <= charactersMax) return harmless(text);
  return `${harmless(text.slice(0, charactersMax))}\n… ${(text.length - charactersMax).toLocaleString("en-GB")} more characters`;
}
