// The search field of the issues: completes fields and values, marks what is not understood, and hands on what was typed
// once the typing pauses. A combobox as the ARIA practices describe.
import { completeIssueQuery, issueQueryCharactersMax, parseIssueQuery, withCompletion } from "@prunella/contract";
import { useEffect, useId, useRef, useState, type RefObject } from "react";
import { Icon } from "../../ui/icon.tsx";

/** Wait after the last key before the list follows, ms. */
const settleMs = 250;

export function Search({
  value,
  onChange,
  known,
  inputRef,
}: {
  readonly value: string;
  readonly onChange: (value: string) => void;
  readonly known: {
    readonly targets: readonly string[];
    readonly kinds: readonly string[];
    readonly assignees: readonly string[];
  };
  readonly inputRef: RefObject<HTMLInputElement | null>;
}) {
  const [text, setText] = useState(value);
  const [isOpen, setOpen] = useState(false);
  const [at, setAt] = useState(-1);
  const sent = useRef(value);
  const listId = useId();
  useEffect(() => {
    // The address changed by other means: a saved view, the back button.
    if (value !== sent.current) setText(value);
    sent.current = value;
  }, [value]);
  useEffect(() => {
    if (text === sent.current) return;
    const timer = window.setTimeout(() => {
      sent.current = text;
      onChange(text);
    }, settleMs);
    return () => window.clearTimeout(timer);
  }, [onChange, text]);

  const offers = isOpen ? completeIssueQuery(text, known) : [];
  const problem = parseIssueQuery(text).problems[0];
  const take = (offer: string): void => {
    const next = withCompletion(text, offer);
    setText(next);
    setAt(-1);
    setOpen(offer.endsWith(":"));
    inputRef.current?.focus();
  };
  return (
    <div className="search">
      <Icon name="search" />
      <input
        ref={inputRef}
        className="input"
        role="combobox"
        aria-label="Search issues"
        aria-expanded={offers.length > 0}
        aria-controls={listId}
        aria-autocomplete="list"
        aria-activedescendant={at >= 0 && offers.length > 0 ? `${listId}-${at}` : undefined}
        aria-invalid={problem !== undefined}
        aria-describedby={problem === undefined ? undefined : `${listId}-problem`}
        autoComplete="off"
        spellCheck={false}
        maxLength={issueQueryCharactersMax}
        placeholder="is:open severity:critical target:api heal:failed words"
        value={text}
        onFocus={() => setOpen(true)}
        onBlur={() => setOpen(false)}
        onChange={(event) => {
          setText(event.target.value);
          setAt(-1);
          setOpen(true);
        }}
        onKeyDown={(event) => {
          if (event.key === "Escape") {
            if (offers.length > 0) setOpen(false);
            else event.currentTarget.blur();
          }
          const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
          if (step !== 0 && offers.length > 0) {
            event.preventDefault();
            setAt((at + step + offers.length + (at < 0 && step < 0 ? 1 : 0)) % offers.length);
          }
          const offer = offers[at] ?? (event.key === "Tab" && text !== "" && !/\s$/.test(text) ? offers[0] : undefined);
          if ((event.key === "Enter" || event.key === "Tab") && offer !== undefined && !event.shiftKey) {
            event.preventDefault();
            take(offer);
          } else if (event.key === "Enter") {
            sent.current = text;
            onChange(text);
            setOpen(false);
          }
        }}
      />
      <ul
        className="popover search-offers"
        role="listbox"
        id={listId}
        aria-label="Completions"
        hidden={offers.length === 0}
      >
        {offers.map((offer, index) => (
          <li
            key={offer}
            id={`${listId}-${index}`}
            role="option"
            aria-selected={index === at}
            className="option mono"
            onPointerDown={(event) => {
              event.preventDefault();
              take(offer);
            }}
          >
            {offer}
          </li>
        ))}
      </ul>
      {problem !== undefined && (
        <p id={`${listId}-problem`} className="hint tone-bad" role="status">
          {problem.part}: {problem.message}
        </p>
      )}
    </div>
  );
}
