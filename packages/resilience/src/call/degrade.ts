// Named levels of service, from full to barely alive. Several holders (an operator, a control plane, a breaker's
// listener) may each ask for a level; the worst one asked for is in force until its holder lets go or its time is over.
// Code asks which level it is, or whether a feature is still on.
import { BadOptionError } from "../errors.ts";
import { Guard, named } from "../guard.ts";
import type { GuardOptions, Look } from "../guard.ts";
import type { Controls } from "../report.ts";
import type { Timer } from "../system.ts";

export interface DegradeOptions<Level extends string> extends GuardOptions {
  /** Names of the levels, best first; 2 to 20 of them. */
  readonly levels: readonly [Level, Level, ...Level[]];
  /** The last level at which each feature is still on. A feature that is not named here is always on. */
  readonly features?: Readonly<Record<string, Level>>;
  /** Most holders at a time (default 32). One more is refused with an error. */
  readonly holdersMax?: number;
}

/** @throws BadOptionError naming the option that breaks a rule. */
export function degrade<Level extends string>(options: DegradeOptions<Level>): Degrade<Level> {
  return named(new Degrade(options), options);
}

export class Degrade<Level extends string> extends Guard {
  readonly levels: readonly Level[];
  readonly #features: Readonly<Record<string, Level>>;
  readonly #holdersMax: number;
  readonly #holders = new Map<string, { readonly at: number; readonly timer: Timer | undefined }>();
  #at = 0;
  #changes = 0;

  constructor(options: DegradeOptions<Level>) {
    super("degrade", options);
    this.levels = options.levels;
    if (new Set(this.levels).size !== this.levels.length || this.levels.length < 2 || this.levels.length > 20)
      throw new BadOptionError(this.name, "levels", this.levels.join(", "), "2 to 20 different names, best first");
    this.#features = options.features ?? {};
    for (const [feature, level] of Object.entries(this.#features)) this.#index(`features.${feature}`, level);
    this.#holdersMax = this.integer(options, "holdersMax", 32, 1, 1000);
  }

  /** The level in force. */
  get level(): Level {
    return this.levels[this.#at] as Level;
  }

  /** Whether a feature is on at the level in force. */
  allows(feature: string): boolean {
    const last = Object.hasOwn(this.#features, feature) ? this.#features[feature] : undefined;
    return last === undefined || this.#at <= this.levels.indexOf(last);
  }

  /**
   * Asks for a level in the name of `holder`, replacing what it asked for before.
   * @param forMs time after which it lets go by itself (default: never). @throws BadOptionError for an unknown level or too many holders.
   */
  hold(holder: string, level: Level, forMs = Infinity): void {
    const at = this.#index("level", level);
    this.check("forMs", forMs, 0, Infinity);
    if (!this.#holders.has(holder) && this.#holders.size >= this.#holdersMax)
      throw new BadOptionError(this.name, "holder", holder, `one of at most ${this.#holdersMax}; let another go first`);
    this.#holders.get(holder)?.timer?.cancel();
    const timer = forMs === Infinity ? undefined : this.system.setTimer(() => this.letGo(holder), forMs);
    this.#holders.set(holder, { at, timer });
    this.#settle();
  }

  /** Takes back what `holder` asked for; false when it asked for nothing. */
  letGo(holder: string): boolean {
    this.#holders.get(holder)?.timer?.cancel();
    const held = this.#holders.delete(holder);
    this.#settle();
    return held;
  }

  /** Picks what belongs to the level in force, or to the nearest better one that has an entry. */
  pick<Value>(byLevel: Readonly<Partial<Record<Level, Value>>>): Value | undefined {
    for (let at = this.#at; at >= 0; at -= 1) {
      const level = this.levels[at] as Level;
      if (Object.hasOwn(byLevel, level)) return byLevel[level];
    }
    return undefined;
  }

  protected look(): Look {
    return {
      state: this.level,
      values: { level: this.#at, holders: this.#holders.size },
      counts: { changes: this.#changes },
    };
  }

  /** "set-level" holds a level in the name of the control plane; the best level lets go. */
  readonly controls: Controls = {
    "set-level": (level) => {
      const name = typeof level === "number" ? this.levels[level] : level;
      if (name === this.levels[0]) this.letGo("control");
      else this.hold("control", name as Level);
    },
  };

  #settle(): void {
    let at = 0;
    for (const held of this.#holders.values()) at = Math.max(at, held.at);
    if (at === this.#at) return;
    const was = this.level;
    const worse = at > this.#at;
    this.#at = at;
    this.#changes += 1;
    this.say(worse ? "degraded" : "restored", worse ? "trip" : "info", { was, level: this.level });
  }

  #index(field: string, level: string): number {
    this.oneOf(field, level, this.levels);
    return this.levels.indexOf(level as Level);
  }
}
