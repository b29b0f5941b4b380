// The plan: a configuration after it has been checked whole and every default filled in. Plain JSON: the command line makes
// it, the agent and the control plane live by it, and the last good one stays on disk.
import type {
  CheckRole,
  Detection,
  Remedy,
  ScalingRule,
  ShareRule,
  TargetKey,
  TargetSpec,
  TuningRule,
} from "@prunella/core";
import type { NotifyPlan } from "./notify/plan.ts";
import type { MonitoringPlan, SourcesPlan } from "./sources/plan.ts";

export interface Plan {
  readonly version: 1;
  /** Where it came from, for messages: a file's absolute path, or "command line". */
  readonly source: string;
  /** Folder relative paths of the configuration are resolved against. */
  readonly folder: string;
  /** The file to preload into Node services, when whoever made the plan made it too; absent: the agent makes it. */
  readonly probeFile?: string;
  readonly services: readonly ServicePlan[];
  /** Every target, those of services included, as the core sees them. */
  readonly targets: readonly TargetSpec[];
  readonly checks: readonly CheckPlan[];
  readonly remedies: readonly Remedy[];
  /** Services whose number of instances follows their load, and numbers that are tuned. */
  readonly scaling?: readonly ScalingRule[];
  readonly tuning?: readonly TuningRule[];
  /** Services whose share of the machine follows their need. */
  readonly shares?: readonly ShareRule[];
  readonly notify: NotifyPlan;
  readonly sources: SourcesPlan;
  readonly monitoring: MonitoringPlan;
  readonly http: { readonly host: string; readonly port: number; readonly tokenFile: string | null };
  readonly retention: { readonly signalsMs: number; readonly bytesMax: number };
  readonly safety: SafetyPlan;
  /** Drills that run by themselves. */
  readonly drills?: readonly DrillPlan[];
  /** Modules that add actions, absolute paths. Each action runs in a process of its own. */
  readonly plugins?: readonly string[];
  /** What of detection is switched off, and the rules of the configuration; absent: as shipped. */
  readonly detect?: Partial<Detection>;
}

/** One service with `instances` processes; instance i of several is target "name/i", a single one is target "name". */
export interface ServicePlan {
  readonly name: string;
  /** Program and arguments; never a shell unless `shell` was written in the configuration (then ["/bin/sh", "-c", text]). */
  readonly command: readonly string[];
  readonly cwd: string;
  /** Added to the agent's own environment; env files are merged in already. PORT etc. are the user's business. */
  readonly env: Readonly<Record<string, string>>;
  /** Numeric or named user to run as; null: the agent's own. */
  readonly user: string | null;
  /** Services and targets that must be ready before this one starts; it stops before they do. */
  readonly after: readonly TargetKey[];
  readonly instances: number;
  readonly stop: { readonly signal: string; readonly timeoutMs: number };
  /** Longest wait for readiness at start before dependents are started anyway (default 30,000). */
  readonly readyTimeoutMs: number;
  readonly logs: { readonly bytesMax: number; readonly files: number };
  /** Preload the probe when the program is Node ("auto": decided by the command), always, or never. */
  readonly probe: "auto" | "on" | "off";
  /** Ports it is known to listen on, for naming a port's owner; often empty. */
  readonly ports: readonly number[];
  /** Files and folders that belong to it, by what may be done with them; absent: none. */
  readonly declared?: DeclaredPlan;
  /** Bounds within which its instances may be scaled; absent: not at all. Then every one up to `max` is a target. */
  readonly scale?: { readonly min: number; readonly max: number };
  /** What it gets of the machine; absent: it runs in no control group of its own. */
  readonly resources?: ResourcesPlan;
}

/** Shares of the machine, kept by the kernel's control groups where there are any. They hold for each instance by itself. */
export interface ResourcesPlan {
  /** Weight against the other services with shares, 1 to 10,000 (default 100), and the most it may be raised to by need. */
  readonly cpu: number;
  readonly cpuMost: number;
  /** From here on its memory is reclaimed, bytes; null: nowhere. */
  readonly memoryHigh: number | null;
  /** Beyond this the kernel kills in it, bytes, and the most it may be raised to by need; null: no limit of its own. */
  readonly memoryMax: number | null;
  readonly memoryMost: number | null;
}

/** What a service declares of its files. All paths are absolute. Nothing outside of these is ever touched by a repair. */
export interface DeclaredPlan {
  /** Kept as they were when the service last ran well, and restored from that. */
  readonly configs: readonly string[];
  /** A symbolic link to the release in use, pointed back to the last one with which the service ran well. */
  readonly release: string | null;
  /** Lock files that name the process that holds them; removed when that process is dead. */
  readonly locks: readonly string[];
  readonly folders: readonly FolderPlan[];
  /** Folders whose files are records, and where one that cannot be digested is put. */
  readonly records: readonly { readonly from: string; readonly to: string }[];
}

export interface FolderPlan {
  readonly path: string;
  /** log and cache may be cleared of their oldest files; data is only watched. */
  readonly use: "log" | "cache" | "data";
  /** Most it should hold; null: what the disk has. */
  readonly bytesMax: number | null;
}

export interface CheckPlan extends CheckRole {
  readonly target: TargetKey;
  readonly timeoutMs: number;
  /** Share of the interval by which starts are spread (0 to 0.5). */
  readonly jitter: number;
  /** Not run before this long after the process started. */
  readonly initialDelayMs: number;
  readonly how: CheckHow;
}

export type CheckHow =
  | {
      readonly type: "http";
      readonly url: string;
      readonly method: string;
      readonly headers: Readonly<Record<string, string>>;
      readonly statusMin: number;
      readonly statusMax: number;
      readonly bodyIncludes: string | null;
      readonly latencyMsMax: number | null;
      readonly certificateDaysMin: number | null;
    }
  | { readonly type: "tcp"; readonly host: string; readonly port: number }
  | { readonly type: "command"; readonly argv: readonly string[]; readonly cwd: string }
  | { readonly type: "process"; readonly name: string }
  | { readonly type: "file-age"; readonly path: string; readonly ageMsMax: number }
  | { readonly type: "heartbeat"; readonly slug: string; readonly periodMs: number; readonly graceMs: number }
  /** A certificate (PEM) or token (JWT) in a file; never fails before its end, and says when that is. */
  | { readonly type: "expiry"; readonly path: string; readonly warnMs: number }
  | { readonly type: "dns"; readonly host: string };

/** A drill, or an experiment, that runs by cron inside a window; skipped while an incident is open. */
export interface DrillPlan {
  /** Id of the catalogue's row, or the name of the experiment's file. */
  readonly drill: string;
  /** File of the experiment; null: the catalogue's own. */
  readonly experiment: string | null;
  readonly cron: string;
  /** IANA name; null: the machine's. */
  readonly timezone: string | null;
  /** Minutes of the day between which it may begin (over midnight when from is after to); null: at any time. */
  readonly window: { readonly fromMinute: number; readonly toMinute: number } | null;
  /** Remedies that it proves: they are demoted to suggest when it fails or was not passed for `staleMs`. */
  readonly remedies: readonly string[];
  readonly staleMs: number;
}

export interface SafetyPlan {
  /** Runs of any remedy that disturb something running, over all targets, per hour. */
  readonly globalPerHour: number;
  /** Share of a group that may be under repair at once (0 to 1]; a group of one needs 1. */
  readonly blastRadius: number;
  /** More distinct targets than this going bad by inference within `stormWindowMs` holds repairs. */
  readonly stormTargets: number;
  readonly stormWindowMs: number;
  readonly approvalTimeoutMs: number;
}
