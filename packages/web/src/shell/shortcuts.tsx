// All keys on one page. Opened by "?".
import Dialog from "../ui/dialog.tsx";
import { Button } from "../ui/parts.tsx";
import { isMac, places } from "./places.ts";

const groups = (): readonly { readonly title: string; readonly keys: readonly (readonly [string, string])[] }[] => [
  {
    title: "Everywhere",
    keys: [
      [isMac() ? "⌘ K" : "Ctrl K", "search and commands"],
      ["?", "this list"],
      ...places.map((place) => [`g ${place.key}`, `go to ${place.name}`] as const),
    ],
  },
  {
    title: "Issues",
    keys: [
      ["/", "search"],
      ["j  k", "next, previous"],
      ["Enter", "open"],
      ["x", "select"],
      ["Shift X", "select all shown"],
      ["e", "resolve"],
      ["s", "snooze"],
      ["i", "ignore"],
      ["Esc", "clear the selection"],
    ],
  },
  {
    title: "One issue",
    keys: [
      ["e", "resolve"],
      ["s", "snooze"],
      ["c", "comment"],
      ["j  k", "next, previous incident"],
    ],
  },
  {
    title: "Approvals",
    keys: [
      ["j  k", "next, previous"],
      ["a", "approve"],
      ["r", "refuse"],
    ],
  },
];

export default function Shortcuts({ close }: { readonly close: () => void }) {
  return (
    <Dialog title="Keys" close={close} wide>
      <div className="key-groups">
        {groups().map((group) => (
          <section key={group.title} className="stack tight">
            <h3>{group.title}</h3>
            <dl className="facts">
              {group.keys.map(([keys, what]) => (
                <div key={keys} className="key-line">
                  <dt>
                    <kbd>{keys}</kbd>
                  </dt>
                  <dd>{what}</dd>
                </div>
              ))}
            </dl>
          </section>
        ))}
      </div>
      <div className="dialog-foot">
        <Button onClick={close}>Close</Button>
      </div>
    </Dialog>
  );
}
