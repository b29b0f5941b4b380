// Commits as fast as it can until it is killed, and says on stdout which sequences were acknowledged. Half of the turns
// issue several commits at once, so that groups are cut in the middle too.
import { writeSync } from "node:fs";
import process from "node:process";
import { sampleIncident, sampleIssue, sampleSignal, sampleTransition } from "@prunella/core/suites";
import { sqliteStore } from "@prunella/store";

const file = process.argv[2] ?? "";
const store = sqliteStore({
  file,
  onWarning: (warning) => writeSync(1, `warning ${warning.message}\n`),
});
let { epoch, sequence } = await store.open();
writeSync(1, `opened ${sequence}\n`);

for (;;) {
  const group = sequence % 2 === 0 ? 1 : 5;
  await Promise.all(
    Array.from({ length: group }, async () => {
      sequence += 1;
      const mine = sequence;
      await store.commit(
        { epoch, sequence: mine },
        {
          at: mine,
          issues: [sampleIssue(`LOW-${mine % 40}`, { lastSeen: mine, occurrences: mine })],
          incidents: [sampleIncident(`INC-${mine}`)],
          transitions: [sampleTransition(`T${mine}`, { at: mine })],
          signals: [sampleSignal(`s-${mine}`, { at: mine })],
        },
      );
      writeSync(1, `acknowledged ${mine}\n`);
    }),
  );
}
