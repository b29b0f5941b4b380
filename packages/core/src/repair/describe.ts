// One action in words, for people and for the approval that shows exactly what would happen.
import type { Action } from "./remedy.ts";

export function describe(action: Action): string {
  switch (action.type) {
    case "restart":
      return action.graceful ? "restart, letting it finish its work" : "replace the process (SIGKILL)";
    case "start":
    case "stop":
      return action.type;
    case "scale":
      return action.to === null
        ? `run ${Math.abs(action.by)} ${action.by < 0 ? "fewer" : "more"} instance${Math.abs(action.by) === 1 ? "" : "s"}`
        : `run ${action.to} instance${action.to === 1 ? "" : "s"}`;
    case "share":
      return action.resource === "cpu"
        ? `give it a CPU weight of ${action.to}`
        : `limit its memory to ${Math.round(action.to / 1e6)} MB`;
    case "signal":
      return `send ${action.signal}`;
    case "free-port":
      return action.port === null ? "free the port it needs" : `free port ${action.port}`;
    case "exec":
      return `run ${action.argv.join(" ")}`;
    case "http":
      return `${action.method} ${action.url}`;
    case "sql":
      return `execute ${action.statement}`;
    case "rotate":
      return `rotate ${action.path ?? "its own log"}`;
    case "prune":
      return `remove the oldest files of ${action.path ?? "what grows"} until it is ${Math.round(action.keepShare * 100)} % full`;
    case "restore":
      return action.what === "release"
        ? "go back to the release with which it last ran well"
        : `restore ${action.path ?? "its configuration"} as it was when it last ran well`;
    case "quarantine":
      return `put ${action.path ?? "the record"} aside`;
    case "unlock":
      return `remove ${action.path ?? "the lock"}, whose owner is dead`;
    case "guard":
      return `${action.control}${action.argument === null ? "" : ` ${action.argument}`} on its guard ${action.name ?? "concerned"}`;
    case "call":
      return `call its own ${action.name}`;
    case "wait":
      return `wait ${action.forMs} ms`;
    case "wait-for":
      return action.url === null ? "wait until its checks pass" : `wait until ${action.url} answers`;
    case "notify":
      return `tell: ${action.text}`;
    case "approve":
      return `ask a person: ${action.text}`;
    case "plugin":
      return `plugin action ${action.name}`;
    default:
      return action satisfies never;
  }
}
