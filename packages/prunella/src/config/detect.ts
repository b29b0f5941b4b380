// The `detect:` section: parts of learned detection switched off, targets left alone, and plain rules. Without it everything
// is on. What a rule says is tried out here, so that one which could never fire is refused before anything starts.
import { checkRule, defaultDetection, rulesMax, type Detection, type DetectRule, type RuleHow } from "@prunella/core";
import type { Cursor } from "./cursor.ts";
import { keysOf } from "./schema.ts";
import { duration } from "./units.ts";

const day = 24 * 3_600_000;

/** `names`: services and targets of the configuration. */
export function readDetect(cursor: Cursor, names: readonly string[]): Partial<Detection> {
  if (!cursor.exists) return {};
  cursor.only(keysOf("detect"));
  const rules = cursor.at("rules").items();
  if (rules.length > rulesMax)
    cursor.at("rules").problem(`holds ${rules.length} rules, more than ${rulesMax}`, "use fewer");
  const read: DetectRule[] = [];
  for (const [at, item] of rules.slice(0, rulesMax).entries()) {
    const rule = readRule(item, at, names);
    if (rule === null) continue;
    if (read.some((other) => other.name === rule.name))
      item.at("name").problem(`${rule.name} is the name of two rules`, "name one of them otherwise");
    read.push(rule);
  }
  return {
    anomalies: cursor.at("anomalies").flag(defaultDetection.anomalies),
    logs: cursor.at("logs").flag(defaultDetection.logs),
    peers: cursor.at("peers").flag(defaultDetection.peers),
    forecasts: cursor.at("forecasts").flag(defaultDetection.forecasts),
    learnMs: cursor.at("learn").measure(duration, defaultDetection.learnMs, 0, 7 * day, "15m"),
    off: cursor
      .at("off")
      .texts()
      .filter((name) => isKnown(name, names, cursor.at("off"))),
    rules: read,
  };
}

function isKnown(name: string, names: readonly string[], cursor: Cursor): boolean {
  if (names.includes(name.split("/")[0] ?? "")) return true;
  cursor.problem(`names ${name}, which is neither a service nor a target`, `known: ${names.join(", ")}`);
  return false;
}

const ways = ["rate", "absent", "ratio", "quantile", "burnRate", "peers"] as const;

function readRule(item: Cursor, at: number, names: readonly string[]): DetectRule | null {
  if (!item.isMap) return item.problem("must be a mapping", "write target, metric and a limit such as above: 500");
  item.only(keysOf("rule"));
  const target = item.at("target").text();
  const metric = item.at("metric").text();
  if (target === null) return item.problem("names no target", "write target: with the name of a service or target");
  if (metric === null) return item.problem("names no metric", "write metric: with a name such as latencyMsP95");
  if (!isKnown(target, names, item.at("target"))) return null;
  const how = readHow(item);
  if (how === null) return null;
  const rule: DetectRule = {
    name: item.at("name").text(`${metric}-${at + 1}`) ?? "",
    target,
    metric,
    kind: item.at("kind").text("rule") ?? "rule",
    severity: item.at("severity").oneOf(["low", "medium", "critical"], "medium"),
    how,
  };
  try {
    checkRule(rule);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    return item.problem(`cannot work: ${error.message.split(":")[0]}`, "correct its limits");
  }
  return rule;
}

function readHow(item: Cursor): RuleHow | null {
  const said = ways.filter((way) => item.at(way).exists);
  if (said.length > 1) return item.problem(`says ${said.join(" and ")}`, "write one rule for each");
  const held = {
    forMs: item.at("for").measure(duration, 0, 0, 7 * day, "1m"),
    clearForMs: item.at("clearFor").measure(duration, 0, 0, 7 * day, "1m"),
  };
  const limits = readLimits(item);
  const way = said[0];
  if (
    way !== "absent" &&
    way !== "burnRate" &&
    way !== "peers" &&
    limits.above === undefined &&
    limits.below === undefined
  )
    return item.problem("has no limit", "write above: or below: with a number");
  const windowMs = (name: string): number => item.at(name).measure(duration, 300_000, 1_000, 7 * day, "5m");
  const of = (): string | null =>
    item.at("of").text() ??
    item.at("of").problem("is missing", "name the metric that counts them all, such as requestsPerSecond");
  switch (way) {
    case undefined:
      return {
        type: "threshold",
        ...limits,
        ...(item.at("clearAbove").exists ? { clearAbove: numberOf(item.at("clearAbove")) } : {}),
        ...(item.at("clearBelow").exists ? { clearBelow: numberOf(item.at("clearBelow")) } : {}),
        ...held,
      };
    case "rate":
      return {
        type: "change-rate",
        windowMs: windowMs("rate"),
        measure: item.at("measure").oneOf(["per-second", "share"], "per-second"),
        ...limits,
        ...held,
      };
    case "absent":
      return {
        type: "absence",
        afterMs:
          item.at("absent").scalar === true ? null : item.at("absent").measure(duration, 60_000, 1_000, 7 * day, "1m"),
      };
    case "ratio": {
      const whole = of();
      const totalMin = item.at("atLeast").whole(20, 1, 1_000_000);
      return whole === null
        ? null
        : { type: "ratio", of: whole, windowMs: windowMs("ratio"), totalMin, ...limits, ...held };
    }
    case "quantile":
      return {
        type: "quantile",
        share: item.at("quantile").share(0.95, 0, 1),
        windowMs: windowMs("window"),
        ...limits,
        ...held,
      };
    case "burnRate": {
      const whole = of();
      // 99.9 % is 0.999, not its neighbour.
      const objective = Number(item.at("burnRate").share(0.999, 0.000_001, 0.999_999_9).toPrecision(12));
      const periodMs = item.at("period").measure(duration, 30 * day, 3_600_000, 400 * day, "30d");
      return whole === null ? null : { type: "burn-rate", of: whole, objective, periodMs };
    }
    case "peers":
      return {
        type: "peers",
        deviations: item.at("peers").scalar === true ? 5 : numberOf(item.at("peers")),
        side: item.at("side").oneOf(["above", "below", "both"], "both"),
        ...held,
      };
    default:
      return way satisfies never;
  }
}

function readLimits(item: Cursor): { readonly above?: number; readonly below?: number } {
  return {
    ...(item.at("above").exists ? { above: numberOf(item.at("above")) } : {}),
    ...(item.at("below").exists ? { below: numberOf(item.at("below")) } : {}),
  };
}

/** A number, or a share such as 5 %. */
function numberOf(cursor: Cursor): number {
  const value = cursor.scalar;
  if (typeof value === "number" && Number.isFinite(value)) return value;
  const share = /^\s*(-?\d+(?:\.\d+)?)\s*%\s*$/.exec(String(value));
  if (share !== null) return Number(share[1]) / 100;
  cursor.problem("must be a number", "write a number such as 500, or a share such as 5%");
  return 0;
}
