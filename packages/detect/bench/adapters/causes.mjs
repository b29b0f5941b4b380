// Scorer interface: rank({ graph, normal, incident, symptom? }) -> [{ node, score, why }], likeliest first. See README.md.
import { rankCauses } from "../../src/cause/ranking.ts";

export const rank = (input) => rankCauses(input);
