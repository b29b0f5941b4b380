// Asks for a reason, a time or a yes before an order is sent. One dialog for all of them; the caller says what is asked.
import { useState, type FormEvent, type ReactNode } from "react";
import { Button } from "./parts.tsx";
import Dialog from "./dialog.tsx";

export interface Choice {
  readonly name: string;
  readonly value: string;
}

export interface AskProps {
  readonly title: string;
  readonly children?: ReactNode;
  /** Asks for a reason: "optional" or "required". */
  readonly why?: "optional" | "required";
  readonly choices?: { readonly label: string; readonly items: readonly Choice[] };
  readonly confirm: string;
  readonly danger?: boolean;
  readonly busy?: boolean;
  readonly close: () => void;
  readonly onConfirm: (why: string, choice: string) => void;
}

export default function Ask({
  title,
  children,
  why,
  choices,
  confirm,
  danger = false,
  busy = false,
  close,
  onConfirm,
}: AskProps) {
  const [reason, setReason] = useState("");
  const [choice, setChoice] = useState(choices?.items[0]?.value ?? "");
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (busy) return;
    onConfirm(reason.trim(), choice);
    close();
  };
  return (
    <Dialog title={title} close={close} alert={danger}>
      <form className="stack" onSubmit={submit}>
        {children}
        {choices !== undefined && (
          <fieldset className="field">
            <legend className="label small">{choices.label}</legend>
            <div className="stack tight choices">
              {choices.items.map((item, at) => (
                <label key={item.value} className="row">
                  <input
                    type="radio"
                    name="choice"
                    value={item.value}
                    checked={choice === item.value}
                    autoFocus={at === 0}
                    onChange={() => setChoice(item.value)}
                  />
                  {item.name}
                </label>
              ))}
            </div>
          </fieldset>
        )}
        {why !== undefined && (
          <label className="field">
            <span className="label">Reason{why === "optional" ? " (optional)" : ""}</span>
            <textarea
              className="input"
              maxLength={2_000}
              required={why === "required"}
              value={reason}
              autoFocus={choices === undefined}
              onChange={(event) => setReason(event.target.value)}
              onKeyDown={(event) => {
                if (event.key === "Enter" && (event.ctrlKey || event.metaKey))
                  event.currentTarget.form?.requestSubmit();
              }}
            />
            <span className="hint">It is kept with the record. Ctrl Enter sends.</span>
          </label>
        )}
        <div className="dialog-foot">
          <Button onClick={close}>Cancel</Button>
          <Button look={danger ? "danger" : "primary"} type="submit" disabled={busy}>
            {confirm}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
