// Asks for one short name: whom to assign to, what to call a view.
import { useId, useState, type FormEvent } from "react";
import Dialog from "../../ui/dialog.tsx";
import { Button } from "../../ui/parts.tsx";

export default function AskName({
  title,
  label,
  hint,
  known = [],
  initial = "",
  required = false,
  close,
  onConfirm,
}: {
  readonly title: string;
  readonly label: string;
  readonly hint: string;
  readonly known?: readonly string[];
  readonly initial?: string;
  readonly required?: boolean;
  readonly close: () => void;
  readonly onConfirm: (name: string) => void;
}) {
  const [name, setName] = useState(initial);
  const listId = useId();
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    onConfirm(name.trim());
    close();
  };
  return (
    <Dialog title={title} close={close}>
      <form className="stack" onSubmit={submit}>
        <label className="field">
          <span className="label">{label}</span>
          <input
            className="input"
            value={name}
            maxLength={63}
            required={required}
            autoFocus
            autoComplete="off"
            list={listId}
            onChange={(event) => setName(event.target.value)}
          />
          <span className="hint">{hint}</span>
        </label>
        <datalist id={listId}>
          {known.map((each) => (
            <option key={each} value={each} />
          ))}
        </datalist>
        <div className="dialog-foot">
          <Button onClick={close}>Cancel</Button>
          <Button look="primary" type="submit">
            Save
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
