// Named tokens: who may come in beside the owner of this machine, how far, and until when.
import { scopeNames, type Token } from "@prunella/contract";
import { Option } from "commander";
import process from "node:process";
import { table, teach, text, type Cli } from "../cli.ts";
import { lasting } from "./controls.ts";

export function tokenCommands(cli: Cli): void {
  const { program, ask, act, say } = cli;
  const tokens = program
    .command("tokens")
    .description("named tokens of the API and the UI: who may come in, how far, and until when");
  teach(
    tokens,
    [
      ["tokens", "those that hold, and those that ended within a day"],
      ["tokens create anna --scope operate --for 90d", "print a new one, once"],
      ["tokens create wall --scope read > wall.token", "keep it in a file of its own"],
      ["tokens revoke anna", "it opens nothing any more"],
    ],
    `
Scopes, each with those before it:
  read     look at everything but tokens
  operate  approve, snooze, comment, restart, pause, run drills, send signals
  admin    manage tokens, let a demoted remedy act by itself again

The token in the file that http.token names is the owner's: admin, and revoked by changing the file.`,
  );
  const show = async (): Promise<void> => {
    const page = (await ask("GET", "/api/v1/tokens")) as { items: readonly Token[] };
    say(page, () =>
      page.items.length === 0
        ? "no named tokens"
        : table(
            page.items.map((each) =>
              [
                each.id,
                each.name,
                each.scope,
                each.state === "active" ? (each.endsAt === null ? "no end" : `until ${each.endsAt}`) : each.state,
                each.usedAt === null ? "never used" : `used ${each.usedAt}`,
                `made by ${each.createdBy}`,
              ].map(text),
            ),
          ).join("\n"),
    );
  };
  teach(tokens.command("list", { isDefault: true }).description("who may come in").action(show), [
    ["tokens list", "who may come in"],
  ]);
  teach(
    tokens
      .command("create <name>")
      .description("make a token and print it, once; only its digest is kept")
      .addOption(new Option("--scope <scope>", "how far it reaches").choices(scopeNames).default("read"))
      .option("--for <duration>", "ends by itself after 12h, 90d; default: when it is revoked")
      .action(async (name: string, given: { scope: string; for?: string }) => {
        const endsAt =
          given.for === undefined ? undefined : new Date(Date.now() + lasting(given.for, "--for")).toISOString();
        const made = (await ask("POST", "/api/v1/tokens", {
          name,
          scope: given.scope,
          ...(endsAt === undefined ? {} : { endsAt }),
        })) as { readonly message: string; readonly secret: string };
        // Only the token goes to the output, so that it can be sent to a file or a pipe.
        say(made, () => made.secret);
        process.stderr.write(`prunella: ${text(made.message)}; it is not shown again\n`);
      }),
    [["tokens create anna --scope operate --for 90d", "anna decides for three months"]],
  );
  teach(
    tokens
      .command("revoke <holder>")
      .description("end a token now, by its id or name")
      .action(async (holder: string) => act(`/api/v1/tokens/${encodeURIComponent(holder)}`, {}, "DELETE")),
    [["tokens revoke K3", "it opens nothing any more"]],
  );
}
