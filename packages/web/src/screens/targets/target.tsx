// One target: how it is, its checks and metrics with deploys and configuration changes as marks, its output, the guards
// inside it, its SLO budgets, and what a person may order.
import type { Target } from "@prunella/contract";
import { useQuery } from "@tanstack/react-query";
import { getRouteApi, Link } from "@tanstack/react-router";
import { orders } from "../../api/actions.ts";
import { clipped } from "../../format/text.ts";
import { lookOf, targetStates } from "../../format/words.ts";
import { exactly } from "../../ui/exactly.ts";
import { Chip, State } from "../../ui/parts.tsx";
import { Async, Empty } from "../../ui/states.tsx";
import { Guards } from "./guards.tsx";
import { Logs } from "./logs.tsx";
import { OrderButton, PauseButton, MaintenanceButton } from "../../ui/order-button.tsx";
import { OverviewTab } from "./overview-tab.tsx";
import { queries } from "../../api/queries.ts";

const targetRoute = getRouteApi("/targets/$key");

const tabs = ["overview", "logs", "guards"] as const;
const followMs = 5_000;

export function TargetScreen() {
  const { key } = targetRoute.useParams();
  const target = useQuery({ ...queries.target(key), refetchInterval: followMs });
  return (
    <Async
      query={target}
      what={`Target ${key}`}
      missing={
        <Empty title={`There is no target ${clipped(key, 80)}`} icon="unknown" centre>
          <Link to="/targets">To the targets</Link>
        </Empty>
      }
    >
      {(data) => <Whole target={data} />}
    </Async>
  );
}

function Whole({ target }: { readonly target: Target }) {
  const { tab: asked } = targetRoute.useSearch();
  const tab = tabs.find((each) => each === asked) ?? "overview";
  return (
    <div className="screen target">
      <header className="stack tight">
        <Link to="/targets" className="small muted">
          Targets
        </Link>
        <div className="screen-head">
          <h1 className="wrap">{target.key}</h1>
          <State look={lookOf(targetStates, target.state)} />
          {target.paused !== null && (
            <Chip tone="warn" icon="pause">
              healing paused
            </Chip>
          )}
          {target.maintenance !== null && (
            <Chip tone="warn" icon="clock">
              maintenance
            </Chip>
          )}
          <span className="grow" />
          <Actions target={target} />
        </div>
      </header>
      <nav className="tabs" aria-label={`Parts of ${target.key}`}>
        {tabs.map((each) => (
          <Link
            key={each}
            from="/targets/$key"
            search={(old) => ({ ...old, tab: each === "overview" ? undefined : each }) as never}
            activeOptions={exactly}
            aria-current={each === tab ? "page" : undefined}
            replace
          >
            {each === "overview" ? "Overview" : each === "logs" ? "Logs" : "Guards"}
          </Link>
        ))}
      </nav>
      {tab === "overview" && <OverviewTab target={target} />}
      {tab === "logs" && <Logs target={target} />}
      {tab === "guards" && <Guards target={target.key} />}
    </div>
  );
}

function Actions({ target }: { readonly target: Target }) {
  const isService = target.kind === "service";
  return (
    <div className="row folding" role="group" aria-label={`What to do with ${target.key}`}>
      {isService && target.pid !== null && (
        <>
          <OrderButton
            icon="heal"
            make={(why) => orders.act(target.key, "restart", why)}
            ask={{
              title: `Restart ${target.key}?`,
              why: "optional",
              confirm: "Restart",
              children: (
                <p className="muted">It may finish its work first. It is watched afterwards like after any repair.</p>
              ),
            }}
          >
            Restart
          </OrderButton>
          <OrderButton
            icon="stop"
            make={(why) => orders.act(target.key, "stop", why)}
            ask={{
              title: `Stop ${target.key}?`,
              why: "optional",
              confirm: "Stop",
              danger: true,
              children: (
                <p className="muted">
                  It stays stopped until somebody starts it: stopped on purpose is no fault, so nothing heals it.
                </p>
              ),
            }}
          >
            Stop
          </OrderButton>
        </>
      )}
      {isService && target.pid === null && (
        <OrderButton look="primary" icon="play" make={() => orders.act(target.key, "start", "")}>
          Start
        </OrderButton>
      )}
      {target.paused === null ? (
        <PauseButton target={target.key} />
      ) : (
        <OrderButton look="primary" icon="play" make={() => orders.resume(target.key)}>
          Resume healing
        </OrderButton>
      )}
      <MaintenanceButton target={target.key} />
    </div>
  );
}
