// The frame around every screen: where one can go, whether everything is all right, whether the page is live, and the keys
// that work everywhere. The verdict and its sentence are the server's.
import { useQuery } from "@tanstack/react-query";
import { Link, Outlet, useNavigate, useRouterState } from "@tanstack/react-router";
import { lazy, Suspense, useEffect, useRef, useState } from "react";
import { liveLine } from "../api/line.ts";
import { useConnection } from "../api/live.ts";
import { queries } from "../api/queries.ts";
import { duration } from "../format/time.ts";
import { clipped } from "../format/text.ts";
import { lookOf, verdicts } from "../format/words.ts";
import { Icon, type IconName } from "../ui/icon.tsx";
import { Button, State, useNow } from "../ui/parts.tsx";
import { Toasts } from "../ui/toasts.tsx";
import { HoldBars } from "./bars.tsx";
import { useKeys } from "./keys.ts";
import { isMac, places } from "./places.ts";
import { setTheme, useTheme, type Theme } from "./theme.ts";

const Palette = lazy(() => import("./palette.tsx"));
const Shortcuts = lazy(() => import("./shortcuts.tsx"));

export function Shell() {
  const status = useQuery(queries.status());
  const navigate = useNavigate();
  const path = useRouterState({ select: (state) => state.location.pathname });
  const main = useRef<HTMLElement>(null);
  const lastPath = useRef(path);
  const [open, setOpen] = useState<"palette" | "shortcuts" | null>(null);
  const waiting = (status.data?.approvals.length ?? 0) > 0 ? status.data?.approvals.length : null;

  useEffect(() => {
    const place = places.find((each) => (each.to === "/" ? path === "/" : path.startsWith(each.to)));
    const record = decodeURIComponent(path.split("/")[2] ?? "");
    const verdict = status.data === undefined ? "" : ` · ${lookOf(verdicts, status.data.verdict).label}`;
    document.title = `${record === "" ? (place?.name ?? "Prunella") : record}${verdict} · Prunella`;
  }, [path, status.data]);
  useEffect(() => {
    // A screen reader starts where the new screen starts.
    if (lastPath.current !== path) main.current?.focus({ preventScroll: true });
    lastPath.current = path;
  }, [path]);
  useKeys({
    "mod+k": () => setOpen("palette"),
    "?": () => setOpen("shortcuts"),
    ...Object.fromEntries(places.map((place) => [`g ${place.key}`, () => void navigate({ to: place.to })])),
  });

  return (
    <div className="shell">
      <a className="skip" href="#main">
        Skip to the content
      </a>
      <nav className="nav" aria-label="Screens">
        <Link to="/" className="brand">
          <Icon name="itself" className="large" />
          <span>Prunella</span>
        </Link>
        <ul>
          {places.map((place) => (
            <li key={place.to}>
              <Link
                to={place.to}
                className="nav-link"
                activeOptions={{ exact: place.to === "/", includeSearch: false }}
                title={place.name}
                preload="intent"
              >
                <Icon name={place.icon} />
                <span>{place.name}</span>
                {place.to === "/approvals" && waiting !== null && (
                  <span className="nav-count" aria-label={`${waiting} waiting`}>
                    {waiting}
                  </span>
                )}
              </Link>
            </li>
          ))}
        </ul>
        <p className="nav-foot tiny faint">
          {status.data === undefined ? "" : `Prunella ${status.data.itself.version}`}
        </p>
      </nav>
      <div className="bars">
        <header className="topbar">
          <div className={`verdict-line grow ${path === "/" ? "is-below" : ""}`} role="status" aria-live="polite">
            {status.data !== undefined && (
              <>
                <State look={lookOf(verdicts, status.data.verdict)} className="verdict" />
                <span className="cut muted small wide-only" title={clipped(status.data.summary)}>
                  {clipped(status.data.summary)}
                </span>
              </>
            )}
          </div>
          <ConnectionSign />
          <Button look="plain" icon="search" onClick={() => setOpen("palette")}>
            <span className="visually-hidden">Search and commands</span>
            <kbd className="wide-only">{isMac() ? "⌘K" : "Ctrl K"}</kbd>
          </Button>
          <ThemeButton />
        </header>
        <HoldBars status={status.data} />
      </div>
      <main id="main" className="main" ref={main} tabIndex={-1}>
        <Outlet />
      </main>
      <Toasts />
      <Suspense fallback={null}>
        {open === "palette" && <Palette close={() => setOpen(null)} shortcuts={() => setOpen("shortcuts")} />}
        {open === "shortcuts" && <Shortcuts close={() => setOpen(null)} />}
      </Suspense>
    </div>
  );
}

function ConnectionSign() {
  const line = liveLine();
  const connection = useConnection(line);
  const now = useNow(connection.state === "lost" ? 1_000 : 60_000);
  if (connection.state === "live")
    return (
      <span className="connection live" title="Changes arrive as they happen">
        <Icon name="live" />
        <span className="wide-only">Live</span>
      </span>
    );
  if (connection.state === "lost")
    return (
      <span className="row">
        <span className="connection tone-bad" role="status">
          <Icon name="offline" />
          Not live for {duration(Math.max(1_000, now - connection.since))}
        </span>
        <Button small onClick={() => line.reconnect()}>
          Reconnect
        </Button>
      </span>
    );
  return (
    <span className="connection">
      <Icon name={connection.state === "connecting" ? "start" : "lock"} />
      <span className="wide-only">{connection.state === "connecting" ? "Connecting" : "Token needed"}</span>
    </span>
  );
}

const nextTheme: Readonly<Record<Theme, Theme>> = { system: "light", light: "dark", dark: "system" };
const themeIcon: Readonly<Record<Theme, IconName>> = { system: "auto", light: "sun", dark: "moon" };

function ThemeButton() {
  const theme = useTheme();
  return (
    <Button
      look="plain"
      icon={themeIcon[theme]}
      name={`Theme: ${theme}. Switch to ${nextTheme[theme]}`}
      onClick={() => setTheme(nextTheme[theme])}
    />
  );
}
