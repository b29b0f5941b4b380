// Scorer interface: detect(series) -> [indices]; series is one array per dimension, null = missing.
import { detect as detectors } from "./detect.mjs";

export const detect = (series) => detectors.changePoints(series).map((change) => change.index);
