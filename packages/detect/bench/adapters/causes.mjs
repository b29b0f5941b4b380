// Scorer interface: rank({ graph, normal, incident, symptom? }) -> [{ node, score, why }], likeliest first. See README.md.
import { detect } from "./detect.mjs";

export const rank = (input) => detect.rankCauses(input);
