export { type ErrorEvent, type ErrorException, type StackFrame } from "./event.ts";
export { parseStack, type ParsedStack, type StackPlatform } from "./stack.ts";
export {
  SourceMap,
  SourceMapError,
  type OriginalPosition,
  type SectionedSourceMap,
  type SourceMapLimits,
} from "./source-map.ts";
export { resolveFrames, type SourceMapLookup } from "./resolve.ts";
export { isInApp } from "./in-app.ts";
export { normaliseMessage } from "./normalise.ts";
export {
  differences,
  groupError,
  groupingAlgorithm,
  type Grouping,
  type GroupingBasis,
  type GroupingOptions,
} from "./grouping.ts";
export { RuleError, type Matcher, type MatcherKey } from "./matchers.ts";
export {
  applyFingerprintRules,
  parseFingerprintRules,
  replaceVariables,
  type AppliedRule,
  type FingerprintRule,
} from "./fingerprint-rules.ts";
export { applyStackRules, parseStackRules, type FrameAction, type StackRule } from "./stack-rules.ts";
export { errorGrouper, type ErrorGrouper, type ErrorGrouperOptions, type GroupedError } from "./grouper.ts";
export { ErrorGroups, type Assignment, type ErrorGroupsOptions, type ErrorGroupsSnapshot } from "./groups.ts";
export { compareReleases, parseVersion, type ReleaseComparison, type ReleaseOrder, type Version } from "./releases.ts";
export { judgeRegression, type OccurrenceOfResolved, type RegressionVerdict, type Resolution } from "./regression.ts";
export { escalationLimit, HourlyCounts, type EscalationLimit, type HourlyCountsSnapshot } from "./escalation.ts";
