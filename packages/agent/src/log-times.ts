// When a line was written, to the second: services write to their files themselves, so the agent notes each second how far a
// file had grown, and looks a line's offset up in these notes when it is asked.

/** Notes kept per file; older lines get the time of the oldest note. */
const notesMax = 600;

export interface LogTimes {
  /** The file had this size at this time. A smaller size than before means that it was rotated. */
  note(size: number, at: number): void;
  /** Time of the line that starts at this offset of the current file, or of the rotated one. */
  at(offset: number, rotated: boolean): number;
}

/** @param now given to lines of which nothing is known yet. */
export function logTimes(now: () => number): LogTimes {
  let current: { size: number; at: number }[] = [];
  let rotated: { size: number; at: number }[] = [];
  return {
    note(size, at) {
      const last = current.at(-1);
      if (last !== undefined && size < last.size) {
        rotated = current;
        current = [];
      } else if (last?.size === size) return;
      current.push({ size, at });
      if (current.length > notesMax) current = current.slice(notesMax / 2);
    },
    at(offset, inRotated) {
      const notes = inRotated ? rotated : current;
      // The first note that covers the line: it was written by then.
      let low = 0;
      let high = notes.length;
      while (low < high) {
        const middle = (low + high) >> 1;
        if ((notes[middle]?.size ?? 0) > offset) high = middle;
        else low = middle + 1;
      }
      return notes[low]?.at ?? notes.at(-1)?.at ?? now();
    },
  };
}
