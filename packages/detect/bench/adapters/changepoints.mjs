// Scorer interface: detect(series) -> [indices]; series is one array per dimension, null = missing.
import { changePoints } from "../../src/change/segmentation.ts";

export const detect = (series) => changePoints(series).map((change) => change.index);
