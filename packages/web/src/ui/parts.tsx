// The smallest parts: state, chip, button, panel, time, meter. They show what they are given and decide nothing.
import type { Scope } from "@prunella/contract";
import { useEffect, useState, type ButtonHTMLAttributes, type ReactNode } from "react";
import { useLack } from "../api/access.ts";
import { exact, relative, relativeStaysMs } from "../format/time.ts";
import type { Look, Tone } from "../format/words.ts";
import { Icon, type IconName } from "./icon.tsx";

export function State({ look, className = "" }: { readonly look: Look; readonly className?: string }) {
  return (
    <span className={`state tone-${look.tone} ${className}`}>
      <Icon name={look.icon} className={look.icon === "heal" ? "healing-icon" : ""} />
      {look.label}
    </span>
  );
}

export function Chip({
  tone,
  icon,
  children,
}: {
  readonly tone?: Tone;
  readonly icon?: IconName;
  readonly children: ReactNode;
}) {
  return (
    <span className={`chip ${tone === undefined ? "" : `tone-${tone}`}`}>
      {icon !== undefined && <Icon name={icon} />}
      {children}
    </span>
  );
}

export function LookChip({ look }: { readonly look: Look }) {
  return (
    <Chip tone={look.tone} icon={look.icon}>
      {look.label}
    </Chip>
  );
}

export type ButtonProps = ButtonHTMLAttributes<HTMLButtonElement> & {
  readonly look?: "primary" | "danger" | "plain" | "";
  readonly icon?: IconName;
  /** The button shows an icon alone; this is its name. */
  readonly name?: string;
  readonly small?: boolean;
  /** What a token must allow for it. Without that the button stays in its place, shut, and says why. */
  readonly needs?: Scope;
};
export function Button({ needs, ...rest }: ButtonProps) {
  return needs === undefined ? <PlainButton {...rest} /> : <ScopedButton {...rest} needs={needs} />;
}

function ScopedButton({ needs, ...rest }: ButtonProps & { readonly needs: Scope }) {
  const lack = useLack(needs);
  if (lack === null) return <PlainButton {...rest} />;
  // Not `disabled`: who comes by keyboard shall find it and hear the reason.
  return (
    <PlainButton
      {...rest}
      type="button"
      aria-disabled
      title={lack}
      aria-description={lack}
      onClick={(event) => event.preventDefault()}
    />
  );
}

function PlainButton({ look = "", icon, name, small, children, className = "", ...rest }: Omit<ButtonProps, "needs">) {
  const classes = `button ${look} ${small === true ? "small" : ""} ${name === undefined ? "" : "icon-only"} ${className}`;
  return (
    <button
      type="button"
      className={classes}
      {...(name === undefined ? {} : { "aria-label": name, title: name })}
      {...rest}
    >
      {icon !== undefined && <Icon name={icon} />}
      {children}
    </button>
  );
}

export interface PanelProps {
  readonly title: ReactNode;
  readonly id: string;
  readonly aside?: ReactNode;
  readonly attention?: boolean;
  readonly children: ReactNode;
  readonly className?: string;
  /** Tables and lists reach the border. */
  readonly flush?: boolean;
}
export function Panel({ title, id, aside, attention = false, children, className = "", flush = false }: PanelProps) {
  return (
    <section className={`panel ${attention ? "attention" : ""} ${className}`} aria-labelledby={id}>
      <div className="panel-head">
        <h2 id={id}>{title}</h2>
        {aside}
      </div>
      {flush ? children : <div className="panel-body">{children}</div>}
    </section>
  );
}

/** The present, anew every `everyMs`. */
export function useNow(everyMs: number): number {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), everyMs);
    return () => window.clearInterval(timer);
  }, [everyMs]);
  return now;
}

/** A time in relation to now, with the exact one on hover. */
export function When({ at }: { readonly at: string }) {
  const ms = Date.parse(at);
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = window.setTimeout(() => setNow(Date.now()), relativeStaysMs(ms, now));
    return () => window.clearTimeout(timer);
  }, [ms, now]);
  return (
    <time dateTime={at} title={exact(ms)} className="nowrap">
      {relative(ms, Math.max(now, Date.now() - 1_000))}
    </time>
  );
}

/** How full something is; the words beside it carry the number for everybody. */
export function Meter({ value, tone = "quiet" }: { readonly value: number; readonly tone?: Tone }) {
  return (
    <span className={`meter tone-${tone}`} aria-hidden="true">
      <i style={{ width: `${Math.max(0, Math.min(1, value)) * 100}%` }} />
    </span>
  );
}

/** Bars of a small history; the list of values is what a screen reader gets. */
export function Spark({
  values,
  label,
  width = 96,
  height = 20,
  line = false,
}: {
  readonly values: readonly (number | null)[];
  readonly label: string;
  readonly width?: number;
  readonly height?: number;
  readonly line?: boolean;
}) {
  const known = values.filter((value) => value !== null);
  const top = Math.max(...known, Number.MIN_VALUE);
  const low = line ? Math.min(...known, top) : 0;
  const y = (value: number): number => height - 1 - ((value - low) / (top - low || 1)) * (height - 2);
  const step = width / Math.max(1, values.length);
  return (
    <svg
      className="spark"
      width={width}
      height={height}
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-label={label}
    >
      {line ? (
        <polyline
          points={values
            .map((value, at) => (value === null ? "" : `${((at + 0.5) * step).toFixed(1)},${y(value).toFixed(1)}`))
            .join(" ")}
          fill="none"
          stroke="var(--text-3)"
          strokeWidth="1.5"
          strokeLinejoin="round"
        />
      ) : (
        values.map((value, at) => (
          <rect
            key={at}
            x={at * step + 0.5}
            width={Math.max(1, step - 1.5)}
            y={value === null || value === 0 ? height - 1 : Math.min(height - 2, y(value))}
            height={value === null || value === 0 ? 1 : Math.max(2, height - y(value))}
            fill={value === null || value === 0 ? "var(--line)" : "var(--text-3)"}
          />
        ))
      )}
    </svg>
  );
}

/** One number with its name above and what it means below. */
export function Figure({
  name,
  value,
  note,
  meter,
}: {
  readonly name: string;
  readonly value: string;
  readonly note: string;
  readonly meter?: number;
}) {
  return (
    <div className="figure">
      <span className="tiny faint">{name}</span>
      <span className="figure-value">{value}</span>
      {meter !== undefined && <Meter value={meter} tone={meter === 0 ? "bad" : meter < 0.34 ? "warn" : "ok"} />}
      <span className="tiny faint">{note}</span>
    </div>
  );
}
