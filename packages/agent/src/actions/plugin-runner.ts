// The process that performs one action of a plugin and ends. A plugin is a module whose `actions` maps names to functions of
// (arguments, { target }); what such a function resolves with is the detail, what it throws is the reason of its failure.
import { pathToFileURL } from "node:url";
import type { Answer } from "./apart.ts";

interface Order {
  readonly plugins: readonly string[];
  readonly name: string;
  readonly arguments: Readonly<Record<string, string | number | boolean>>;
  readonly target: string;
}
type Perform = (given: Order["arguments"], context: { readonly target: string }) => unknown;

function answer(of: Answer): void {
  process.stdout.write(`\nprunella-answer ${JSON.stringify(of)}\n`);
}

function text(value: unknown): string {
  if (value instanceof Error) return value.message;
  if (value === undefined) return "done";
  return typeof value === "string" ? value : JSON.stringify(value);
}

async function find(order: Order): Promise<Perform | null> {
  for (const file of order.plugins) {
    const module = (await import(pathToFileURL(file).href)) as { actions?: Readonly<Record<string, unknown>> };
    const found = Object.hasOwn(module.actions ?? {}, order.name) ? module.actions?.[order.name] : undefined;
    if (typeof found === "function") return found as Perform;
  }
  return null;
}

const order = JSON.parse(process.env["PRUNELLA_ORDER"] ?? "{}") as Order;
try {
  const perform = await find(order);
  if (perform === null) answer({ ok: false, detail: `no plugin has an action ${order.name}`, before: true });
  else {
    try {
      answer({ ok: true, detail: text(await perform(order.arguments, { target: order.target })), before: false });
    } catch (error) {
      answer({ ok: false, detail: text(error), before: false });
    }
  }
} catch (error) {
  answer({ ok: false, detail: `a plugin cannot be loaded: ${text(error)}`, before: true });
}
process.exit(0);
