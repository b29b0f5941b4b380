// Three tenants at a service: two within their quota, one that floods at 50 times it for a while. Arguments: URL QUOTA SECONDS CONTROL-URL.
// Prints what each got in a calm phase and in the flood.
import { Agent, get } from "node:http";
import process from "node:process";

const [url = "", quotaText = "20", secondsText = "4", controlUrl = ""] = process.argv.slice(2);
const quota = Number(quotaText);
const phaseMs = Number(secondsText) * 1_000;
const agents: Record<string, Agent> = {};

interface Got {
  asked: number;
  ok: number;
  limited: number;
  withRetryAfter: number;
  failed: number;
}
const nothing = (): Got => ({ asked: 0, ok: 0, limited: 0, withRetryAfter: 0, failed: 0 });

function ask(tenant: string, into: Got): Promise<void> {
  agents[tenant] ??= new Agent({ keepAlive: true, maxSockets: 200 });
  into.asked += 1;
  return new Promise((resolve) => {
    const request = get(`${url}/work?tenant=${tenant}`, { agent: agents[tenant], timeout: 2_000 }, (response) => {
      response.resume();
      if (response.statusCode === 200) into.ok += 1;
      else if (response.statusCode === 429) {
        into.limited += 1;
        if (response.headers["retry-after"] !== undefined) into.withRetryAfter += 1;
      } else into.failed += 1;
      response.on("close", () => resolve());
    });
    request.on("timeout", () => request.destroy());
    request.on("error", () => {
      into.failed += 1;
      resolve();
    });
  });
}

async function pace(tenant: string, perSecond: number, into: Got): Promise<void> {
  const startedAt = performance.now();
  const open: Promise<void>[] = [];
  let sent = 0;
  while (performance.now() - startedAt < phaseMs) {
    const due = Math.floor(((performance.now() - startedAt) / 1_000) * perSecond);
    // What could not be sent in time is not made up for in one go.
    for (let burst = 0; sent < due && burst < 50; burst += 1, sent += 1) open.push(ask(tenant, into));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  await Promise.all(open);
}

async function phase(flood: boolean): Promise<Record<string, Got>> {
  const got: Record<string, Got> = { anna: nothing(), bert: nothing(), flood: nothing() };
  await Promise.all([
    pace("anna", quota * 0.75, got["anna"] ?? nothing()),
    pace("bert", quota * 0.75, got["bert"] ?? nothing()),
    ...(flood ? [pace("flood", quota * 50, got["flood"] ?? nothing())] : []),
  ]);
  return got;
}

const calm = await phase(false);
// Announced right before it begins, so that the incident carries the moment.
const announced = (await (
  await fetch(`${controlUrl}/api/v1/drills/announce`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ target: "limits", drill: "MED-004" }),
  })
).json()) as { readonly beganAt: string };
const flooded = await phase(true);
for (const agent of Object.values(agents)) agent.destroy();
const share = (name: string): number => (flooded[name]?.ok ?? 0) / Math.max(1, calm[name]?.ok ?? 0);
const limited = flooded["flood"]?.limited ?? 0;
process.stdout.write(
  JSON.stringify({
    beganAt: announced.beganAt,
    calm,
    flooded,
    othersShareMin: Math.round(Math.min(share("anna"), share("bert")) * 1_000) / 1_000,
    timesQuota: Math.round((flooded["flood"]?.asked ?? 0) / (phaseMs / 1_000) / quota),
    // Of no refusal at all nothing can be said.
    retryAfterShare: limited === 0 ? null : (flooded["flood"]?.withRetryAfter ?? 0) / limited,
    limited,
  }),
);
