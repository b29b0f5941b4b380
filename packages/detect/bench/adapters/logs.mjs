// Scorer interface: createParser() -> { add(line) -> id, template(id) -> text }. One parser for one program's lines.
import { detect } from "./detect.mjs";

export function createParser() {
  const miner = new detect.LogMiner();
  return {
    add: (line) => miner.add(line),
    template: (id) => miner.template(id) ?? "",
  };
}
