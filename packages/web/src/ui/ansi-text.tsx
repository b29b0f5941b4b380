// One line of output with its colours, as spans of text.
import { ansiSpans } from "../format/ansi.ts";

export function AnsiText({ line }: { readonly line: string }) {
  return ansiSpans(line).map((span, at) =>
    span.look === "" ? (
      span.text
    ) : (
      <span key={at} className={span.look}>
        {span.text}
      </span>
    ),
  );
}
