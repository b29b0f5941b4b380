// The invariants of the design, checked against the plant and the disk whenever something happened. A broken one throws with
// the sentence that was broken; nothing here asks the engine what it believes.
import {
  blastAllowed,
  isLearned,
  kpis,
  statusEdges,
  type Changes,
  type EventSignal,
  type Incident,
  type Issue,
  type Notification,
  type Order,
  type Remedy,
  type Repair,
  type Safety,
} from "@prunella/core";
import type { MemoryDisk } from "@prunella/core/testing";
import type { EffectRecord, Part, Plant } from "./plant.ts";

export interface InvariantsOf {
  readonly plant: Plant;
  readonly disk: MemoryDisk;
  readonly remedies: readonly Remedy[];
  readonly safety: Safety;
  readonly marks: Set<string>;
  readonly now: () => number;
}

/** Bad stretches of a part shorter than this are below what its checks can see, ms. */
const visibleMs = 8_000;

export class Invariants {
  readonly #of: InvariantsOf;
  readonly #repaired = new Map<string, string>();
  readonly #notified = new Set<string>();

  constructor(of: InvariantsOf) {
    this.#of = of;
  }

  /** 1: what was acknowledged is in the store. */
  acknowledged(signal: EventSignal): void {
    demand(this.#of.disk.signals.has(signal.id), `1: signal ${signal.id} was acknowledged and is not in the store`);
  }

  /** Before each effect on the plant. */
  effect(order: Order): void {
    const { disk, plant, safety, now, marks } = this.#of;
    const id = order.key.split(".")[0] ?? "";
    const repair = disk.repairs.get(id);
    const step = repair?.steps.find((each) => each.key === order.key);
    demand(step !== undefined, `2: effect ${order.key} happened with no intent in the store`);
    demand(!plant.effects.some((effect) => effect.key === order.key), `2: effect ${order.key} happened twice`);
    demand(repair !== undefined && repair.target === order.target, `2: effect ${order.key} hit ${order.target}`);
    // 3: while one repair of a target is unfinished no other may act on it.
    const others = [...disk.repairs.values()].filter(
      (each) => each.target === order.target && each.id !== id && each.state.name !== "ended",
    );
    demand(others.length === 0, `3: ${id} acts on ${order.target} while ${others[0]?.id} is live`);
    // 4: budgets, counted by the plant.
    if (!this.#repaired.has(id)) {
      this.#repaired.set(id, order.target);
      const remedy = this.#of.remedies.find((each) => each.name === repair.remedy.name);
      const firsts = this.#firsts(
        (effect) => effect.target === order.target && disk.repairs.get(idOf(effect))?.remedy.name === remedy?.name,
      );
      for (const budget of remedy?.budgets ?? []) {
        const runs = firsts.filter((effect) => effect.at > now() - budget.windowMs + 10_000).length + 1;
        demand(
          runs <= budget.runs,
          `4: ${remedy?.name} ran ${runs} times on ${order.target}, its budget is ${budget.runs}`,
        );
      }
      const disturbing =
        this.#firsts((effect) => disk.repairs.get(idOf(effect))?.disruptive === true && effect.at > now() - 3_590_000)
          .length + (repair.disruptive ? 1 : 0);
      demand(disturbing <= safety.globalPerHour, `4: ${disturbing} disturbing repairs within an hour`);
    }
    // 5: blast radius.
    if (repair.disruptive) {
      const part = plant.part(order.target);
      const members = [...plant.parts.values()].filter((each) => each.spec.group === part.spec.group);
      const busy = new Set(
        [...disk.repairs.values()]
          .filter(
            (each) =>
              each.group === repair.group &&
              (each.state.name === "acting" || each.state.name === "verifying") &&
              each.disruptive,
          )
          .map((each) => each.target),
      );
      demand(
        busy.size <= blastAllowed(members.length, safety.blastRadius),
        `5: ${busy.size} members of ${repair.group} are under repair at once`,
      );
    }
    // 8: nothing starts while paused; what was under way before may finish.
    const { paused, storm } = disk.settings;
    if (paused !== null && repair.approvedBy === "policy") {
      demand(
        (repair.startedAt ?? now()) <= paused.at,
        `8: ${id} started ${(repair.startedAt ?? 0) - paused.at} ms after the pause`,
      );
      marks.add("an action that began before a pause finished during it");
    }
    if (storm !== null) marks.add("an effect during a storm");
    const incident = repair.incident === null ? undefined : disk.incidents.get(repair.incident);
    if (storm !== null && incident?.certainty === "inferred" && repair.approvedBy === "policy")
      demand((repair.startedAt ?? now()) <= storm.since, `6: ${id} started during a storm`);
  }

  #firsts(matching: (effect: EffectRecord) => boolean): EffectRecord[] {
    const seen = new Set<string>();
    return this.#of.plant.effects.filter((effect) => {
      if (seen.has(idOf(effect)) || !matching(effect)) return false;
      seen.add(idOf(effect));
      return true;
    });
  }

  /** After each commit. */
  committed(changes: Changes, before: ReadonlyMap<string, Issue>): void {
    const { disk, marks } = this.#of;
    for (const issue of changes.issues ?? []) {
      const old = before.get(issue.id);
      if (old !== undefined && old.status !== issue.status)
        demand(
          statusEdges[old.status].includes(issue.status),
          `issue ${issue.id} moved from ${old.status} to ${issue.status}`,
        );
      demand(
        ![...disk.issues.values()].some((other) => other.id !== issue.id && other.fingerprint === issue.fingerprint),
        `two issues for ${issue.fingerprint}`,
      );
      if (issue.regressed) marks.add("an issue regressed");
    }
    for (const incident of changes.incidents ?? []) {
      const open = [...disk.incidents.values()].filter(
        (each) => each.issue === incident.issue && each.state === "open",
      );
      demand(open.length <= 1, `issue ${incident.issue} has ${open.length} open incidents`);
      if (incident.state === "handed-over") marks.add("escalation");
      if (incident.outcome === "recovered" && incident.recoveredBy === "repair") this.#recoveredForReal(incident);
      if (incident.causedBy !== null) marks.add("cause suppressed effect");
    }
    for (const repair of changes.repairs ?? []) {
      const live = [...disk.repairs.values()].filter(
        (each) => each.target === repair.target && each.state.name !== "ended",
      );
      demand(live.length <= 1, `3: ${live.map((each) => each.id).join(" and ")} are live on ${repair.target}`);
      if (repair.state.name === "ended") marks.add(`repair ${repair.state.outcome}`);
      if (repair.state.name === "ended") this.#undone(repair);
      demand(repair.steps.length <= 2 * repair.remedy.steps.length, `${repair.id} has more steps than its remedy`);
    }
    demand(disk.incidents.size < 5_000, "10: incidents grow without bound");
    if (changes.settings?.storm != null) marks.add("storm");
    if (changes.standings?.some((standing) => standing.demotedTo !== null)) marks.add("a remedy was demoted");
  }

  /** Whatever did not help was undone, as far as it can be, before the run ended; a crash in between changes nothing. */
  #undone(repair: Repair): void {
    if (repair.state.name !== "ended" || repair.state.outcome !== "failed") return;
    const broken = repair.steps.some((step) => step.undo && step.outcome?.kind !== "succeeded");
    for (const [at, step] of repair.remedy.steps.entries()) {
      const done = repair.steps.some(
        (record) => !record.undo && record.key.endsWith(`step${at}`) && record.outcome?.kind === "succeeded",
      );
      const undone = repair.steps.some((record) => record.undo && record.key.endsWith(`undo${at}`));
      if (!done || step.undo === null) continue;
      demand(undone || broken, `27: ${repair.id} failed and step ${at + 1} was not undone`);
      if (undone) this.#of.marks.add("a run was undone");
    }
  }

  /** 9: called recovered only after it really was good for the window, as far as its checks can see. */
  #recoveredForReal(incident: Incident): void {
    const { plant, disk, now, marks } = this.#of;
    const repair = [...disk.repairs.values()]
      .filter(
        (each) => each.target === incident.target && each.state.name === "ended" && each.state.outcome === "verified",
      )
      .at(-1);
    demand(repair !== undefined, `9: ${incident.id} recovered by a repair, but none was verified`);
    const window = (this.#of.remedies.find((each) => each.name === repair.remedy.name) ?? repair.remedy).verify
      .windowMs;
    demand(
      now() - (incident.recoveredAt ?? now()) >= window,
      `9: ${incident.id} was called recovered before its window had passed`,
    );
    const part: Part = plant.part(incident.target);
    const badFor = part.downtime.since === null ? 0 : now() - part.downtime.since;
    demand(
      badFor < visibleMs || part.ailment?.kind === "leak" || part.ailment?.kind === "mute",
      `9: ${incident.id} (${incident.target}) was called recovered after ${badFor} ms of being bad (${part.ailment?.kind ?? "a dependency"})`,
    );
    marks.add("verified recovery");
  }

  notified(notification: Notification): void {
    if (this.#notified.has(notification.key)) this.#of.marks.add("a notification was delivered twice, with one key");
    this.#notified.add(notification.key);
  }

  /** 7: nothing hangs; used to end a run early. */
  atRest(): boolean {
    const { disk } = this.#of;
    for (const repair of disk.repairs.values()) if (repair.state.name !== "ended") return false;
    for (const incident of disk.incidents.values()) if (isOpen(incident)) return false;
    for (const notification of disk.notifications.values()) if (notification.deliveredAt === null) return false;
    return [...this.#of.plant.parts.values()].every((part) => this.#of.plant.isGood(part) || this.#accountedFor(part));
  }

  #accountedFor(part: Part): boolean {
    const { disk, plant } = this.#of;
    const explained = (key: string): boolean =>
      [...disk.incidents.values()].some(
        (incident) => incident.target === key && incident.state === "handed-over" && incident.firing,
      );
    return (
      explained(part.spec.key) ||
      part.spec.dependsOn.some(
        (key) =>
          plant.parts.has(key) &&
          !plant.isGood(plant.part(key)) &&
          (explained(key) || this.#accountedFor(plant.part(key))),
      ) ||
      part.ailment?.kind === "leak"
    );
  }

  /** After the faults stopped and time was given: everything healthy or handed over, every incident ended, the sums agree. */
  end(unacknowledged: number): void {
    const { disk, plant, now } = this.#of;
    demand(unacknowledged === 0, `1: ${unacknowledged} events were never taken`);
    for (const repair of disk.repairs.values())
      demand(repair.state.name === "ended", `7: ${repair.id} is still ${repair.state.name}`);
    for (const incident of disk.incidents.values())
      demand(
        !isOpen(incident),
        `7: ${incident.id} (${incident.kind} of ${incident.target}) never ended; blocked by ${incident.blockedBy ?? "nothing"}, caused by ${incident.causedBy ?? "nothing"}`,
      );
    for (const part of plant.parts.values())
      demand(
        plant.isGood(part) || this.#accountedFor(part),
        `7: ${part.spec.key} is not good (${part.ailment?.kind ?? "down"}) and nobody was told`,
      );
    const incidents = [...disk.incidents.values()];
    const sums = kpis({ from: 0, to: now(), incidents, tallies: [...disk.tallies.values()], series: [] }, false);
    const ended = incidents.filter((incident) => incident.outcome !== null).length;
    demand(
      incidents.length === ended + incidents.filter((incident) => incident.state === "open").length,
      "KPIs: opened = ended + live",
    );
    demand(sums.autoRecovery.count <= sums.autoRecovery.of, "KPIs: more recovered than ended");
  }
}

/** What is only worth a look stands as long as it is seen; nobody waits for its end. */
function isOpen(incident: Incident): boolean {
  return incident.state === "open" && !(isLearned(incident.kind) && incident.firing && !incident.ripe);
}

function idOf(effect: EffectRecord): string {
  return effect.key.split(".")[0] ?? "";
}

function demand(holds: boolean, sentence: string): asserts holds {
  if (!holds) throw new Error(sentence);
}
