export { LogMiner, type LogMinerCounters, type LogMinerOptions, type MinedLine, type TemplateView } from "./miner.ts";
export type { MinerSnapshot } from "./miner-snapshot.ts";
export { typeOf as parameterTypeOf, type Parameter, type ParameterType } from "./parameters.ts";
