export {
  logWatch,
  type LogWatch,
  type LogWatchOptions,
  type LogWatchResult,
  type LogWatchSnapshot,
  type WatchedFinding,
  type WatchedRecord,
} from "./log-watch.ts";
export { LogMiner, type LogMinerCounters, type LogMinerOptions, type MinedLine, type TemplateView } from "./miner.ts";
export type { MinerSnapshot, WrittenTemplate } from "./miner-snapshot.ts";
export { typeOf as parameterTypeOf, type Parameter, type ParameterType } from "./parameters.ts";
export { LineJoiner, type LineJoinerOptions, type LineJoinerSnapshot, type LogRecordText } from "./joiner.ts";
export { readLogRecord, type FieldValue, type LogRecord } from "./structured.ts";
export { levelOf, type LogLevel } from "./levels.ts";
export { errorLikeness, type ErrorLikeness } from "./error-like.ts";
export {
  TemplateWatch,
  type CurrentId,
  type TemplateFinding,
  type TemplateFindingKind,
  type TemplateWatchOptions,
  type TemplateWatchSnapshot,
} from "./watch.ts";
