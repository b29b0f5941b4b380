// The drills' experiments on disk, one file a row.
import { InvalidInputError } from "@prunella/core";
import { existsSync, readFileSync } from "node:fs";
import path from "node:path";
import { readExperiment, type Experiment } from "../experiment/experiment.ts";

const fileBytesMax = 1_000_000;
// From the sources two folders up, as built three.
const folder = [
  path.join(import.meta.dirname, "..", "..", "experiments"),
  path.join(import.meta.dirname, "..", "..", "..", "experiments"),
].find((each) => existsSync(each));

export function drillFile(id: string): string {
  return path.join(folder ?? "", `${id}.json`);
}

export function drillExperiment(id: string): Experiment {
  return experimentFile(drillFile(id));
}

/** Reads an experiment from a JSON file. Throws InvalidInputError naming the file, the field and the rule. */
export function experimentFile(file: string): Experiment {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new InvalidInputError(
      file,
      `cannot be read (${(error as NodeJS.ErrnoException).code ?? String(error)})`,
      "correct the path",
    );
  }
  if (text.length > fileBytesMax) throw new InvalidInputError(file, `is larger than ${fileBytesMax} bytes`, "split it");
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new InvalidInputError(
      file,
      `is not JSON (${error instanceof Error ? error.message : String(error)})`,
      "correct it; YAML is not read here",
    );
  }
  return readExperiment(value);
}
