// The error event that grouping works on: plain data, close to what SDKs send, decoded by someone else. Every list is
// oldest first: the last exception was finally thrown, the last frame is the crash site.

export interface StackFrame {
  readonly function?: string;
  /** Dotted module or class: "app.orders", "com.example.Orders". */
  readonly module?: string;
  /** As short as the runtime gives it; may be relative. */
  readonly filename?: string;
  readonly absPath?: string;
  /** Jar, wheel, module of a package manager, dynamic library. */
  readonly package?: string;
  /** From 1. */
  readonly line?: number;
  /** From 1. */
  readonly column?: number;
  /** The source line, as text. */
  readonly contextLine?: string;
  /** Code of the application itself, not of a library or the runtime. Decided by `isInApp` when absent. */
  readonly inApp?: boolean;
  readonly platform?: string;
  /** The frame resumes after an await. */
  readonly isAsync?: boolean;
}

export interface ErrorException {
  readonly type?: string;
  readonly value?: string;
  readonly module?: string;
  readonly frames?: readonly StackFrame[];
  /** The type was made up by the SDK: it says nothing about the failure. */
  readonly isSynthetic?: boolean;
  /** Number of this exception and of the one it belongs to, for chains and groups that are trees. */
  readonly id?: number;
  readonly parentId?: number;
  /** AggregateError, ExceptionGroup: the children are its members, not its causes. */
  readonly isGroup?: boolean;
}

export interface ErrorEvent {
  readonly platform?: string;
  readonly level?: string;
  readonly logger?: string;
  readonly transaction?: string;
  /** The message as a template with its parameters left out, when the logger knows it. */
  readonly messageTemplate?: string;
  readonly message?: string;
  readonly exceptions?: readonly ErrorException[];
  /** Frames of an event without an exception. */
  readonly frames?: readonly StackFrame[];
  /** The client's fingerprint; may contain "{{ default }}". */
  readonly fingerprint?: readonly string[];
  readonly tags?: Readonly<Record<string, string>>;
  readonly release?: string;
  /** The client's clock, epoch ms. */
  readonly at?: number;
}

/** Bounds of what is read of one event; the newest frames and exceptions are kept. */
export const framesMax = 200;
export const exceptionsMax = 32;
