// What people said about an issue, oldest first, and a place to say more.
import { useQuery } from "@tanstack/react-query";
import { useState, type FormEvent, type RefObject } from "react";
import { orders, useOrder } from "../../api/actions.ts";
import { queries } from "../../api/queries.ts";
import { block } from "../../format/text.ts";
import { actor } from "../../format/words.ts";
import { Button, Panel, When } from "../../ui/parts.tsx";
import { Async } from "../../ui/states.tsx";

const charactersMax = 10_000;

export function Comments({
  issue,
  inputRef,
}: {
  readonly issue: string;
  readonly inputRef: RefObject<HTMLTextAreaElement | null>;
}) {
  const comments = useQuery(queries.issueComments(issue));
  const order = useOrder();
  const [text, setText] = useState("");
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    if (text.trim() === "" || order.isPending) return;
    order.mutate(
      { ...orders.comment(issue, text.trim()), quiet: true },
      { onSuccess: (done) => done !== null && setText("") },
    );
  };
  return (
    <Panel title="Comments" id="comments">
      <div className="stack">
        <Async query={comments} what="Comments" empty={<p className="small faint">Nobody has said anything yet.</p>}>
          {(page) => (
            <ul className="stack">
              {page.items.map((comment) => (
                <li key={comment.id}>
                  <p className="small muted">
                    <strong>{actor(comment.by)}</strong> <When at={comment.at} />
                  </p>
                  <p className="comment-text wrap">{block(comment.text, charactersMax)}</p>
                </li>
              ))}
            </ul>
          )}
        </Async>
        <form className="stack tight" onSubmit={submit}>
          <textarea
            ref={inputRef}
            className="input"
            aria-label="Comment"
            placeholder="What did you find or do?"
            maxLength={charactersMax}
            value={text}
            onChange={(event) => setText(event.target.value)}
            onKeyDown={(event) => {
              if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) event.currentTarget.form?.requestSubmit();
            }}
          />
          <div className="row">
            <Button type="submit" needs="operate" disabled={text.trim() === "" || order.isPending}>
              Comment
            </Button>
            <span className="hint">Ctrl Enter sends</span>
          </div>
        </form>
      </div>
    </Panel>
  );
}
