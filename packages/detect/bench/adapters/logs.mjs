// The log miner as a template scorer expects it: one parser for one program's lines, the shipped configuration.
import { LogMiner } from "../../src/logs/index.ts";

/** @returns {{ add(line: string): string, template(id: string): string }} */
export function createParser() {
  const miner = new LogMiner();
  return {
    add: (line) => miner.add(line),
    template: (id) => miner.template(id) ?? "",
  };
}
