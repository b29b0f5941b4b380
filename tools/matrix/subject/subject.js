// The service on which faults are shown: HTTP, jobs with a lock, a pool of connections to a dependency, a queue, a configuration
// file, logs, a cache, an inbox of records. Plain Node, no packages. POST /break/NAME makes one fault real; POST /mend ends the
// disturbances that end. It supports its supervisor no more than any program could: it sends heartbeats and gauges if there is
// somebody to take them.
import { spawn } from "node:child_process";
import { lookup } from "node:dns";
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer, get } from "node:http";
import path from "node:path";
import { Worker } from "node:worker_threads";

const port = Number(process.env.PORT);
const folder = process.env.HOME_FOLDER;
const at = (name) => path.join(folder, name);
const release = JSON.parse(readFileSync(path.join(import.meta.dirname, "release.json"), "utf8"));
const probe = globalThis[Symbol.for("prunella.probe")];
for (const name of ["logs", "cache", "uploads", "inbox", "run"]) mkdirSync(at(name), { recursive: true });

if (release.bug === "crash") throw new TypeError("release 2 cannot read its own table of prices");
if (existsSync(at("run/broken-table"))) computePrice();
if (existsSync(at("run/require-dependency"))) {
  const { dependencyPort } = JSON.parse(readFileSync(at("app.json"), "utf8"));
  await ask(`http://127.0.0.1:${dependencyPort}/`);
}
const startDelayMs = Number(release.startDelayMs ?? 0);

// ---- configuration: read at the start, and again when it changes; one that cannot be read ends the process

let config = JSON.parse(readFileSync(at("app.json"), "utf8"));
setInterval(() => {
  const text = readFileSync(at("app.json"), "utf8");
  if (text !== config.text) config = { ...JSON.parse(text), text };
}, 200);
config.text = readFileSync(at("app.json"), "utf8");

// ---- what is broken

const broken = {
  jobs: false,
  checks: false,
  errors: false,
  slowMs: 0,
  slowShare: 1,
  checkMs: 0,
  leakLeases: false,
  askName: false,
  askElsewhere: false,
  skewMs: 0,
  consumer: false,
  wrong: false,
  everySecond: false,
  saw: false,
  arrivals: 1,
};
const kept = [];

// ---- a pool of connections to the dependency

const pool = { max: 8, lent: 0, waiting: [], released: 0 };
function lease() {
  if (pool.lent < pool.max) {
    pool.lent += 1;
    return Promise.resolve();
  }
  return new Promise((resolve, reject) => {
    const entry = { resolve, timer: setTimeout(() => giveUp(entry, reject), 1_500) };
    pool.waiting.push(entry);
  });
}
function giveUp(entry, reject) {
  pool.waiting.splice(pool.waiting.indexOf(entry), 1);
  reject(new Error("no connection of the pool became free"));
}
function giveBack() {
  pool.released += 1;
  const next = pool.waiting.shift();
  if (next === undefined) pool.lent -= 1;
  else {
    clearTimeout(next.timer);
    next.resolve();
  }
}

function ask(url) {
  return new Promise((resolve, reject) => {
    const request = get(url, { timeout: 1_000, agent: false }, (answer) => {
      answer.resume();
      answer.once("end", () =>
        answer.statusCode === 200 ? resolve() : reject(new Error(`the dependency answered ${answer.statusCode}`)),
      );
    });
    request.once("timeout", () => request.destroy(new Error("ETIMEDOUT: the dependency did not answer within 1 s")));
    request.once("error", reject);
  });
}

async function work() {
  if (broken.errors || release.bug === "errors") return computePrice();
  await lease();
  if (broken.leakLeases) return;
  try {
    await ask(`http://127.0.0.1:${config.dependencyPort}/`);
    if (child !== null) await askChild();
    if (broken.askName) await ask("http://prices.invalid/");
    if (broken.askElsewhere) await ask("http://127.0.0.1:9/");
  } finally {
    giveBack();
  }
}

function computePrice() {
  throw new RangeError("the price is not a number");
}

// ---- a child that does a part of the work, where the stage asks for one

const child = existsSync(at("run/with-child"))
  ? spawn(process.execPath, ["-e", "process.on('message', (message) => process.send(message))"], {
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    })
  : null;
const asked = [];
function askChild() {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("the pricing child does not answer")), 700);
    asked.push(() => {
      clearTimeout(timer);
      resolve();
    });
    if (child.connected) child.send(1);
  });
}
child?.on("message", () => asked.shift()?.());
child?.on("error", () => {});

// ---- a table it keeps from one start to the next

if (existsSync(at("cache/table.json"))) JSON.parse(readFileSync(at("cache/table.json"), "utf8"));

// ---- jobs, one at a time under a lock, each a heartbeat; and a durable queue with its consumer

let jobs = 0;
function doJob() {
  if (broken.jobs) return;
  const lock = at("run/jobs.lock");
  try {
    writeFileSync(lock, String(process.pid), { flag: "wx" });
  } catch {
    // Somebody holds it: wait for the next turn.
    return;
  }
  jobs += 1;
  rmSync(lock);
  probe?.heartbeat("jobs");
}
setTimeout(() => (broken.timer = setInterval(doJob, 250)), startDelayMs);

const queue = { size: 0, in: 0, out: 0, capacity: 2_000 };
setInterval(() => {
  queue.in += broken.arrivals;
  queue.size += broken.arrivals;
  // It can take ten at a time.
  const taken = broken.consumer ? 0 : Math.min(queue.size, 10);
  queue.size -= taken;
  queue.out += taken;
  probe?.gauge(
    "queue",
    "orders",
    { size: queue.size, capacity: queue.capacity, durable: 1 },
    { in: queue.in, out: queue.out },
  );
  probe?.gauge(
    "pool",
    "dependency",
    { max: pool.max, lent: pool.lent, waiting: pool.waiting.length },
    { released: pool.released },
  );
}, 100);

// ---- records: each file of the inbox is taken in and removed

setInterval(() => {
  for (const name of readdirSync(at("inbox"))) {
    const file = at(`inbox/${name}`);
    const text = readFileSync(file, "utf8");
    try {
      JSON.parse(text);
    } catch (error) {
      throw new Error(`cannot digest ${file}: ${error.message}`, { cause: error });
    }
    rmSync(file);
  }
}, 300);

function log(line) {
  appendFileSync(at("logs/app.log"), `${line}\n`);
}

// ---- faults

const faults = {
  crash: () => setImmediate(() => computePrice()),
  "crash-for-ever": () => {
    writeFileSync(at("run/broken-table"), "");
    setImmediate(() => computePrice());
  },
  exit: () => setImmediate(() => process.exit(3)),
  spin: () =>
    setImmediate(function spinForever() {
      for (;;) Math.sqrt(Math.random());
    }),
  freeze: () =>
    setImmediate(function waitForever() {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
    }),
  "pause-1500": () => setImmediate(() => collect(1_500)),
  "pause-4000": () => setImmediate(() => collect(4_000)),
  "stalled-worker": () => (broken.jobs = true),
  "lost-timer": () => clearInterval(broken.timer),
  "failing-check": () => (broken.checks = true),
  leak: () => setInterval(rememberOrders, 250),
  batch: () => {
    // Takes memory in steps, works with it, and gives it back.
    const step = setInterval(() => kept.push(Buffer.alloc(12_000_000, 1)), 400);
    setTimeout(() => clearInterval(step), 3_500);
    setTimeout(() => {
      kept.length = 0;
      globalThis.gc?.();
    }, 9_000);
  },
  "descriptor-leak": () =>
    setInterval(() => {
      for (let each = 0; each < 4; each += 1) kept.push(openSync(at("app.json"), "r"));
    }, 250),
  "pool-exhausted": () => (broken.leakLeases = true),
  "errors-all": () => (broken.errors = true),
  "latency-all": () => (broken.slowMs = 1_200),
  "latency-tail": () => Object.assign(broken, { slowMs: 1_500, slowShare: 0.12 }),
  "slow-check": () => {
    broken.checkMs = 2_500;
    setTimeout(() => (broken.checkMs = 0), 1_500);
  },
  "queue-stalled": () => (broken.consumer = true),
  "queue-growth": () => (broken.arrivals = 22),
  burst: () => {
    broken.arrivals = 30;
    setTimeout(() => (broken.arrivals = 1), 4_000);
  },
  "log-fill": () => {
    setInterval(() => {
      for (let each = 0; each < 2; each += 1) log("x".repeat(60_000));
    }, 100);
  },
  "cache-fill": () => fill("cache"),
  "out-of-memory": () => setInterval(() => kept.push(Buffer.alloc(40_000_000, 1)), 20),
  inodes: () => {
    // Many at once, and then a few: it is not the rate that is wrong.
    let number = 0;
    setTimeout(function next() {
      try {
        writeFileSync(at(`cache/${number}.bin`), "small");
        number += 1;
      } catch (error) {
        log(`error ${error.message}`);
      }
      setTimeout(next, number < 195 ? 10 : 500);
    }, 0);
  },
  "data-fill": () => fill("uploads"),
  threads: () => {
    const start = setInterval(() => {
      kept.push(new Worker("setInterval(() => {}, 1e6)", { eval: true }));
      if (kept.length >= 30) clearInterval(start);
    }, 200);
  },
  zombies: () =>
    spawn("python3", ["-c", "import os,time\nfor i in range(8):\n  if os.fork()==0: os._exit(0)\ntime.sleep(1000)"], {
      stdio: "ignore",
    }),
  "wrong-answers": () => (broken.wrong = true),
  "every-second": () => (broken.everySecond = true),
  "child-dies": () => child.kill("SIGKILL"),
  "corrupt-cache": () => {
    writeFileSync(at("cache/table.json"), '{ "prices": [1, 2');
    setImmediate(() => process.exit(1));
  },
  sawtooth: () => {
    // Up for two seconds, in which its check fails, and down for three: never long, never a slope.
    setInterval(() => {
      const held = Array.from({ length: 10 }, () => Buffer.alloc(10_000_000, 1));
      broken.checks = true;
      setTimeout(() => {
        held.length = 0;
        broken.checks = false;
      }, 2_300);
    }, 5_000);
  },
  "clock-skew": () => (broken.skewMs = 60_000),
  "name-resolution": () => (broken.askName = true),
  "dependency-elsewhere": () => (broken.askElsewhere = true),
};

function rememberOrders() {
  for (let each = 0; each < 4_000; each += 1)
    kept.push({ order: each, note: `order ${each} `.repeat(40) + String(Math.random()) });
}

function collect(ms) {
  // What a long collection does to the event loop: no turn, a whole core used.
  const until = performance.now() + ms;
  while (performance.now() < until) Math.sqrt(Math.random());
}

function fill(name) {
  let number = 0;
  setInterval(() => writeFileSync(at(`${name}/${number++}.bin`), Buffer.alloc(120_000, 1)), 100);
}

// ---- HTTP

let turns = 0;
const server = createServer((request, response) => {
  const url = request.url ?? "/";
  if (broken.skewMs !== 0) {
    response.sendDate = false;
    response.setHeader("date", new Date(Date.now() + broken.skewMs).toUTCString());
  }
  if (request.method === "POST" && url.startsWith("/break/")) {
    const fault = faults[url.slice("/break/".length)];
    response.writeHead(fault === undefined ? 404 : 200).end("ok\n");
    fault?.();
    return;
  }
  turns += 1;
  // It is heard and never answered.
  if (broken.everySecond && turns % 2 === 0) return;
  if (url === "/price") {
    response.end(broken.wrong ? "price: NaN\n" : "price: 42\n");
    return;
  }
  if (url === "/healthz") {
    setTimeout(
      () => response.writeHead(broken.checks ? 500 : 200).end(broken.checks ? "unwell\n" : "well\n"),
      broken.checkMs,
    );
    return;
  }
  if (url === "/progress") {
    response.end(`${jobs}\n`);
    return;
  }
  if (url !== "/work" && url !== "/list") {
    response.writeHead(404).end("no such page\n");
    return;
  }
  const delayMs = broken.slowMs > 0 && Math.random() < broken.slowShare ? broken.slowMs : 0;
  setTimeout(() => {
    work().then(
      () => response.end("done\n"),
      (error) => {
        log(`error ${error.message}`);
        response.writeHead(500).end(`${error.message}\n`);
      },
    );
  }, delayMs);
});
setTimeout(() => server.listen(port, "127.0.0.1"), startDelayMs);
lookup("localhost", () => {});

process.on("SIGTERM", () => {
  server.close(() => process.exit(0));
  server.closeIdleConnections();
  setTimeout(() => process.exit(0), 500).unref();
});
