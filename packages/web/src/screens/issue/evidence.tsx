// What establishes the root cause: each piece of evidence in the form that fits it. All of it came from outside and is shown
// as text, never interpreted.
import type { Evidence as EvidenceRecord } from "@prunella/contract";
import { bytes, share } from "../../format/number.ts";
import { block, clipped } from "../../format/text.ts";
import { AnsiText } from "../../ui/ansi-text.tsx";
import { Chip, Meter, When } from "../../ui/parts.tsx";
import { flameOf, isCpuProfile, type CpuProfile } from "./flame.ts";

interface Place {
  readonly function: string;
  readonly url: string;
  readonly line: number;
  readonly column?: number;
}

export function EvidenceList({ evidence }: { readonly evidence: readonly EvidenceRecord[] }) {
  return (
    <ul className="evidence">
      {evidence.map((piece, at) => (
        <li key={`${piece.at}-${at}`} className="stack tight">
          <div className="row top">
            <Chip>{piece.what}</Chip>
            <p className="grow wrap">{clipped(piece.summary, 600)}</p>
            <span className="small faint">
              <When at={piece.at} />
            </span>
          </div>
          <Detail piece={piece} />
        </li>
      ))}
    </ul>
  );
}

function Detail({ piece }: { readonly piece: EvidenceRecord }) {
  const data = piece.data;
  const frames = listIn(data, "frames").filter(isPlace);
  const allocators = listIn(data, "allocators").filter(isPlace);
  const functions = listIn(data, "functions").filter(isPlace);
  const profile = profileIn(data);
  if (frames.length > 0) return <Stack frames={frames} />;
  if (allocators.length > 0)
    return (
      <TopList
        label="Where memory that is still held was allocated"
        rows={allocators.map((each) => ({ place: each, value: numberIn(each, "bytes") }))}
        format={bytes}
      />
    );
  if (profile !== null || functions.length > 0)
    return (
      <>
        {functions.length > 0 && (
          <TopList
            label="Functions by their own time"
            rows={functions.map((each) => ({ place: each, value: numberIn(each, "share") }))}
            format={share}
            whole={1}
          />
        )}
        {profile !== null && <Flame profile={profile} />}
      </>
    );
  const ranking = listIn(data, "ranking");
  if (ranking.length > 0) return <Ranking causes={ranking} />;
  const templates = listIn(data, "templates");
  if (templates.length > 0) return <Templates templates={templates} />;
  if (piece.text === null || piece.text === "") return null;
  return piece.what === "log" || piece.text.includes("\u001b") ? (
    <pre className="code-block" tabIndex={0}>
      {piece.text
        .slice(0, 20_000)
        .split(/\r?\n/)
        .slice(0, 400)
        .map((line, at) => (
          <AnsiText key={at} line={`${line}\n`} />
        ))}
    </pre>
  ) : (
    <pre className="code-block" tabIndex={0}>
      {block(piece.text)}
    </pre>
  );
}

/** The service's own frames stand out; Node's and native ones step back. */
function Stack({ frames }: { readonly frames: readonly Place[] }) {
  return (
    <ol className="stack-frames" tabIndex={0} aria-label="Stack, innermost first">
      {frames.slice(0, 60).map((frame, at) => {
        const isOwn = frame.url !== "" && !/^(node:|native)/.test(frame.url);
        return (
          <li key={at} className={isOwn ? "" : "faint"}>
            <code className="wrap">
              <strong>{clipped(frame.function === "" ? "(anonymous)" : frame.function, 120)}</strong>{" "}
              <span className={isOwn ? "muted" : ""}>
                {clipped(frame.url, 300)}:{frame.line}
                {frame.column === undefined ? "" : `:${frame.column}`}
              </span>
            </code>
            {sourceOf(frame)}
          </li>
        );
      })}
    </ol>
  );
}

/** Source lines around the place, when the evidence carries them. */
function sourceOf(frame: Place) {
  const lines = listIn(frame, "source").flatMap((line) =>
    typeof line === "object" && line !== null && "line" in line && "text" in line
      ? [{ line: Number(line.line), text: String(line.text) }]
      : [],
  );
  if (lines.length === 0) return null;
  return (
    <pre className="code-block source">
      {lines.slice(0, 15).map((line) => (
        <span key={line.line} className={line.line === frame.line ? "source-here" : ""}>
          {String(line.line).padStart(5)} {clipped(line.text, 300)}
          {"\n"}
        </span>
      ))}
    </pre>
  );
}

function TopList({
  label,
  rows,
  format,
  whole,
}: {
  readonly label: string;
  readonly rows: readonly { readonly place: Place; readonly value: number }[];
  readonly format: (value: number) => string;
  readonly whole?: number;
}) {
  const sum = whole ?? (rows.reduce((all, row) => all + row.value, 0) || 1);
  return (
    <table className="table top-list">
      <caption className="visually-hidden">{label}</caption>
      <thead>
        <tr>
          <th scope="col">Function</th>
          <th scope="col" className="number">
            {format === bytes ? "Held" : "Own time"}
          </th>
          <th scope="col" className="top-share">
            Share
          </th>
        </tr>
      </thead>
      <tbody>
        {rows.slice(0, 8).map(({ place, value }, at) => (
          <tr key={at}>
            <td>
              <code>
                <strong>{clipped(place.function === "" ? "(anonymous)" : place.function, 100)}</strong>{" "}
                <span className="muted">
                  {clipped(place.url, 200)}:{place.line}
                </span>
              </code>
            </td>
            <td className="number">{format(value)}</td>
            <td className="top-share">
              <Meter value={value / sum} tone="heal" />
              <span className="visually-hidden">{share(value / sum)}</span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Flame({ profile }: { readonly profile: CpuProfile }) {
  const frames = flameOf(profile);
  if (frames.length === 0) return null;
  const depth = Math.max(...frames.map((frame) => frame.depth)) + 1;
  const widest = [...frames].sort((a, b) => b.selfShare - a.selfShare)[0];
  return (
    <figure className="stack tight">
      <figcaption className="tiny faint">Flame graph: width is time, each row is called by the one above it</figcaption>
      <div
        className="flame"
        role="img"
        aria-label={`Flame graph of a CPU profile; most own time: ${widest?.name ?? ""}, ${share(widest?.selfShare ?? 0)}`}
        style={{ height: depth * 20 }}
      >
        {frames.map((frame, at) => (
          <span
            key={at}
            className="flame-frame"
            title={`${clipped(frame.name, 200)} ${clipped(frame.place, 300)}: ${share(frame.share)}, own ${share(frame.selfShare)}`}
            style={{
              left: `${frame.start * 100}%`,
              width: `${frame.share * 100}%`,
              top: frame.depth * 20,
              opacity: 0.55 + Math.min(0.45, frame.selfShare * 2),
            }}
          >
            {frame.share > 0.04 ? clipped(frame.name, 60) : ""}
          </span>
        ))}
      </div>
    </figure>
  );
}

/** Which of the things around it is the likely cause, as the server ranked them, with its reasons. */
function Ranking({ causes }: { readonly causes: readonly unknown[] }) {
  return (
    <table className="table top-list">
      <thead>
        <tr>
          <th scope="col">Possible cause</th>
          <th scope="col">Why</th>
          <th scope="col" className="top-share">
            Weight
          </th>
        </tr>
      </thead>
      <tbody>
        {causes.slice(0, 5).map((cause, at) => (
          <tr key={at}>
            <td>{clipped(textIn(cause, "node"), 120)}</td>
            <td className="muted">
              {clipped(
                listIn(cause, "why")
                  .filter((each) => typeof each === "string")
                  .join("; "),
                300,
              )}
            </td>
            <td className="top-share">
              <Meter value={numberIn(cause, "score")} />
              <span className="visually-hidden">{share(numberIn(cause, "score"))}</span>
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Templates({ templates }: { readonly templates: readonly unknown[] }) {
  return (
    <table className="table">
      <thead>
        <tr>
          <th scope="col">Log template</th>
          <th scope="col" className="number">
            Before, /min
          </th>
          <th scope="col" className="number">
            Now, /min
          </th>
        </tr>
      </thead>
      <tbody>
        {templates.slice(0, 12).map((each, at) => (
          <tr key={at}>
            <td>
              <code>{clipped(textIn(each, "template"), 300)}</code>
            </td>
            <td className="number">{numberIn(each, "before").toFixed(1)}</td>
            <td className="number">{numberIn(each, "perMinute").toFixed(1)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function listIn(data: unknown, name: string): readonly unknown[] {
  if (typeof data !== "object" || data === null) return [];
  const list = (data as Readonly<Record<string, unknown>>)[name];
  return Array.isArray(list) ? (list as readonly unknown[]) : [];
}
function numberIn(data: unknown, name: string): number {
  if (typeof data !== "object" || data === null) return 0;
  const value = (data as Readonly<Record<string, unknown>>)[name];
  return typeof value === "number" && Number.isFinite(value) ? value : 0;
}
function textIn(data: unknown, name: string): string {
  if (typeof data !== "object" || data === null) return "";
  const value = (data as Readonly<Record<string, unknown>>)[name];
  return typeof value === "string" ? value : "";
}
function isPlace(value: unknown): value is Place {
  if (typeof value !== "object" || value === null) return false;
  const place = value as Partial<Record<keyof Place, unknown>>;
  return typeof place.function === "string" && typeof place.url === "string" && typeof place.line === "number";
}
function profileIn(data: unknown): CpuProfile | null {
  if (isCpuProfile(data)) return data;
  const inner = typeof data === "object" && data !== null ? (data as { readonly profile?: unknown }).profile : null;
  return isCpuProfile(inner) ? inner : null;
}
