// Asks until when an issue may sleep: a time, so many more occurrences, or until it gets worse.
import Ask from "../../ui/ask.tsx";

const minute = 60_000;
const choices: readonly {
  readonly name: string;
  readonly value: string;
  readonly until: Readonly<Record<string, unknown>>;
}[] = [
  { name: "for 1 hour", value: "hour", until: { forMs: 60 * minute } },
  { name: "for 8 hours", value: "shift", until: { forMs: 8 * 60 * minute } },
  { name: "for 1 day", value: "day", until: { forMs: 24 * 60 * minute } },
  { name: "for 1 week", value: "week", until: { forMs: 7 * 24 * 60 * minute } },
  { name: "until it has occurred 10 more times", value: "occurrences", until: { occurrences: 10 } },
  { name: "until it gets worse", value: "worse", until: { worse: true } },
];

export default function Snooze({
  what,
  close,
  onConfirm,
}: {
  readonly what: string;
  readonly close: () => void;
  readonly onConfirm: (until: Readonly<Record<string, unknown>>, why: string) => void;
}) {
  return (
    <Ask
      title={`Snooze ${what}`}
      why="optional"
      confirm="Snooze"
      choices={{ label: "Let it sleep", items: choices }}
      close={close}
      onConfirm={(why, value) => {
        const choice = choices.find((each) => each.value === value);
        if (choice !== undefined) onConfirm(choice.until, why);
      }}
    >
      <p className="muted">Nobody is called meanwhile. Repairs go on by their own rules.</p>
    </Ask>
  );
}
