// What agent and control plane say to each other over the local socket: JSON, one message a line, at most 1 MB each. The
// agent listens (it outlives the control plane); the control plane connects, says hello, and is sent what it missed.
import type {
  EventSignal,
  Evidence,
  ObservationSignal,
  Order,
  Question,
  StepOutcome,
  TargetKey,
  TimeMs,
} from "@prunella/core";
import type { Plan } from "../plan.ts";

/** Control plane to agent. */
export type ToAgent =
  /** First message. `fence` is the epoch of its store; orders of an older control plane are refused from now on. */
  | { readonly type: "hello"; readonly version: 1; readonly fence: number; readonly pid: number }
  /** Events up to and including this number are stored; the agent forgets them. */
  | { readonly type: "acknowledge"; readonly through: number }
  | { readonly type: "order"; readonly id: number; readonly order: Order }
  /** What became of an order given earlier, by its key. */
  | { readonly type: "outcome-of"; readonly id: number; readonly key: string }
  | { readonly type: "question"; readonly id: number; readonly question: Question }
  /** Drive a guard or call an action inside a service, through its probe. */
  | {
      readonly type: "drive";
      readonly id: number;
      readonly target: TargetKey;
      readonly command: Readonly<Record<string, unknown>>;
    }
  /** A ping arrived for the heartbeat check of this slug; unknown slugs are ignored. */
  | { readonly type: "heartbeat"; readonly slug: string }
  /** Sent every second: the control plane's event loop turns. After 15 s of silence the agent replaces the process. */
  | { readonly type: "alive" }
  | {
      readonly type: "logs";
      readonly id: number;
      readonly target: TargetKey;
      readonly lines: number;
      readonly containing: string | null;
      /** Only lines that hold one of these, whatever their case; absent or null: all. At most 20. */
      readonly anyOf?: readonly string[] | null;
    }
  | { readonly type: "stop-all" };

/** Agent to control plane. */
export type ToControl =
  | {
      readonly type: "hello";
      readonly version: 1;
      readonly agent: string;
      readonly pid: number;
      readonly startedAt: TimeMs;
      readonly plan: Plan;
    }
  /** Numbered from 1 per agent life; sent again after a reconnect until acknowledged. */
  | { readonly type: "event"; readonly number: number; readonly signal: EventSignal }
  | { readonly type: "observations"; readonly signals: readonly ObservationSignal[] }
  /** Snapshots of the guards inside a service, as its probe last reported them. */
  /**
   * Lines that a service wrote since the last of these, in the order in which it wrote them. At most 500 a second of each
   * stream, 2,000 characters each; `lost` were left out. Not repeated: a lost connection may cost those under way.
   */
  | {
      readonly type: "lines";
      readonly target: TargetKey;
      readonly stream: "out" | "err";
      readonly at: TimeMs;
      readonly lines: readonly string[];
      readonly lost: number;
    }
  | { readonly type: "guards"; readonly target: TargetKey; readonly snapshots: readonly unknown[] }
  | { readonly type: "reply"; readonly id: number; readonly reply: Reply }
  | { readonly type: "plan"; readonly plan: Plan };

export type Reply =
  | { readonly kind: "outcome"; readonly outcome: StepOutcome | "running" | null }
  | { readonly kind: "evidence"; readonly evidence: Evidence | null }
  | { readonly kind: "driven"; readonly ok: boolean; readonly value: unknown }
  | { readonly kind: "logs"; readonly lines: readonly LogLine[] }
  | { readonly kind: "refused"; readonly reason: string };

export interface LogLine {
  readonly target: TargetKey;
  readonly stream: "out" | "err";
  /** When the agent read it. */
  readonly at: TimeMs;
  readonly text: string;
}
