// A table: its head, its rows, and the way it scrolls sideways where it does not fit. Only then is it a stop for the Tab key, so
// that it can be scrolled without a pointer and is no hindrance elsewhere.
import { useLayoutEffect, useRef, useState, type ReactNode } from "react";

export interface Column {
  readonly name: string;
  readonly className: string;
}
/** A column of numbers or times, which stand on the right. */
export const number = (name: string): Column => ({ name, className: "number" });

export function Table({
  label,
  columns,
  className = "",
  note,
  children,
}: {
  readonly label: string;
  readonly columns: readonly (string | Column)[];
  readonly className?: string;
  /** Below the rows: what was left out. */
  readonly note?: ReactNode;
  /** Rows. */
  readonly children: ReactNode;
}) {
  const box = useRef<HTMLDivElement>(null);
  const [scrolls, setScrolls] = useState(false);
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return;
    const look = (): void => setScrolls(element.scrollWidth > element.clientWidth);
    look();
    const observer = new ResizeObserver(look);
    observer.observe(element);
    if (element.firstElementChild !== null) observer.observe(element.firstElementChild);
    return () => observer.disconnect();
  }, []);
  return (
    <div className="scroll-x" ref={box} {...(scrolls ? { tabIndex: 0, role: "group", "aria-label": label } : {})}>
      <table className={`table ${className}`} aria-label={label}>
        <thead>
          <tr>
            {columns.map((column) =>
              typeof column === "string" ? (
                <th scope="col" key={column}>
                  {column}
                </th>
              ) : (
                <th scope="col" key={column.name} className={column.className}>
                  {column.name}
                </th>
              ),
            )}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
      {note !== undefined && <p className="hint table-note">{note}</p>}
    </div>
  );
}
