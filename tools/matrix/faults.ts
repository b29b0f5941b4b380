// Every fault and every benign disturbance that the matrix shows, as data: how it is brought about, what ends it, which cause is
// the right one, and what a good supervisor should come to.
import { execFileSync } from "node:child_process";
import { controlGroups } from "@prunella/agent";
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmdirSync,
  statSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Stage } from "./stage.ts";

export interface Fault {
  readonly name: string;
  readonly title: string;
  /** benign: whoever repairs anything, or cries critical, has done harm. */
  readonly kind: "fault" | "benign";
  /** process faults are to be seen within 1 s, the others within 5 s. */
  readonly class: "process" | "other";
  /** heal: by the supervisor; person: only a person (or the other side) can, who is to be told the cause; pass: it ends by itself. */
  readonly ends: "heal" | "person" | "pass";
  /** Matches the root cause, as a sentence, of at least one incident of the run. */
  readonly cause: RegExp;
  readonly inject: (stage: Stage) => Promise<void> | void;
  /** For faults that end outside: ends them, this long after they began. */
  readonly endsAfterMs?: number;
  readonly end?: (stage: Stage) => Promise<void> | void;
  /** It is over; absent: the subject answers its work and its jobs get on. */
  readonly isOver?: (stage: Stage) => boolean | Promise<boolean>;
  /** How long a run may take, ms; default 60,000. */
  readonly limitMs?: number;
  /** Before the start: what must be there already. */
  readonly prepare?: (stage: Stage) => Promise<void> | void;
  /** Milliseconds of good running before it, default 8,000; latency needs a past to compare with. */
  readonly warmMs?: number;
  /** Named where the machine cannot show it. */
  readonly needs?: () => string | null;
  /** Restarts of the subject are part of it (a deploy). */
  readonly restarts?: number;
  /** Traffic that goes with it, requests a second to a page that is not there. */
  readonly missing?: number;
}

const breaks = (name: string) => (stage: Stage) => stage.break(name);
const hasPython = (): string | null => {
  try {
    execFileSync("python3", ["-c", "pass"], { stdio: "ignore" });
    return null;
  } catch {
    return "python3 is not there to leave children unreaped";
  }
};

const hasMemoryGroups = (): string | null => {
  const groups = controlGroups(`matrix-${process.pid}`);
  const { absent, controllers } = groups;
  groups.close();
  return controllers.memory === null ? `no control group of memory: ${absent ?? "only the CPU's"}` : null;
};
const mayMount = (): string | null => {
  const folder = mkdtempSync(path.join(tmpdir(), "prunella-mount-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "none", folder], { stdio: "ignore" });
    execFileSync("umount", [folder], { stdio: "ignore" });
    return null;
  } catch {
    return "a small file system can be mounted by root only";
  } finally {
    rmdirSync(folder);
  }
};

function folderBytes(folder: string): number {
  return readdirSync(folder).reduce((sum, name) => sum + statSync(path.join(folder, name)).size, 0);
}

/** A second release with a bug of its own, put in place and started, as a deploy does. */
async function deploy(stage: Stage, release: Readonly<Record<string, unknown>>, started = true): Promise<void> {
  const next = path.join(stage.folder, "releases", "2");
  mkdirSync(next, { recursive: true });
  cpSync(path.join(stage.folder, "releases", "1", "subject.js"), path.join(next, "subject.js"));
  writeFileSync(path.join(next, "release.json"), JSON.stringify(release));
  writeFileSync(path.join(next, "package.json"), '{ "type": "module" }');
  const link = path.join(stage.folder, "current");
  unlinkSync(link);
  symlinkSync("releases/2", link);
  if (started) await stage.restart("subject");
}

function configure(stage: Stage, text: string): void {
  writeFileSync(path.join(stage.folder, "app.json"), text);
}
const goodConfig = (stage: Stage): string =>
  JSON.stringify({ dependencyPort: stage.ports.dependency, page: 20 }, null, 2);

export const faults: readonly Fault[] = [
  // ---- the process
  {
    name: "crash",
    title: "crash by an exception",
    kind: "fault",
    class: "process",
    ends: "heal",
    cause: /RangeError: the price is not a number.*computePrice/,
    inject: breaks("crash"),
  },
  {
    name: "exit",
    title: "exit with status 3",
    kind: "fault",
    class: "process",
    ends: "heal",
    cause: /exited with 3/,
    inject: breaks("exit"),
  },
  {
    name: "kill",
    title: "killed from outside",
    kind: "fault",
    class: "process",
    ends: "heal",
    cause: /killed by SIGKILL/,
    inject: (stage) => stage.kill("subject", "SIGKILL"),
  },
  {
    name: "spin",
    title: "event loop blocked, a whole core used",
    kind: "fault",
    class: "process",
    ends: "heal",
    cause: /spinForever/,
    inject: breaks("spin"),
  },
  {
    name: "freeze",
    title: "event loop blocked, asleep",
    kind: "fault",
    class: "process",
    ends: "heal",
    cause: /event loop.*blocked.*(futex|waitForever|syscall|wait|native)/i,
    inject: breaks("freeze"),
  },
  {
    name: "failing-check",
    title: "runs, and fails its health check",
    kind: "fault",
    class: "other",
    ends: "heal",
    cause: /fails its check.*500/,
    inject: breaks("failing-check"),
    isOver: (stage) => stage.wasReplaced("subject"),
  },
  {
    name: "out-of-memory",
    title: "killed by the kernel at its own memory limit",
    kind: "fault",
    class: "process",
    ends: "heal",
    cause: /killed by the kernel: out of memory, at its own limit of 350 MB/,
    prepare: (stage) => stage.configure("    resources: { memory: { max: 350MB } }"),
    inject: breaks("out-of-memory"),
    needs: hasMemoryGroups,
  },
  // ---- does not get on
  {
    name: "stalled-worker",
    title: "answers HTTP, jobs stand still",
    kind: "fault",
    class: "other",
    ends: "heal",
    cause: /no heartbeat/,
    inject: breaks("stalled-worker"),
  },
  {
    name: "lost-timer",
    title: "the timer of its jobs is lost",
    kind: "fault",
    class: "other",
    ends: "heal",
    cause: /no heartbeat/,
    inject: breaks("lost-timer"),
  },
  {
    name: "stale-lock",
    title: "lock of a dead process",
    kind: "fault",
    class: "other",
    ends: "heal",
    cause: /lock .*jobs\.lock.*dead/,
    inject: (stage) => stage.abandonLock(),
  },
  // ---- leaks
  {
    name: "leak",
    title: "memory leak",
    kind: "fault",
    class: "other",
    ends: "heal",
    cause: /memory leak.*rememberOrders/,
    inject: breaks("leak"),
    isOver: (stage) => stage.wasReplaced("subject"),
    limitMs: 90_000,
  },
  {
    name: "descriptor-leak",
    title: "descriptor leak",
    kind: "fault",
    class: "other",
    ends: "heal",
    cause: /descriptors.*kind file/,
    inject: breaks("descriptor-leak"),
    isOver: (stage) => stage.wasReplaced("subject"),
    limitMs: 90_000,
  },
  {
    name: "pool-exhausted",
    title: "connections of a pool never returned",
    kind: "fault",
    class: "other",
    ends: "heal",
    cause: /pool dependency.*none came back/,
    inject: breaks("pool-exhausted"),
  },
  // ---- requests
  {
    name: "errors-all",
    title: "every request fails, a restart helps",
    kind: "fault",
    class: "other",
    ends: "heal",
    cause: /requests to subject.* fail/,
    inject: breaks("errors-all"),
    limitMs: 60_000,
  },
  {
    name: "latency-all",
    title: "every request is slow, a restart helps",
    kind: "fault",
    class: "other",
    ends: "heal",
    cause: /answers? slowly/,
    inject: breaks("latency-all"),
    warmMs: 25_000,
    limitMs: 60_000,
  },
  {
    name: "latency-tail",
    title: "one request in eight is slow",
    kind: "fault",
    class: "other",
    ends: "person",
    cause: /answers? slowly.*only the tail/,
    inject: breaks("latency-tail"),
    warmMs: 25_000,
    limitMs: 30_000,
  },
  // ---- dependencies
  {
    name: "dependency-down",
    title: "the dependency is down for 25 s",
    kind: "fault",
    class: "other",
    ends: "person",
    cause: /dependency does not answer|calls? to .* fail/,
    inject: (stage) => stage.stopDependency(),
    endsAfterMs: 25_000,
    end: (stage) => stage.startDependency(),
    limitMs: 60_000,
  },
  {
    name: "dependency-slow",
    title: "the dependency answers slowly for 25 s",
    kind: "fault",
    class: "other",
    ends: "person",
    cause: /answers .*slowly: p95|slowest outgoing call/,
    inject: (stage) => stage.slowDependency(700),
    endsAfterMs: 25_000,
    end: (stage) => stage.slowDependency(0),
    warmMs: 25_000,
    limitMs: 60_000,
    isOver: (stage) => stage.isWell(),
  },
  {
    name: "dependency-elsewhere",
    title: "something it asks that nobody declared is down",
    kind: "fault",
    class: "other",
    ends: "person",
    cause: /127\.0\.0\.1:9.*(fails|ECONNREFUSED)/,
    inject: breaks("dependency-elsewhere"),
    limitMs: 30_000,
  },
  {
    name: "name-resolution",
    title: "a name cannot be resolved",
    kind: "fault",
    class: "other",
    ends: "person",
    cause: /cannot resolve prices\.invalid/,
    inject: breaks("name-resolution"),
    limitMs: 30_000,
  },
  // ---- queues and disks
  {
    name: "queue-stalled",
    title: "nobody takes from a durable queue",
    kind: "fault",
    class: "other",
    ends: "heal",
    cause: /nothing is taken out of the queue orders/,
    inject: (stage) => stage.break("queue-stalled").then(() => stage.break("burst")),
    isOver: (stage) => stage.wasReplaced("subject"),
  },
  {
    name: "queue-growth",
    title: "more comes into a queue than goes out",
    kind: "fault",
    class: "other",
    ends: "person",
    cause: /queue orders.*grows.*come in/,
    inject: breaks("queue-growth"),
    limitMs: 40_000,
  },
  {
    name: "log-fill",
    title: "a log fills its folder",
    kind: "fault",
    class: "other",
    ends: "heal",
    cause: /logs.*app\.log/,
    inject: breaks("log-fill"),
    isOver: (stage) => folderBytes(stage.at("logs")) < 5_000_000 && stage.repaired(),
    limitMs: 60_000,
  },
  {
    name: "cache-fill",
    title: "a cache fills its folder",
    kind: "fault",
    class: "other",
    ends: "heal",
    cause: /cache.*grows|cache.*MB of/,
    inject: breaks("cache-fill"),
    isOver: (stage) => folderBytes(stage.at("cache")) < 9_000_000 && stage.repaired(),
    limitMs: 60_000,
  },
  {
    name: "inodes",
    title: "the disk of its cache has no inode left",
    kind: "fault",
    class: "other",
    ends: "heal",
    cause: /\d+ inodes left|files in .*cache.*inodes are free/,
    prepare: (stage) => stage.mount("cache", ["size=16m", "nr_inodes=200"]),
    inject: breaks("inodes"),
    isOver: (stage) => readdirSync(stage.at("cache")).length < 150 && stage.repaired(),
    needs: mayMount,
  },
  {
    name: "data-fill",
    title: "uploads fill their folder",
    kind: "fault",
    class: "other",
    ends: "person",
    cause: /uploads.*data/,
    inject: breaks("data-fill"),
    limitMs: 30_000,
  },
  // ---- crash loops
  {
    name: "poison-record",
    title: "crash loop: a record that it cannot digest",
    kind: "fault",
    class: "process",
    ends: "heal",
    cause: /record .*inbox\/order-7\.json/,
    inject: (stage) => writeFileSync(stage.at("inbox/order-7.json"), "{ not json"),
    limitMs: 90_000,
  },
  {
    name: "config-syntax",
    title: "crash loop: configuration that cannot be read",
    kind: "fault",
    class: "process",
    ends: "heal",
    cause: /app\.json cannot be read/,
    inject: (stage) => configure(stage, '{ "dependencyPort": '),
    limitMs: 90_000,
  },
  {
    name: "bad-release",
    title: "crash loop: a release that does not start",
    kind: "fault",
    class: "process",
    ends: "heal",
    cause: /release .*current.*differs/,
    inject: (stage) => deploy(stage, { bug: "crash" }),
    restarts: 1,
    limitMs: 90_000,
  },
  {
    name: "not-yet",
    title: "crash loop: what it needs is not there yet",
    kind: "fault",
    class: "process",
    ends: "heal",
    cause: /ECONNREFUSED|dependency does not answer|exited with/,
    prepare: (stage) => writeFileSync(stage.at("run/require-dependency"), ""),
    inject: async (stage) => {
      await stage.stopDependency();
      stage.kill("subject", "SIGKILL");
    },
    endsAfterMs: 12_000,
    end: (stage) => stage.startDependency(),
    limitMs: 90_000,
  },
  {
    name: "crash-for-ever",
    title: "crash loop that nothing ends",
    kind: "fault",
    class: "process",
    ends: "person",
    cause: /RangeError: the price is not a number.*the same end \d+ times/,
    inject: breaks("crash-for-ever"),
    limitMs: 60_000,
    restarts: 20,
  },
  // ---- configuration and release while it runs
  {
    name: "config-wrong",
    title: "a wrong value that looks like a dependency fault",
    kind: "fault",
    class: "other",
    ends: "heal",
    cause: /app\.json.*dependencyPort/,
    inject: (stage) => configure(stage, goodConfig(stage).replace(String(stage.ports.dependency), "9")),
    limitMs: 60_000,
  },
  {
    name: "release-errors",
    title: "a release whose requests fail",
    kind: "fault",
    class: "other",
    ends: "heal",
    cause: /release .*current/,
    inject: (stage) => deploy(stage, { bug: "errors" }),
    restarts: 1,
    limitMs: 90_000,
  },
  // ---- surroundings
  {
    name: "port-orphan",
    title: "port taken by an orphan of its own",
    kind: "fault",
    class: "process",
    ends: "heal",
    cause: /port \d+.*(orphan|left by our|taken)/,
    inject: (stage) => stage.takePort("orphan"),
    limitMs: 60_000,
  },
  {
    name: "port-foreign",
    title: "port taken by somebody else",
    kind: "fault",
    class: "process",
    ends: "person",
    cause: /port \d+.*held by process/,
    inject: (stage) => stage.takePort("foreign"),
    limitMs: 30_000,
  },
  {
    name: "certificate",
    title: "certificate ends in an hour",
    kind: "fault",
    class: "other",
    ends: "person",
    cause: /certificate of subject ends in/,
    inject: (stage) => stage.writeCertificate(1),
    needs: () => stageNeedsOpenssl(),
    limitMs: 20_000,
  },
  {
    name: "token",
    title: "token ends in ten minutes",
    kind: "fault",
    class: "other",
    ends: "person",
    cause: /token of subject ends in/,
    inject: (stage) => stage.writeToken(600),
    limitMs: 20_000,
  },
  {
    name: "clock-skew",
    title: "its clock is a minute ahead",
    kind: "fault",
    class: "other",
    ends: "person",
    cause: /clock of subject is .*ahead/,
    inject: breaks("clock-skew"),
    limitMs: 20_000,
  },
  {
    name: "zombies",
    title: "children that nobody reaps",
    kind: "fault",
    class: "other",
    ends: "person",
    cause: /does not reap its children/,
    inject: breaks("zombies"),
    needs: hasPython,
    limitMs: 25_000,
  },
  {
    name: "threads",
    title: "too many threads",
    kind: "fault",
    class: "other",
    ends: "person",
    cause: /\d+ threads, more than/,
    inject: breaks("threads"),
    limitMs: 25_000,
  },
  // ---- what fits no entry of the list
  {
    name: "wrong-answers",
    title: "answers 200 with the wrong content",
    kind: "fault",
    class: "other",
    ends: "heal",
    cause: /fails its check content.*price: 42/,
    prepare: (stage) =>
      stage.check(
        `{ name: content, http: "http://127.0.0.1:${stage.ports.subject}/price", body: "price: 42", every: 1s }`,
      ),
    inject: breaks("wrong-answers"),
    isOver: (stage) => stage.wasReplaced("subject"),
  },
  {
    name: "every-second",
    title: "answers only every second request",
    kind: "fault",
    class: "other",
    ends: "heal",
    cause: /fails its check|never answered|are not answered/,
    inject: breaks("every-second"),
    isOver: (stage) => stage.wasReplaced("subject"),
    limitMs: 90_000,
  },
  {
    name: "sawtooth",
    title: "memory up and down, its check fails on the way",
    kind: "fault",
    class: "other",
    ends: "heal",
    cause: /fails its check/,
    inject: breaks("sawtooth"),
    isOver: (stage) => stage.wasReplaced("subject"),
    limitMs: 90_000,
  },
  {
    name: "child-dies",
    title: "a child that does part of the work is dead, the parent lives",
    kind: "fault",
    class: "other",
    ends: "heal",
    cause: /requests to subject.* fail/,
    prepare: (stage) => writeFileSync(stage.at("run/with-child"), ""),
    inject: breaks("child-dies"),
    isOver: (stage) => stage.wasReplaced("subject"),
  },
  {
    name: "half-open",
    title: "the dependency's connections stay open, nobody answers, for 25 s",
    kind: "fault",
    class: "other",
    ends: "person",
    cause: /calls? .*(fail|do not answer|time)|does not answer|answers .*slowly/,
    inject: (stage) => stage.freezeDependency(true),
    endsAfterMs: 25_000,
    end: (stage) => stage.freezeDependency(false),
    limitMs: 60_000,
  },
  {
    name: "corrupt-cache",
    title: "crash loop: a file it wrote itself is cut short",
    kind: "fault",
    class: "process",
    ends: "person",
    cause: /JSON.*the same end \d+ times|the same end \d+ times.*JSON/,
    inject: breaks("corrupt-cache"),
    restarts: 20,
    limitMs: 60_000,
  },
  // ---- benign: nothing is to be repaired
  {
    name: "pause-1500",
    title: "collection pause of 1.5 s",
    kind: "benign",
    class: "process",
    ends: "pass",
    cause: /^/,
    inject: breaks("pause-1500"),
    limitMs: 20_000,
  },
  {
    name: "pause-4000",
    title: "collection pause of 4 s",
    kind: "benign",
    class: "process",
    ends: "pass",
    cause: /^/,
    inject: breaks("pause-4000"),
    limitMs: 20_000,
  },
  {
    name: "batch",
    title: "a batch takes memory and gives it back",
    kind: "benign",
    class: "other",
    ends: "pass",
    cause: /^/,
    inject: breaks("batch"),
    limitMs: 25_000,
  },
  {
    name: "burst",
    title: "a burst that drains",
    kind: "benign",
    class: "other",
    ends: "pass",
    cause: /^/,
    inject: breaks("burst"),
    limitMs: 35_000,
  },
  {
    name: "missing-pages",
    title: "a storm of 404",
    kind: "benign",
    class: "other",
    ends: "pass",
    cause: /^/,
    inject: () => {},
    missing: 50,
    limitMs: 20_000,
  },
  {
    name: "blip-2000",
    title: "the dependency is away for 2 s",
    kind: "benign",
    class: "other",
    ends: "pass",
    cause: /^/,
    inject: (stage) => stage.stopDependency(),
    endsAfterMs: 2_000,
    end: (stage) => stage.startDependency(),
    limitMs: 25_000,
  },
  {
    name: "blip-8000",
    title: "the dependency is away for 8 s",
    kind: "benign",
    class: "other",
    ends: "pass",
    cause: /^/,
    inject: (stage) => stage.stopDependency(),
    endsAfterMs: 8_000,
    end: (stage) => stage.startDependency(),
    limitMs: 30_000,
  },
  {
    name: "deploy",
    title: "a deploy",
    kind: "benign",
    class: "other",
    ends: "pass",
    cause: /^/,
    inject: (stage) => deploy(stage, { bug: null }),
    restarts: 1,
    limitMs: 25_000,
  },
  {
    name: "slow-start",
    title: "a deploy that takes 10 s to start",
    kind: "benign",
    class: "other",
    ends: "pass",
    cause: /^/,
    inject: (stage) => deploy(stage, { bug: null, startDelayMs: 10_000 }),
    restarts: 1,
    limitMs: 35_000,
  },
  {
    name: "sleep",
    title: "the machine sleeps for 12 s",
    kind: "benign",
    class: "process",
    ends: "pass",
    cause: /^/,
    inject: (stage) => stage.sleep(12_000),
    limitMs: 40_000,
  },
  {
    name: "slow-check",
    title: "the check is slow once",
    kind: "benign",
    class: "other",
    ends: "pass",
    cause: /^/,
    inject: breaks("slow-check"),
    limitMs: 20_000,
  },
];

function stageNeedsOpenssl(): string | null {
  try {
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return null;
  } catch {
    return "openssl is not there to make a certificate";
  }
}

export function faultNamed(name: string): Fault | undefined {
  return faults.find((fault) => fault.name === name);
}
