// The text of whatever was thrown, for messages and events: an object without a prototype, or with a `toString` that
// throws itself, must not turn a failure that is being handled into one that nobody handles.

/** What `String` makes of it, where it can. */
export function textOf(thrown: unknown): string {
  try {
    return String(thrown);
  } catch {
    return "something that has no text";
  }
}
