// Who may talk to Prunella, as whom this browser does, and its own settings.
import { useQuery } from "@tanstack/react-query";
import { useState, type FormEvent } from "react";
import { isTokenKept, person, setPerson, setToken, token } from "../../api/client.ts";
import { liveLine } from "../../api/line.ts";
import { queries, queryClient } from "../../api/queries.ts";
import { clipped } from "../../format/text.ts";
import { actor } from "../../format/words.ts";
import { setTheme, useTheme, type Theme } from "../../shell/theme.ts";
import { Button, Panel, When } from "../../ui/parts.tsx";
import { Async } from "../../ui/states.tsx";
import { TokenForm } from "../../ui/token-form.tsx";
import { toast } from "../../ui/toasts.tsx";

export function Access() {
  const access = useQuery(queries.access());
  const [changed, setChanged] = useState(0);
  const held = token();
  return (
    <Panel title="Access" id="access">
      <Async query={access} what="Access">
        {(data) => (
          <div className="stack" key={changed}>
            <dl className="facts">
              <dt>Token</dt>
              <dd>
                {data.tokenNeeded
                  ? "every request must carry one"
                  : "none is demanded: the server listens on this machine alone"}
              </dd>
              <dt>This browser</dt>
              <dd>{held === null ? "holds none" : isTokenKept() ? "keeps one" : "holds one for this tab"}</dd>
              <dt>You act as</dt>
              <dd>
                {clipped(actor(data.by), 80)}
                {data.token === null ? "" : `, by token ${data.token}`}
              </dd>
              <dt>You may</dt>
              <dd>
                {data.scope}
                {data.endsAt !== null && (
                  <>
                    , until <When at={data.endsAt} />
                  </>
                )}
              </dd>
            </dl>
            {held !== null && (
              <div>
                <Button
                  small
                  onClick={() => {
                    setToken(null, false);
                    setChanged(changed + 1);
                    liveLine().reconnect();
                    void queryClient.invalidateQueries();
                  }}
                >
                  Forget the token
                </Button>
              </div>
            )}
            {data.tokenNeeded && (
              <details className="fold">
                <summary>Use another token</summary>
                <TokenForm />
              </details>
            )}
            {data.tokenNeeded && data.token === null && (
              <p className="hint">
                To change the owner’s token: write a new one to its file (mode 600) and restart the control plane; open
                pages ask for it.
              </p>
            )}
          </div>
        )}
      </Async>
    </Panel>
  );
}

export function Preferences() {
  const theme = useTheme();
  const holder = useQuery(queries.access()).data?.token ?? null;
  const [name, setName] = useState(person);
  const save = (event: FormEvent): void => {
    event.preventDefault();
    setPerson(name.trim());
    void queryClient.invalidateQueries({ queryKey: ["access"] });
    toast(
      name.trim() === ""
        ? "Your decisions are recorded without a name"
        : `Your decisions are recorded as ${name.trim()}`,
    );
  };
  return (
    <Panel title="Settings of this browser" id="settings">
      <div className="stack">
        <form className="stack tight" onSubmit={save}>
          <label className="field">
            <span className="label">Your name</span>
            <input
              className="input"
              value={name}
              maxLength={63}
              autoComplete="name"
              pattern="[\p{L}\p{N}][\p{L}\p{N}._@ \-]{0,62}"
              title="Letters, digits, blanks and . _ @ -"
              onChange={(event) => setName(event.target.value)}
            />
            <span className="hint">
              {holder === null
                ? "Kept with each of your decisions. It is not proved; the token is what lets anybody in."
                : "Your token has a name of its own, and that one is kept with each of your decisions."}
            </span>
          </label>
          <div>
            <Button type="submit">Save</Button>
          </div>
        </form>
        <fieldset className="field">
          <legend className="label small">Theme</legend>
          <div className="row folding">
            {(["system", "light", "dark"] as const satisfies readonly Theme[]).map((each) => (
              <label key={each} className="row small">
                <input type="radio" name="theme" checked={theme === each} onChange={() => setTheme(each)} />
                {each === "system" ? "as the system" : each}
              </label>
            ))}
          </div>
        </fieldset>
      </div>
    </Panel>
  );
}
