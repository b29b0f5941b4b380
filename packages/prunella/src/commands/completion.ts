// `completion`: scripts for bash, zsh and fish. They ask this program what may come next, so what they offer is what there is:
// commands, options, their choices, and the ids of the running control plane.
import { Argument, type Command, type Option } from "commander";
import process from "node:process";
import { teach, text, type Cli, type Row } from "../cli.ts";

/** Longest wait for ids; a shell that hangs at the Tab key is worse than one that offers less, ms. */
const idsMsMax = 1_500;
/** Candidates offered at most. */
const candidatesMax = 500;

export interface Candidate {
  readonly word: string;
  readonly about: string;
}

/** Where the ids of an argument or an option's value come from. */
const idSources: Readonly<Record<string, readonly [url: string, id: string, about: string]>> = {
  issue: ["/api/v1/issues?limit=200", "id", "title"],
  into: ["/api/v1/issues?limit=200", "id", "title"],
  incident: ["/api/v1/incidents?limit=100", "id", "summary"],
  repair: ["/api/v1/repairs?limit=100", "id", "why"],
  remedy: ["/api/v1/remedies", "name", "solution"],
  target: ["/api/v1/targets?limit=500", "key", "state"],
  window: ["/api/v1/maintenance", "id", "why"],
  drill: ["/api/v1/drills?limit=200", "id", "title"],
  holder: ["/api/v1/tokens", "id", "name"],
};

const scripts: Readonly<Record<string, string>> = {
  bash: `# prunella completion bash >> ~/.bashrc
_prunella() {
  local IFS=$'\\n'
  COMPREPLY=($(prunella complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1))
  [[ \${#COMPREPLY[@]} -eq 0 ]] && compopt -o default
}
complete -F _prunella prunella
`,
  zsh: `#compdef prunella
# prunella completion zsh > "\${fpath[1]}/_prunella"
_prunella() {
  local -a candidates
  local line
  for line in "\${(@f)$(prunella complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -n $line ]] && candidates+=("\${\${line%%$'\\t'*}//:/\\\\:}:\${line#*$'\\t'}")
  done
  if (( \${#candidates} )); then _describe prunella candidates; else _files; fi
}
compdef _prunella prunella
`,
  fish: `# prunella completion fish > ~/.config/fish/completions/prunella.fish
function __prunella_complete
  set -l words (commandline -opc) (commandline -ct)
  prunella complete -- $words[2..-1] 2>/dev/null
end
complete -c prunella -f -a '(__prunella_complete)'
complete -c prunella -n 'test -z (__prunella_complete | string collect)' -F
`,
};

export function completionCommand(cli: Cli): void {
  const { program } = cli;
  teach(
    program
      .command("completion")
      .description("a script that completes commands and ids with the Tab key")
      .addArgument(new Argument("<shell>", "which shell").choices(Object.keys(scripts)))
      .action((shell: string) => void process.stdout.write(scripts[shell] ?? "")),
    [
      ["completion bash >> ~/.bashrc", "for bash"],
      ['completion zsh > "${fpath[1]}/_prunella"', "for zsh"],
      ["completion fish > ~/.config/fish/completions/prunella.fish", "for fish"],
    ],
  );
  program
    .command("complete", { hidden: true })
    .argument("[words...]")
    .action(async (words: string[]) => {
      // The line that is being completed may itself say which data folder is meant.
      for (const [at, word] of words.entries()) {
        const option = program.options.find(({ long, short }) => long === word || short === word);
        const value = words[at + 1];
        if (option?.required === true && value !== undefined) program.setOptionValue(option.attributeName(), value);
      }
      const found = await candidates(program, words, (source) => idsOf(cli, source));
      for (const { word, about } of found.slice(0, candidatesMax))
        process.stdout.write(`${word}\t${text(about).slice(0, 80)}\n`);
    });
}

async function idsOf(cli: Cli, source: string): Promise<readonly Candidate[]> {
  const known = idSources[source];
  if (known === undefined) return [];
  const [url, id, about] = known;
  try {
    const { base, headers } = cli.connection();
    const response = await fetch(new URL(url, base), { headers, signal: AbortSignal.timeout(idsMsMax) });
    if (!response.ok) return [];
    const { items } = (await response.json()) as { items: readonly Row[] };
    return items
      .map((row) => ({ word: text(row[id]), about: text(row[about]) }))
      .filter(({ word }) => !/\s/.test(word));
  } catch {
    // Nothing runs: there are no ids to offer.
    return [];
  }
}

/** What may come in place of the last word, which may be empty or begun. */
export async function candidates(
  program: Command,
  words: readonly string[],
  ids: (source: string) => Promise<readonly Candidate[]>,
): Promise<readonly Candidate[]> {
  const begun = words.at(-1) ?? "";
  let command = program;
  let position = 0;
  let awaiting: Option | null = null;
  for (const word of words.slice(0, -1)) {
    if (awaiting !== null) {
      awaiting = null;
      continue;
    }
    if (word.startsWith("-")) {
      const option = optionsOf(command).find((each) => each.long === word || each.short === word);
      if (option !== undefined && !option.isBoolean() && (option.required || option.optional) && !word.includes("="))
        awaiting = option;
      continue;
    }
    const next = position === 0 ? command.commands.find((each) => each.name() === word) : undefined;
    if (next === undefined) position += 1;
    else command = next;
  }
  const matching = (all: readonly Candidate[]): readonly Candidate[] =>
    all.filter(({ word }) => word.startsWith(begun));
  if (awaiting !== null)
    return matching(
      awaiting.argChoices?.map((word) => ({ word, about: awaiting.description })) ??
        (await ids(awaiting.attributeName())),
    );
  if (begun.startsWith("-"))
    return matching([
      ...optionsOf(command).flatMap((option) =>
        option.hidden || option.long == null ? [] : [{ word: option.long, about: option.description }],
      ),
      { word: "--help", about: "how to use it" },
    ]);
  const commands =
    position > 0
      ? []
      : command.commands
          .filter((each) => !isHidden(each))
          .map((each) => ({ word: each.name(), about: each.description() }));
  const argument = command.registeredArguments[position];
  const values =
    argument === undefined
      ? []
      : (argument.argChoices?.map((word) => ({ word, about: argument.description })) ?? (await ids(argument.name())));
  return matching([...commands, ...values]);
}

function optionsOf(command: Command): readonly Option[] {
  return [...command.options, ...(command.parent === null ? [] : optionsOf(command.parent))];
}

/** Commander keeps it to itself whether a command is hidden; its help says so. */
function isHidden(command: Command): boolean {
  return (command as unknown as { _hidden?: boolean })._hidden === true || command.name() === "help";
}
