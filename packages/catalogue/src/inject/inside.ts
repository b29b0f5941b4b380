// Faults inside a Node service's own process, made through its inspector: memory and descriptors that leak, a loop that is
// blocked, a clock that is wrong. Any other process is refused: a signal that Node takes as a request would kill it.
import { existsSync, readlinkSync } from "node:fs";
import { evaluate, isNode } from "./inspector.ts";
import { InjectionRefused, number, pidOf, type InjectContext, type Injection, type Injector } from "./injector.ts";

const abortsWhen = "another target that was healthy turns bad";

function nodeOf(context: InjectContext): number {
  const pid = pidOf(context);
  let executable: string;
  try {
    executable = readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, "");
  } catch {
    throw new InjectionRefused(`process ${pid} cannot be looked at; run as its user`);
  }
  if (!isNode(executable))
    throw new InjectionRefused(`${context.target.key} runs ${executable}; this fault is for Node services only`);
  return pid;
}

/** Ends what a fault left in the process; a process that is gone took it along. */
function undoing(pid: number, kind: string): () => Promise<string> {
  return async () => {
    try {
      await evaluate(pid, `globalThis[Symbol.for("prunella.inject.${kind}")]?.undo(), true`);
      return `${kind} undone in pid ${pid}`;
    } catch (error) {
      if (!existsSync(`/proc/${pid}`)) return `pid ${pid} is gone`;
      throw error;
    }
  };
}

async function put(context: InjectContext, kind: string, body: string, summary: string): Promise<Injection> {
  const pid = nodeOf(context);
  // Ends by itself in the process too, should nobody come back to undo it.
  await evaluate(
    pid,
    `(() => { const end = setTimeout(() => undo(), ${Math.round(context.forMs)}); end.unref();
       const done = []; const undo = () => { clearTimeout(end); for (const each of done.splice(0)) each(); };
       ${body}
       globalThis[Symbol.for("prunella.inject.${kind}")] = { undo }; return true; })()`,
  );
  return { summary: `${summary} in pid ${pid}`, detail: { pid }, undo: undoing(pid, kind) };
}

export const memory: Injector = {
  kind: "memory",
  what: "leaks memory inside the process",
  takes: {
    rate: "bytes a second (default 20,000,000; 1,000 to 1e9)",
    max: "bytes in all, then it stops growing (default 500,000,000; at most 8e9)",
  },
  blastRadius: "the process of one target; its machine when it has no limit",
  abortsWhen,
  undoes: "the leaked memory is let go; collecting it is the process's business",
  inject: (context) => {
    const rate = number(context, "rate", 20_000_000, 1_000, 1e9);
    const max = number(context, "max", 500_000_000, 1_000, 8e9);
    return put(
      context,
      "memory",
      `const kept = []; let held = 0;
       const leak = () => { if (held >= ${max}) return; for (let made = 0; made < ${rate / 10}; made += 200) kept.push({ made, text: "leak " + made, more: [made, made] }); held += ${rate / 10}; };
       const timer = setInterval(leak, 100); done.push(() => { clearInterval(timer); kept.length = 0; });`,
      `leaks ${Math.round(rate / 1e6)} MB/s up to ${Math.round(max / 1e6)} MB`,
    );
  },
};

export const descriptors: Injector = {
  kind: "descriptors",
  what: "leaks file descriptors inside the process",
  takes: { rate: "descriptors a second (default 20; 1 to 10,000)", max: "in all (default 500; at most 100,000)" },
  blastRadius: "the process of one target",
  abortsWhen,
  undoes: "the descriptors are closed",
  inject: (context) => {
    const rate = number(context, "rate", 20, 1, 10_000);
    const max = number(context, "max", 500, 1, 100_000);
    return put(
      context,
      "descriptors",
      `const fs = process.getBuiltinModule("node:fs"); const open = [];
       const timer = setInterval(() => { for (let n = 0; n < ${Math.ceil(rate / 10)} && open.length < ${max}; n += 1) { try { open.push(fs.openSync("/dev/null", "r")); } catch { return; } } }, 100);
       done.push(() => { clearInterval(timer); for (const each of open.splice(0)) fs.closeSync(each); });`,
      `leaks ${rate} descriptors a second up to ${max}`,
    );
  },
};

export const block: Injector = {
  kind: "block",
  what: "blocks the event loop by a tight loop",
  takes: {},
  blastRadius: "the process of one target answers nothing",
  abortsWhen: "it cannot be given up early: a blocked loop takes no orders; it ends with its time",
  undoes: "it ends by itself after its time, or when the process is replaced",
  async inject(context) {
    const pid = nodeOf(context);
    await evaluate(
      pid,
      `setTimeout(function blockedByDrill() { const until = Date.now() + ${Math.round(context.forMs)}; while (Date.now() < until) Math.sqrt(Math.random()); }, 200), true`,
    );
    return {
      summary: `blocks the loop of pid ${pid} for ${context.forMs / 1_000} s`,
      detail: { pid },
      undo: async () => "it ends by itself",
    };
  },
};

export const clock: Injector = {
  kind: "clock",
  what: "sets the process's own clock (Date) forward or back; the machine's is left alone",
  takes: { skewMs: "ms (default 3,600,000; from -1e12 to 1e12)" },
  blastRadius: "the process of one target",
  abortsWhen,
  undoes: "Date is put back",
  inject: (context) => {
    const skew = number(context, "skewMs", 3_600_000, -1e12, 1e12);
    return put(
      context,
      "clock",
      `const Real = globalThis.Date;
       const Skewed = class extends Real { constructor(...given) { if (given.length === 0) super(Real.now() + ${skew}); else super(...given); } static now() { return Real.now() + ${skew}; } };
       globalThis.Date = Skewed; done.push(() => { if (globalThis.Date === Skewed) globalThis.Date = Real; });`,
      `sets the clock by ${skew} ms`,
    );
  },
};
