// The screens one can go to, and the keys that lead there.
import type { IconName } from "../ui/icon.tsx";

export const places: readonly {
  readonly to: string;
  readonly name: string;
  readonly icon: IconName;
  readonly key: string;
}[] = [
  { to: "/", name: "Overview", icon: "overview", key: "o" },
  { to: "/issues", name: "Issues", icon: "issues", key: "i" },
  { to: "/approvals", name: "Approvals", icon: "approvals", key: "a" },
  { to: "/targets", name: "Targets", icon: "targets", key: "t" },
  { to: "/remedies", name: "Remedies", icon: "remedies", key: "m" },
  { to: "/drills", name: "Drills", icon: "drills", key: "d" },
  { to: "/report", name: "Report", icon: "report", key: "r" },
  { to: "/itself", name: "Prunella itself", icon: "itself", key: "p" },
];

export function isMac(): boolean {
  return /Mac|iP(hone|ad)/.test(navigator.userAgent);
}
