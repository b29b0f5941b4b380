// Asks for the token that this server demands. It is kept for this tab, or in this browser when the person says so.
import { useState, type FormEvent } from "react";
import { setToken } from "../api/client.ts";
import { queryClient } from "../api/queries.ts";
import { liveLine } from "../api/line.ts";
import { Button } from "./parts.tsx";

export function TokenForm() {
  const [value, setValue] = useState("");
  const [keep, setKeep] = useState(false);
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    setToken(value.trim(), keep);
    setValue("");
    liveLine().reconnect();
    void queryClient.invalidateQueries();
  };
  return (
    <form className="stack tight" onSubmit={submit}>
      <label className="field">
        <span className="label">Token</span>
        <input
          className="input mono"
          type="password"
          autoComplete="current-password"
          value={value}
          required
          onChange={(event) => setValue(event.target.value)}
        />
        <span className="hint">The content of the file that http.token names on the server.</span>
      </label>
      <label className="row small">
        <input type="checkbox" checked={keep} onChange={(event) => setKeep(event.target.checked)} />
        Keep it in this browser (else for this tab only)
      </label>
      <div>
        <Button look="primary" type="submit" disabled={value.trim() === ""}>
          Use token
        </Button>
      </div>
    </form>
  );
}
