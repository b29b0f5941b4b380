// Named tokens: who may come in beside the owner of the machine, how far, and until when. A new one is shown once.
import { scopeNames, type Scope, type Token } from "@prunella/contract";
import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState, type FormEvent } from "react";
import { useLack } from "../../api/access.ts";
import { orders } from "../../api/actions.ts";
import { send } from "../../api/client.ts";
import { queries, queryClient } from "../../api/queries.ts";
import { clipped } from "../../format/text.ts";
import { actor } from "../../format/words.ts";
import { OrderButton } from "../../ui/order-button.tsx";
import { Button, Chip, Panel, When } from "../../ui/parts.tsx";
import { Empty, NoPermission, QueryPanel } from "../../ui/states.tsx";
import { toast } from "../../ui/toasts.tsx";

const Dialog = lazy(() => import("../../ui/dialog.tsx"));

const means: Readonly<Record<Scope, string>> = {
  read: "looks at everything but tokens",
  operate: "approves, snoozes, comments, restarts, pauses, sends signals",
  admin: "manages tokens, lets a demoted remedy act by itself again",
};
const dayMs = 86_400_000;
const lasting = [
  { name: "30 days", value: 30 * dayMs },
  { name: "90 days", value: 90 * dayMs },
  { name: "1 year", value: 365 * dayMs },
  { name: "until it is revoked", value: null },
] as const;

export function Tokens() {
  const lack = useLack("admin");
  const tokenNeeded = useQuery(queries.access()).data?.tokenNeeded ?? true;
  const tokens = useQuery({ ...queries.tokens(), enabled: lack === null && tokenNeeded });
  const [isMaking, setMaking] = useState(false);
  if (!tokenNeeded || lack !== null)
    return (
      <Panel title="Tokens" id="tokens" flush>
        {lack === null ? (
          <Empty title="No token is demanded here." icon="lock">
            Whoever is on this machine is its owner. Set <code>http.token</code> to give people tokens of their own.
          </Empty>
        ) : (
          <NoPermission>{lack}.</NoPermission>
        )}
      </Panel>
    );
  return (
    <>
      <QueryPanel
        title="Tokens"
        id="tokens"
        flush
        query={tokens}
        what="Tokens"
        optional
        aside={
          <Button small icon="person" needs="admin" onClick={() => setMaking(true)}>
            New token
          </Button>
        }
        empty={
          <Empty title="Nobody has a token of their own." icon="person">
            The owner’s is the one in the file that http.token names.
          </Empty>
        }
      >
        {(page) => (
          <ul className="list">
            {page.items.map((each) => (
              <One key={each.id} token={each} />
            ))}
          </ul>
        )}
      </QueryPanel>
      {isMaking && (
        <Suspense fallback={null}>
          <NewToken close={() => setMaking(false)} />
        </Suspense>
      )}
    </>
  );
}

function One({ token }: { readonly token: Token }) {
  return (
    <li className="row between top">
      <span className="stack tight grow">
        <span className="row folding">
          <strong className="wrap">{clipped(token.name, 63)}</strong>
          <Chip tone={token.state === "active" ? (token.scope === "admin" ? "warn" : "heal") : "quiet"}>
            {token.state === "active" ? token.scope : token.state}
          </Chip>
        </span>
        <span className="small muted wrap">
          {token.usedAt === null ? (
            "never used"
          ) : (
            <>
              used <When at={token.usedAt} />
            </>
          )}
          {", "}
          {token.endsAt === null ? (
            "no end"
          ) : (
            <>
              {token.state === "active" ? "ends" : "ended"} <When at={token.endsAt} />
            </>
          )}
          , made by {clipped(actor(token.createdBy), 63)} <When at={token.createdAt} />
        </span>
      </span>
      {token.state === "active" && (
        <OrderButton
          small
          needs="admin"
          make={() => orders.revokeToken(token.id)}
          ask={{
            title: `Revoke the token of ${token.name}?`,
            confirm: "Revoke",
            danger: true,
            children: <p className="muted">It opens nothing any more, at once and for good.</p>,
          }}
        >
          Revoke
        </OrderButton>
      )}
    </li>
  );
}

function NewToken({ close }: { readonly close: () => void }) {
  const [name, setName] = useState("");
  const [scope, setScope] = useState<Scope>("read");
  const [lasts, setLasts] = useState(1);
  const [isSending, setSending] = useState(false);
  const [secret, setSecret] = useState<string | null>(null);
  const submit = async (event: FormEvent): Promise<void> => {
    event.preventDefault();
    if (isSending) return;
    setSending(true);
    const ms = lasting[lasts]?.value ?? null;
    try {
      const made = await send<{ readonly secret: string }>("/tokens", {
        name: name.trim(),
        scope,
        ...(ms === null ? {} : { endsAt: new Date(Date.now() + ms).toISOString() }),
      });
      setSecret(made.secret);
      void queryClient.invalidateQueries({ queryKey: ["tokens"] });
    } catch (error) {
      toast(error instanceof Error ? error.message : String(error), { isFailure: true });
    } finally {
      setSending(false);
    }
  };
  if (secret !== null)
    return (
      <Dialog title={`The token of ${name.trim()}`} close={close} alert>
        <div className="stack">
          <p>This is the only time it is shown. Give it to {name.trim()} by a safe way.</p>
          <input
            className="input mono"
            aria-label="Token"
            readOnly
            value={secret}
            autoFocus
            onFocus={(event) => event.target.select()}
          />
          <div className="dialog-foot">
            <Button
              onClick={() =>
                void navigator.clipboard.writeText(secret).then(
                  () => toast("The token is in the clipboard"),
                  () => toast("The clipboard is out of reach: copy it by hand", { isFailure: true }),
                )
              }
            >
              Copy
            </Button>
            <Button look="primary" onClick={close}>
              I have it
            </Button>
          </div>
        </div>
      </Dialog>
    );
  return (
    <Dialog title="New token" close={close}>
      <form className="stack" onSubmit={(event) => void submit(event)}>
        <label className="field">
          <span className="label">Whose it is</span>
          <input
            className="input"
            value={name}
            required
            maxLength={63}
            autoFocus
            pattern="[\p{L}\p{N}][\p{L}\p{N}._@ \-]{0,62}"
            title="Letters, digits, blanks and . _ @ -"
            onChange={(event) => setName(event.target.value)}
          />
          <span className="hint">What is done with it is recorded under this name.</span>
        </label>
        <fieldset className="field">
          <legend className="label small">What it allows</legend>
          <div className="stack tight">
            {scopeNames.map((each) => (
              <label key={each} className="row top">
                <input type="radio" name="scope" checked={scope === each} onChange={() => setScope(each)} />
                <span>
                  <strong>{each}</strong>{" "}
                  <span className="muted">
                    {each === "read" ? "" : "also "}
                    {means[each]}
                  </span>
                </span>
              </label>
            ))}
          </div>
        </fieldset>
        <label className="field">
          <span className="label">It holds for</span>
          <select className="input" value={lasts} onChange={(event) => setLasts(Number(event.target.value))}>
            {lasting.map((each, at) => (
              <option key={each.name} value={at}>
                {each.name}
              </option>
            ))}
          </select>
        </label>
        <div className="dialog-foot">
          <Button onClick={close}>Cancel</Button>
          <Button look="primary" type="submit" disabled={isSending}>
            Make it
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
