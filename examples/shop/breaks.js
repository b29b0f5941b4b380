// The handle by which this example is broken from outside: POST /break/KIND on each service's own port. Only for the
// example: a real service has no such thing, and needs none.
const kept = [];
let timer;

/** Each kind breaks the process for real. */
const kinds = {
  /** Blocks the event loop for ever, using a whole core. */
  hang() {
    setImmediate(spinForever);
  },
  /** Blocks the event loop for ever in a wait, using no CPU. */
  freeze() {
    setImmediate(() => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0));
  },
  /** Keeps 20 MB more every second. */
  leak() {
    timer ??= setInterval(rememberOrders, 250);
  },
  crash() {
    setImmediate(() => {
      throw new TypeError("cannot read the price of undefined");
    });
  },
  exit() {
    setImmediate(() => process.exit(3));
  },
};

function spinForever() {
  for (;;) Math.sqrt(Math.random());
}

function rememberOrders() {
  for (let each = 0; each < 5_000; each += 1)
    kept.push({ order: each, note: `order ${each} `.repeat(60) + Math.random() });
}

/** State that the services themselves look at. */
export const broken = { errors: false, muted: false };

/** Answers requests under /break/; false for any other. */
export function handleBreak(request, response) {
  const kind = /^\/break\/(\w+)$/.exec(request.url ?? "")?.[1];
  if (kind === undefined || request.method !== "POST") return false;
  if (kind === "errors") broken.errors = true;
  else if (kind === "mute") broken.muted = true;
  else if (kind === "mend") {
    broken.errors = false;
    broken.muted = false;
    clearInterval(timer);
    timer = undefined;
    kept.length = 0;
  } else if (kinds[kind] !== undefined) kinds[kind]();
  else {
    response
      .writeHead(404)
      .end(`unknown: ${kind}; try ${[...Object.keys(kinds), "errors", "mute", "mend"].join(", ")}\n`);
    return true;
  }
  response.end(`${kind}\n`);
  return true;
}
